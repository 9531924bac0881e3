import type { ClusterView, MemberView } from '../etcd/view.ts';
import { Refusal } from '../refusal.ts';

/** A member that can be asked for its database. */
export type SnapshotSource = MemberView & {
  readonly endpoint: string;
  readonly status: NonNullable<MemberView['status']>;
};

/**
 * Whom to read from where much is read (a snapshot, all keys): a healthy follower where there is one, since it is disturbed least and the leader has enough to do; the one that has
 * applied most. Never a learner, which may be far behind and on 3.4 refuses; never one with a CORRUPT alarm while another is without. A member
 * without a quorum is taken too: then it may be all that is left.
 * @throws Refusal where none answers
 */
export function chooseSource(view: ClusterView): SnapshotSource {
  const [best] = chooseSources(view);
  return best;
}

/** All that could be asked, in that order. @throws Refusal where none answers */
export function chooseSources(view: ClusterView): [SnapshotSource, ...SnapshotSource[]] {
  const rank = ({ works, isLeader, alarms, metrics }: MemberView) =>
    (alarms.includes('CORRUPT') ? 8 : 0) +
    (works ? 0 : 4) +
    (metrics?.isDefragmenting === true ? 2 : 0) +
    (isLeader ? 1 : 0);
  const applied = ({ status }: MemberView) => status?.raftAppliedIndex ?? 0;
  const [best, ...others] = view.members
    .filter(isSource)
    .filter(({ isLearner, status }) => !isLearner && status.clusterId === view.clusterId)
    .sort((a, b) => rank(a) - rank(b) || applied(b) - applied(a) || a.label.localeCompare(b.label));
  if (best !== undefined) return [best, ...others];
  throw new Refusal(
    `No voter of ${view.seen.cluster} answers, so there is nobody to read from.`,
    '`/etcd health` tells what is the matter.',
  );
}

function isSource(member: MemberView): member is SnapshotSource {
  return member.endpoint !== null && member.status !== null;
}
