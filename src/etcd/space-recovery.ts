import { formatBytes, listed } from '../report/text.ts';
import { etcdctl } from './etcdctl.ts';
import { answeringEndpoints, compact, defragment, statusTable } from './look-commands.ts';
import { fullShare } from './space/figures.ts';
import type { ClusterView, MemberView } from './view.ts';

/** The next step out of NOSPACE: what to do, why, and the command. */
export type RecoveryStep = {
  readonly kind: 'compact' | 'defragment' | 'disarm' | 'live-data' | 'ask';
  readonly advice: string;
  readonly command: string;
};

/** Space free inside a database that a defragmentation is worth: a tenth of it, and a megabyte at least. */
const holeShare = 0.1;
const holeBytes = 1024 ** 2;
/** Where less than this share is in use, a defragmentation alone gives room enough. */
const roomyShare = 0.6;
/** A history of so many revisions, or of a tenth of all, is worth a compaction before anything else. */
const longHistory = 1000;

/**
 * Decides from the sizes of the members that answer. All hold the same data, so the smallest figure of what is in use counts for
 * each of them: bbolt's own figure follows only with the next write, and under NOSPACE there may be none.
 */
export function recoveryStep(view: ClusterView): RecoveryStep {
  const voters = view.members.filter(({ status, isLearner }) => status !== null && !isLearner);
  const quotas = voters.flatMap(({ quotaBytes }) => (quotaBytes === null ? [] : [quotaBytes]));
  const quota = quotas.length === 0 ? null : Math.min(...quotas);
  const largest = Math.max(0, ...voters.map(sizeOf));
  const inUse = Math.min(...voters.map(({ status }) => status?.dbSizeInUseBytes ?? 0), largest);
  if (voters.length === 0)
    return { kind: 'ask', advice: 'Ask again once a voter answers.', command: statusTable(view) };
  const loose = leaderLast(voters).filter((member) => {
    const free = sizeOf(member) - inUse;
    return free >= holeBytes && free >= sizeOf(member) * holeShare && sizeOf(member) >= (quota ?? 0) / 2;
  });
  const isFull = quota !== null && largest >= quota * fullShare;
  if (isCompactionWorthIt(view, { loose, isFull, inUse, limit: quota ?? largest })) return compaction(view);
  const [next] = loose;
  if (next !== undefined) return defragmentation(next, loose, inUse, view);
  if (isFull && quota !== null) return liveData(inUse, quota, view);
  return disarming(view, quota);
}

const sizeOf = ({ status }: MemberView) => status?.dbSizeBytes ?? 0;

/** A member that defragments answers nothing: the leader, on which all wait, comes last. */
export function leaderLast<Member extends MemberView>(members: readonly Member[]): Member[] {
  return [...members].sort((a, b) => Number(a.isLeader) - Number(b.isLeader));
}

/** How many revisions a compaction could drop; null where nobody's metrics tell. */
export function revisionsToCompact({ members }: ClusterView): number | null {
  const left = members.flatMap(({ metrics, status }) =>
    metrics?.compactRevision == null || status === null
      ? []
      : [Math.max(0, status.revision - Math.max(0, metrics.compactRevision))],
  );
  return left.length === 0 ? null : Math.min(...left);
}

type Sizes = {
  readonly loose: readonly MemberView[];
  readonly isFull: boolean;
  readonly inUse: number;
  readonly limit: number;
};

/** Only where what is in use is the trouble, and there is a history to drop: a short one only where nothing else is left to do. */
function isCompactionWorthIt(view: ClusterView, { loose, isFull, inUse, limit }: Sizes): boolean {
  if (inUse < limit * roomyShare) return false;
  const left = revisionsToCompact(view);
  const isLastResort = loose.length === 0 && isFull;
  if (left === null) return isLastResort;
  return left > Math.min(longHistory, headOf(view) / 10) || (left > 0 && isLastResort);
}

/** The newest revision that any member tells. */
export const headOf = ({ members }: ClusterView) => Math.max(0, ...members.map(({ status }) => status?.revision ?? 0));

function compaction(view: ClusterView): RecoveryStep {
  const left = revisionsToCompact(view);
  const history =
    left === null
      ? 'Compact once: how much of what is in use is old history is not known, for no metrics tell.'
      : `Compact: the history of ${left} ${left === 1 ? 'revision' : 'revisions'} is still kept.`;
  return {
    kind: 'compact',
    advice: `${history} Then defragment the members one at a time, the leader last, and disarm the alarm: this report tells each step. Every watcher behind that revision lists again. If what is in use stays as it is, it is live data: delete keys, or raise the quota member by member.`,
    command: compact(headOf(view), view),
  };
}

function defragmentation(
  next: MemberView,
  loose: readonly MemberView[],
  inUse: number,
  view: ClusterView,
): RecoveryStep {
  const rest = loose.slice(1).map(({ label }) => label);
  const then = rest.length === 0 ? 'disarm the alarm' : `${listed(rest)}, each once the one before answers again`;
  return {
    kind: 'defragment',
    advice: `Defragment ${next.label}${next.isLeader ? ', which leads, now that the others are done' : ''}: ${formatBytes(sizeOf(next))} on disk for ${formatBytes(inUse)} of data. It answers nothing meanwhile (10 to 15 ms a megabyte). Then ${then}. The alarm is disarmed last: before space is free it comes back with the next write.`,
    command: defragment(next, view),
  };
}

function liveData(inUse: number, quota: number, view: ClusterView): RecoveryStep {
  return {
    kind: 'live-data',
    advice: `The data is live: ${formatBytes(inUse)} of ${formatBytes(quota)} are in use and the history is compacted, so neither another compaction nor a defragmentation frees anything. Delete keys that are not needed (deletes work; this command counts Kubernetes' events, often the most) and ask again, or raise the quota member by member: --quota-backend-bytes, restart, next member, the leader last; then disarm the alarm.`,
    command: etcdctl(
      view.seen,
      answeringEndpoints(view),
      'get',
      '/registry/events/',
      '--prefix',
      '--count-only',
      '-w',
      'fields',
    ),
  };
}

/** etcdctl disarms every alarm at once, so never while one is on that must stay. */
function disarming(view: ClusterView, quota: number | null): RecoveryStep {
  const silent = view.members.filter(({ status, isLearner, isStarted }) => status === null && !isLearner && isStarted);
  const missing =
    silent.length === 0
      ? ''
      : ` ${listed(silent.map(({ label }) => label))} could not be asked: defragment ${silent.length === 1 ? 'it' : 'them'} too, or the alarm comes back.`;
  if (view.members.some(({ alarms }) => alarms.includes('CORRUPT')))
    return {
      kind: 'ask',
      advice: `There is room again, but \`etcdctl alarm disarm\` would end the CORRUPT alarm too: settle that one first.${missing}`,
      command: statusTable(view),
    };
  const unknown =
    quota === null
      ? ` The quota is not known: if the alarm is back at once, the data fills it; set quotaBytes under etcd.clusters.${view.seen.cluster} and ask again.`
      : '';
  return {
    kind: 'disarm',
    advice: `There is room again on every member that answers: disarm the alarm.${missing}${unknown} Then find out what has grown, before it fills up again.`,
    command: etcdctl(view.seen, answeringEndpoints(view), 'alarm', 'disarm'),
  };
}
