import { formatBytes, listed } from '../report/text.ts';
import { etcdctl } from './etcdctl.ts';
import { answeringEndpoints, compact, defragment, statusTable } from './look-commands.ts';
import { headOf, leaderLast, recoveryStep, revisionsToCompact } from './space-recovery.ts';
import { sentences, type Trouble } from './trouble.ts';
import { type ClusterView, defaultQuotaBytes, type MemberView } from './view.ts';

/** Shares of the quota from which there is a warning, and from which it is urgent. */
const warningShare = 0.8;
const criticalShare = 0.95;
/** etcd logs a warning above this quota (MaxQuotaBytes). */
export const suggestedQuotaBytes = 8 * 1024 ** 3;
/** Free space inside a database that is worth a defragmentation. */
const worthwhileBytes = 100 * 1024 ** 2;

/** Alarms, and how much of the quota is used. */
export function spaceTroubles(view: ClusterView): Trouble[] {
  return [...alarmTroubles(view), ...sizeTroubles(view), ...fragmentTroubles(view), ...quotaTroubles(view)];
}

/** The quota that counts for a member; `isAssumed` where nobody told it. */
export function quotaOf(member: MemberView): { readonly bytes: number; readonly isAssumed: boolean } {
  return member.quotaBytes === null
    ? { bytes: defaultQuotaBytes, isAssumed: true }
    : { bytes: member.quotaBytes, isAssumed: false };
}

/** `1.2 GiB of 8 GiB`, `20 KiB of 2 GiB (assumed)`; '' where the member did not answer. */
export function describeSize(member: MemberView): string {
  if (member.status === null) return '';
  const quota = quotaOf(member);
  return `${formatBytes(member.status.dbSizeBytes)} of ${formatBytes(quota.bytes)}${quota.isAssumed ? ' (assumed)' : ''}`;
}

/** The member that is closest to its quota. */
export function fullestMember(view: ClusterView): MemberView | null {
  const sized = view.members.filter(({ status }) => status !== null);
  return [...sized].sort((a, b) => shareOf(b) - shareOf(a))[0] ?? null;
}

const shareOf = (member: MemberView) => (member.status?.dbSizeBytes ?? 0) / quotaOf(member).bytes;

function sizesOf(members: readonly MemberView[]): string {
  return members
    .flatMap((member) =>
      member.status === null
        ? []
        : [`${member.label}: ${describeSize(member)}, ${formatBytes(member.status.dbSizeInUseBytes)} in use`],
    )
    .join('; ');
}

/** What each alarm means, and the next step out of it. */
export function alarmTroubles(view: ClusterView): Trouble[] {
  const full = view.members.filter(({ alarms }) => alarms.includes('NOSPACE'));
  const corrupt = view.members.filter(({ alarms }) => alarms.includes('CORRUPT'));
  const troubles: Trouble[] = [];
  if (corrupt.length > 0)
    troubles.push({
      severity: 'critical',
      grade: 'fact',
      claim: `CORRUPT alarm on ${listed(corrupt.map(({ label }) => label))}: its data differs from the others'.`,
      evidence: alarmEvidence(view, 'CORRUPT', corrupt),
      impact: 'etcd refuses writes and reads while this alarm is on, and what the member holds cannot be trusted.',
      advice:
        'Do not disarm it. Save a snapshot of a good member, compare the hashes, then remove the corrupt member and add it again with an empty data directory.',
      command: etcdctl(view.seen, answeringEndpoints(view), 'endpoint', 'hashkv', '-w', 'table'),
      short: `CORRUPT alarm on ${listed(corrupt.map(({ label }) => label))}`,
      cause: 'corrupt',
    });
  if (full.length > 0) {
    const { advice, command } = recoveryStep(view);
    const holders = full.length === view.members.length ? 'all members' : listed(full.map(({ label }) => label));
    troubles.push({
      severity: 'critical',
      grade: 'fact',
      claim: `NOSPACE alarm on ${listed(full.map(({ label }) => label))}: the database has reached its quota.`,
      evidence: sentences(`${alarmEvidence(view, 'NOSPACE', full)}.`, `${sizesOf(view.members)}.`),
      impact:
        'The whole cluster refuses writes (put, transactions with a put, leases: "mvcc: database space exceeded"), and /health is 503 on every member; reads and deletes work. Kubernetes stands still.',
      advice: `\`/etcd recover-space\` does all of it, as one approved change. By hand, the next step: ${advice}`,
      command,
      short: `no space, reads and deletes only (NOSPACE on ${holders})`,
      cause: 'nospace',
    });
  }
  return troubles;
}

function alarmEvidence({ seen, members }: ClusterView, kind: string, holders: readonly MemberView[]): string {
  if (seen.alarms !== null)
    return `Alarm list: ${holders.map(({ member, status }) => `memberID:${member?.id ?? status?.memberId} alarm:${kind}`).join(', ')}`;
  const errors = members.flatMap(({ status, label }) =>
    (status?.errors ?? [])
      .filter((error) => error.includes(`alarm:${kind}`))
      .map((error) => `${label} reports "${error}"`),
  );
  return errors.join('; ');
}

const hasNoSpace = ({ members }: ClusterView) => members.some(({ alarms }) => alarms.includes('NOSPACE'));

function sizeTroubles(view: ClusterView): Trouble[] {
  const near = view.members.filter((member) => member.status !== null && shareOf(member) >= warningShare);
  if (hasNoSpace(view)) return [];
  const fullest = [...near].sort((a, b) => shareOf(b) - shareOf(a))[0];
  if (fullest === undefined) return [];
  const share = Math.floor(shareOf(fullest) * 100);
  const { isAssumed } = quotaOf(fullest);
  const step = reliefStep(near, view);
  return [
    {
      severity: shareOf(fullest) >= criticalShare && !isAssumed ? 'critical' : 'warning',
      grade: isAssumed ? 'inferred' : 'fact',
      claim: `The database of ${listed(near.map(({ label }) => label))} is close to the quota: ${share}%.`,
      evidence: `${sizesOf(near)}.${isAssumed ? ' The quota is not told by this version and not configured: etcd’s default of 2 GiB is assumed.' : ''}`,
      impact: 'At the quota the whole cluster refuses writes (NOSPACE).',
      advice: sentences(
        step.advice,
        isAssumed ? `Set quotaBytes under etcd.clusters.${view.seen.cluster} to what --quota-backend-bytes is.` : '',
      ),
      command: step.command,
      short: `at ${share}% of the quota`,
      who: near.map(({ label }) => label),
      cause: 'near-quota',
    },
  ];
}

/** What makes room before the quota is reached: space that is free inside, then old history, then less data. */
function reliefStep(
  near: readonly MemberView[],
  view: ClusterView,
): { readonly advice: string; readonly command: string } {
  const loose = leaderLast(near).find(
    ({ status, endpoint, isLearner }) =>
      status !== null && endpoint !== null && !isLearner && status.dbSizeInUseBytes < status.dbSizeBytes * 0.8,
  );
  if (loose !== undefined)
    return {
      advice:
        'Defragment one member at a time, the leader last (each answers nothing for 10 to 15 ms a megabyte), and find out what grows.',
      command: defragment(loose, view),
    };
  if (revisionsToCompact(view) === 0)
    return {
      advice:
        'The history is compacted and little is free inside, so it is live data: find out what grows and delete it, or raise the quota member by member.',
      command: statusTable(view),
    };
  return {
    advice:
      'Compact, if nobody does so regularly (kube-apiserver does, every 5 minutes), and find out what grows: defragment afterwards, one member at a time, the leader last.',
    command: compact(headOf(view), view),
  };
}

function fragmentTroubles(view: ClusterView): Trouble[] {
  if (hasNoSpace(view)) return [];
  const loose = view.members.filter(({ status, isLearner }) => {
    if (isLearner) return false;
    const free = status === null ? 0 : status.dbSizeBytes - status.dbSizeInUseBytes;
    return status !== null && free >= worthwhileBytes && free > status.dbSizeBytes / 2;
  });
  const [first] = leaderLast(loose);
  if (first === undefined || first.endpoint === null) return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: `More than half of the database of ${listed(loose.map(({ label }) => label))} is free inside.`,
      evidence: `${sizesOf(loose)}.`,
      impact: 'None while the quota is far; only a defragmentation gives the space back.',
      advice:
        'Defragment one member at a time, the leader last: it answers nothing meanwhile (10 to 15 ms a megabyte).',
      command: defragment(first, view),
    },
  ];
}

function quotaTroubles(view: ClusterView): Trouble[] {
  const told = view.members.filter(({ quotaBytes, status }) => quotaBytes !== null && status !== null);
  const quotas = new Set(told.map(({ quotaBytes }) => quotaBytes));
  const by = told.map(({ label, quotaBytes }) => `${label}: ${formatBytes(quotaBytes ?? 0)}`).join('; ');
  const troubles: Trouble[] = [];
  if (quotas.size > 1)
    troubles.push({
      severity: 'warning',
      grade: 'fact',
      claim: 'The members have different quotas: the smallest one stops the whole cluster.',
      evidence: by,
      impact: 'None until the smallest is reached.',
      advice: 'Start all members with the same --quota-backend-bytes.',
      short: 'quotas differ',
      cause: 'quota-skew',
    });
  if (told.some(({ quotaBytes }) => (quotaBytes ?? 0) > suggestedQuotaBytes))
    troubles.push({
      severity: 'info',
      grade: 'fact',
      claim: 'The quota is above the 8 GiB that etcd suggests at most.',
      evidence: by,
      impact: 'None by itself; starts, snapshots and defragmentations take long.',
      advice: 'Keep the data small rather than the quota large.',
    });
  return troubles;
}
