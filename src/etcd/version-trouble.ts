import { listed } from '../report/text.ts';
import { statusTable } from './look-commands.ts';
import type { Trouble } from './trouble.ts';
import type { ClusterView } from './view.ts';

/** Members of different versions: within a minor a remark; one minor apart an upgrade under way; more is unsupported. */
export function versionTroubles(view: ClusterView): Trouble[] {
  const byVersion = new Map<string, string[]>();
  for (const { status, label } of view.members)
    if (status !== null) byVersion.set(status.version, [...(byVersion.get(status.version) ?? []), label]);
  if (byVersion.size < 2) return [];
  const versions = [...byVersion].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  const minors = [...new Set(versions.map(([version]) => version.split('.').slice(0, 2).join('.')))];
  return [
    {
      severity: minors.length > 1 ? 'warning' : 'info',
      grade: 'fact',
      claim: `The members run different versions: ${listed(versions.map(([version]) => version))}.`,
      evidence: versions.map(([version, labels]) => `${version}: ${labels.join(', ')}`).join('; '),
      impact:
        minors.length > 1
          ? 'The cluster works as its oldest member does; members may be added or promoted under rules that the others do not know.'
          : 'None by itself: the same minor version.',
      advice: adviceFor(minors, versions),
      command: statusTable(view),
      ...(minors.length > 1
        ? { short: `versions differ (${versions.map(([version]) => version).join(', ')})`, cause: 'version-skew' }
        : {}),
    },
  ];
}

/** etcd goes from one minor version to the next; none may be skipped (etcd documentation, Upgrading etcd). */
function adviceFor(minors: readonly string[], versions: readonly (readonly [string, readonly string[]])[]): string {
  const finish = 'Finish the upgrade, one member at a time, each only when the last one is healthy again.';
  const steps = stepsBetween(minors[0] ?? '', minors.at(-1) ?? '');
  if (steps.length < 3) return finish;
  const [oldest = '', next = ''] = steps;
  const old = versions.filter(([version]) => version.startsWith(`${oldest}.`)).flatMap(([, labels]) => labels);
  return `etcd supports no skipped minor version: the order is ${steps.join(', then ')}, each on every member before the next. Take ${listed(old)} to ${next} first, and no further member beyond it; do not restart the newest ones meanwhile. Save a snapshot before.`;
}

/** Every minor version from the oldest to the newest; empty where the major differs. */
function stepsBetween(oldest: string, newest: string): string[] {
  const [major = '', from = ''] = oldest.split('.');
  const [newestMajor, to = ''] = newest.split('.');
  if (major !== newestMajor) return [];
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => `${major}.${Number(from) + index}`);
}
