import type { Check } from '../job.ts';
import { listed } from '../report/text.ts';
import { ok } from './checks.ts';
import type { KnownCluster } from './member-reference.ts';

/** `3.5.16` as numbers; undefined for what is no such version. */
export function versionNumbers(version: string): readonly [number, number, number] | undefined {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  return [Number(major), Number(minor), Number(patch)];
}

/** Whether a version is at least the other; unknown ones are not. */
export function isAtLeast(version: string, least: readonly [number, number, number]): boolean {
  const numbers = versionNumbers(version);
  if (numbers === undefined) return false;
  for (const [index, number] of numbers.entries()) {
    const wanted = least[index] ?? 0;
    if (number !== wanted) return number > wanted;
  }
  return true;
}

function within(
  version: string,
  from: readonly [number, number, number],
  to: readonly [number, number, number],
): boolean {
  return isAtLeast(version, from) && (!isAtLeast(version, to) || version.replace(/^v/, '') === to.join('.'));
}

const versionsOf = (view: KnownCluster) => [
  ...new Set(view.members.flatMap(({ status }) => (status === null ? [] : [status.version]))),
];

/** What the members' versions know, and what is known to be wrong with them. */
export function versionChecks(view: KnownCluster, as: 'learner-then-promote' | 'voter'): Check[] {
  const versions = versionsOf(view).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return [
    ...learnerChecks(versions, as),
    minorCheck(versions),
    ...promotionChecks(versions, as),
    ...guardChecks(versions, as),
  ];
}

function learnerChecks(versions: readonly string[], as: 'learner-then-promote' | 'voter'): Check[] {
  if (as === 'voter') return [];
  const name = 'The members know learners';
  const old = versions.filter((version) => !isAtLeast(version, [3, 4, 0]));
  if (old.length === 0 && versions.length > 0) return [ok(name, `etcd ${listed(versions)}: learners came with 3.4.`)];
  return [
    {
      name,
      status: versions.length === 0 ? 'unknown' : 'blocking',
      seen:
        versions.length === 0
          ? 'No member tells its version.'
          : `etcd ${listed(old)} has no learners: they came with 3.4, and it would be added as a voter at once.`,
      advice: 'Upgrade first, or add it as a voter knowingly: --voter.',
    },
  ];
}

function minorCheck(versions: readonly string[]): Check {
  const name = 'One minor version';
  const minors = [...new Set(versions.map((version) => version.split('.').slice(0, 2).join('.')))];
  if (minors.length === 1) return ok(name, `etcd ${listed(versions)}.`);
  return {
    name,
    status: minors.length === 0 ? 'unknown' : 'warning',
    seen: minors.length === 0 ? 'No member tells its version.' : `The members run ${listed(versions)}.`,
    advice: 'Finish the upgrade first: members of different minors apply different rules to changes of members.',
  };
}

/** etcd#19557: promotions by 3.5.1 to 3.5.19 are not written to the store that 3.6 reads. */
function promotionChecks(versions: readonly string[], as: 'learner-then-promote' | 'voter'): Check[] {
  if (as === 'voter') return [];
  const name = 'Promotion is kept over upgrades';
  const affected = versions.filter((version) => within(version, [3, 5, 1], [3, 5, 19]));
  if (affected.length === 0) return versions.length === 0 ? [] : [ok(name, `Not one of 3.5.1 to 3.5.19.`)];
  return [
    {
      name,
      status: 'warning',
      seen: `etcd ${listed(affected)} does not store a promotion where 3.6 looks for it: that upgrade then fails with "too many learner members" (etcd#19557).`,
      advice: 'Go to the latest 3.5 before this, and in any case before 3.6.',
    },
  ];
}

/** Later servers let a second unstarted voter in (3.5.30 seen, 3.6.11 by its source): only this bot's own check holds it back. */
function guardChecks(versions: readonly string[], as: 'learner-then-promote' | 'voter'): Check[] {
  if (as === 'learner-then-promote') return [];
  const lenient = versions.filter(
    (version) => within(version, [3, 5, 30], [3, 5, 999]) || isAtLeast(version, [3, 6, 11]),
  );
  if (lenient.length === 0) return [];
  return [
    {
      name: 'The server’s own guard',
      status: 'warning',
      seen: `etcd ${listed(lenient)} accepts a second voter while the first has not started, and then every running voter is needed.`,
      advice: 'Add the next one only when this one is healthy; or add learners.',
    },
  ];
}
