import type { Check } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import { count, formatBytes, formatDuration, listed } from '../../report/text.ts';
import { ok, votersOf } from '../checks.ts';
import { type KnownCluster, type ListedMember, labelled } from '../member-reference.ts';
import { expectedBlockMs, fullShare } from './figures.ts';
import { quotaFor } from './quota.ts';
import { podOf, type StaticPodsSeen } from './static-pods.ts';

/** Whether what would stop a defragmentation is only warned of: then two people have to say yes. */
export type Care = 'careful' | 'forced';

const stops = (care: Care) => (care === 'forced' ? 'warning' : 'blocking');
const dbSize = ({ status }: ListedMember) => status?.dbSizeBytes ?? 0;

export const hasNoSpace = (view: KnownCluster): boolean => noSpaceHolders(view).length > 0;

/** Ids of the members with a NOSPACE alarm, those among them that are no members any more. */
export function noSpaceHolders({ seen, members }: KnownCluster): string[] {
  const ids =
    seen.alarms === null
      ? members.flatMap(({ member, alarms }) => (alarms.includes('NOSPACE') ? [member.id] : []))
      : seen.alarms.flatMap(({ kind, memberId }) => (kind === 'NOSPACE' ? [memberId] : []));
  return [...new Set(ids)].sort();
}

/** Nothing is given back, dropped or disarmed over data that may be wrong. */
export function corruptCheck({ members }: KnownCluster): Check {
  const name = 'No data is in doubt';
  const corrupt = members.filter(({ alarms }) => alarms.includes('CORRUPT'));
  if (corrupt.length === 0) return ok(name, 'No CORRUPT alarm is on.');
  return {
    name,
    status: 'blocking',
    seen: `CORRUPT is on for ${labelled(corrupt)}.`,
    advice:
      'Settle that first: `/etcd health` tells how. What is compacted or rewritten now cannot be compared any more.',
  };
}

/** A member that defragments answers nothing: the others have to do without it, and may then lose one more. */
export function spareCheck(view: KnownCluster, care: Care): Check {
  const name = 'One member can be spared';
  const voters = votersOf(view);
  const { needed } = view.quorum;
  const lost = voters.filter(({ works }) => !works);
  const seen = `${view.working} of ${count(voters.length, 'voter')} work, ${needed} needed${lost.length === 0 ? '' : `; not working: ${labelled(lost)}`}`;
  if (view.working >= needed + 1) return ok(name, `${seen}.`);
  // Too small ever to spare one; and nothing is written meanwhile anyway.
  const isTooSmall = lost.length === 0 && hasNoSpace(view);
  return {
    name,
    status: isTooSmall ? 'warning' : stops(care),
    seen: `${seen}: while one is blocked, all of it stands still.`,
    advice:
      lost.length === 0
        ? 'A cluster of this size cannot spare any. `--force` does it all the same and needs two approvers.'
        : `Bring ${labelled(lost)} back first. \`--force\` does it all the same and needs two approvers.`,
  };
}

/** The kubelet ends what fails its probe, in the middle of the work too. */
export function livenessCheck(members: readonly ListedMember[], pods: StaticPodsSeen, care: Care): Check {
  const name = 'No liveness probe ends it in the middle';
  const longest = Math.max(...members.map((member) => expectedBlockMs(dbSize(member))), 0);
  const took = `The longest block is expected to be ${formatDuration(longest)} (12.5 ms a megabyte, an estimate)`;
  if (pods.unseen !== undefined)
    return {
      name,
      status: 'unknown',
      seen: `${took}; whether a probe watches the members is not to be seen: ${pods.unseen}.`,
      advice: 'Where they run as static pods: failureThreshold × periodSeconds of the liveness probe has to be longer.',
    };
  const unseen = members.filter(({ member }) => podOf(pods, member) === undefined);
  const probed = members.map((member) => ({ member, probeMs: podOf(pods, member.member)?.livenessMs ?? null }));
  const short = probed.filter(({ member, probeMs }) => probeMs !== null && expectedBlockMs(dbSize(member)) >= probeMs);
  if (short.length === 0 && unseen.length > 0)
    return {
      name,
      status: 'unknown',
      seen: `${took}; no static pod is seen of ${labelled(unseen)}.`,
      advice: 'Look whether anything ends a member that does not answer for so long.',
    };
  if (short.length === 0) return ok(name, `${took}.`);
  return {
    name,
    status: stops(care),
    seen: `${took}; ended is ${listed(short.map(({ member, probeMs }) => `${member.label} after ${formatDuration(probeMs ?? 0)}`))}.`,
    advice:
      'Raise failureThreshold of the liveness probe in /etc/kubernetes/manifests/etcd.yaml on those nodes first. `--force` needs two approvers.',
  };
}

/** The new database stands beside the old one until it is whole. */
export function diskCheck(members: readonly ListedMember[]): Check {
  const largest = Math.max(...members.map(({ status }) => status?.dbSizeInUseBytes ?? 0), 0);
  return {
    name: 'The disk holds a second copy meanwhile',
    status: 'unknown',
    seen: `Each member writes what is in use, up to ${formatBytes(largest)}, beside its database; how much is free there, etcd does not tell.`,
    advice: `Look on the nodes: \`df -h /var/lib/etcd\` (or where the data directory is) has to show more than ${formatBytes(largest)}.`,
  };
}

/** All whose database is to be rewritten have to answer. */
export function answeringCheck(members: readonly ListedMember[]): Check {
  const name = 'Those to be defragmented answer';
  const silent = members.filter(({ works }) => !works);
  if (silent.length === 0) return ok(name, `${labelled(members)}.`);
  return {
    name,
    status: 'blocking',
    seen: `${labelled(silent)} ${silent.length === 1 ? 'does' : 'do'} not answer as ${silent.length === 1 ? 'a working member' : 'working members'}.`,
    advice: 'Mend that first (`/etcd health`), or name the members one by one: `/etcd defrag <member>`.',
  };
}

/** Who watches behind the head lists again: in Kubernetes that is every controller at once. */
export function watchesCheck(isToHead: boolean): Check {
  const name = 'Watches may list again';
  if (!isToHead) return ok(name, 'Only those that are behind the revisions that are kept.');
  return {
    name,
    status: 'warning',
    seen: 'The history is dropped up to its head: every watch that is behind lists again, in Kubernetes controllers and kubelets.',
    advice: 'Expect a burst of LIST requests at the kube-apiservers for a minute or so.',
  };
}

/** Without need nobody is made to list again. */
export function toHeadCheck(view: KnownCluster): Check {
  const name = 'To the head only when there is no other way';
  if (hasNoSpace(view)) return ok(name, 'NOSPACE is on.');
  return {
    name,
    status: 'blocking',
    seen: 'No NOSPACE alarm is on.',
    advice: 'Keep some: `/etcd compact --keep-revisions 10000`.',
  };
}

/** @throws Refusal for a learner: it refuses to be defragmented */
export function requireVoter(member: ListedMember): ListedMember {
  if (!member.isLearner) return member;
  throw new Refusal(
    `${member.label} is a learner: etcd does not defragment it.`,
    `Promote it first (\`/etcd promote ${member.label}\`), or remove it and add it again with an empty data directory.`,
  );
}

/** Less than this free inside is not worth a block. */
const worthwhile = { bytes: 1024 ** 2, share: 0.1 };

/** @throws Refusal where there is nothing to give back */
export function requireSomethingFree(view: KnownCluster, members: readonly ListedMember[]): void {
  const free = members.flatMap(({ label, status }) =>
    status === null ? [] : [{ label, bytes: status.dbSizeBytes - status.dbSizeInUseBytes, of: status.dbSizeBytes }],
  );
  // One that does not answer is told by a check; one that is full may not know yet what is free inside.
  if (free.length < members.length || hasNoSpace(view)) return;
  if (free.some(({ bytes, of }) => bytes >= worthwhile.bytes && bytes >= of * worthwhile.share)) return;
  throw new Refusal(
    `Nothing to do: ${listed(free.map(({ label, bytes, of }) => `${label} has ${formatBytes(bytes)} free inside of ${formatBytes(of)}`))}.`,
    'To drop old history first, `/etcd compact`. `/etcd space` tells more.',
  );
}

/** Disarmed too early the alarm is back with the next write, and the alarm's own message is lost. */
export function roomCheck(view: KnownCluster, pods: StaticPodsSeen): Check {
  const name = 'There is room again';
  const fullest = fullestOf(view, pods);
  if (fullest === undefined)
    return { name, status: 'blocking', seen: 'No voter tells its size.', advice: '`/etcd health` tells more.' };
  const { label, dbSizeBytes, quotaBytes, isAssumed } = fullest;
  const seen = `${label}, the fullest, has ${formatBytes(dbSizeBytes)} of ${formatBytes(quotaBytes)}${isAssumed ? ' (the default, assumed)' : ''}`;
  const silent = votersOf(view).filter(({ status, isStarted }) => status === null && isStarted);
  if (dbSizeBytes >= quotaBytes * fullShare)
    return {
      name,
      status: 'blocking',
      seen: `${seen}: the alarm would be back with the next write.`,
      advice: '`/etcd recover-space` makes room first, and disarms then.',
    };
  if (isAssumed || silent.length > 0)
    return {
      name,
      status: 'warning',
      seen: `${seen}${silent.length === 0 ? '' : `; ${labelled(silent)} could not be asked`}.`,
      advice: 'If the alarm is back at once, there is none: `/etcd recover-space` makes room.',
    };
  return ok(name, `${seen}.`);
}

/** The voter that is closest to its quota; undefined where none answers. */
export function fullestOf(view: KnownCluster, pods: StaticPodsSeen) {
  const sized = votersOf(view).flatMap((member) => {
    if (member.status === null) return [];
    const quota = quotaFor(member, view.seen.configuredQuotaBytes, pods);
    const { dbSizeBytes, dbSizeInUseBytes } = member.status;
    const isAssumed = quota.source === 'assumed';
    return [{ label: member.label, dbSizeBytes, dbSizeInUseBytes, quotaBytes: quota.bytes, isAssumed }];
  });
  return sized.sort((a, b) => b.dbSizeBytes / b.quotaBytes - a.dbSizeBytes / a.quotaBytes)[0];
}
