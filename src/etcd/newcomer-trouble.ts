import { count, listed } from '../report/text.ts';
import { etcdctl } from './etcdctl.ts';
import { answeringEndpoints, statusTable } from './look-commands.ts';
import { majorityOf } from './quorum.ts';

import { impactOfLosing, type Trouble } from './trouble.ts';
import type { ClusterView, MemberView } from './view.ts';

/** Entries behind the leader from which a member counts as lagging: far above what two readings some ms apart differ by. */
export const lagWarning = 1000;

/** Members that were added and never started: a voter of these counts as lost from the start. */
export function unstartedTroubles(view: ClusterView): Trouble[] {
  return view.members
    .filter(({ isStarted }) => !isStarted)
    .map((member) => {
      const { quorum } = view;
      const peerUrls = member.member?.peerUrls.join(', ') ?? '';
      const before = quorum.voters - 1;
      return {
        severity: !member.isLearner && quorum.canLose === 0 ? 'critical' : 'warning',
        grade: 'fact',
        claim: `A ${member.isLearner ? 'learner' : 'voting member'} was added but never started: ${member.label}, peer URL ${peerUrls}.`,
        evidence: `The member list has ${member.label} with peer URL ${peerUrls}, without a name and without client URLs.`,
        impact: member.isLearner
          ? impactOfLosing([member], view)
          : `It counts as a lost voter: ${quorum.voters} voters need ${quorum.needed}, without it ${before} would need ${majorityOf(before)}. ${impactOfLosing([member], view)}`,
        advice: view.isStopped
          ? 'It cannot be removed now: a removal needs the quorum that is lost, and times out. Bring back a member that has voted before, or start this one; then remove what is not meant to stay.'
          : `If somebody is starting it right now, wait, and read its log: a peer certificate without its address makes it exit or be refused ("rejected connection", "bad certificate"). If nobody is, take it out with \`/etcd remove ${member.label}\`, which checks first.`,
        command: view.isStopped
          ? statusTable(view)
          : etcdctl(view.seen, answeringEndpoints(view), 'member', 'list', '-w', 'table'),
        short: 'never started',
        who: [member.label],
        cause: 'never-started',
      } satisfies Trouble;
    });
}

/** Learners that answer: whether they may be promoted is seen by their peers, not by themselves. */
export function learnerTroubles(view: ClusterView): Trouble[] {
  return view.members
    .filter(({ isLearner, status }) => isLearner && status !== null)
    .map((member) => ({
      severity: 'info',
      grade: 'fact',
      claim: `${member.label} is a learner: it receives everything and does not vote.`,
      evidence: `${member.label}: learner, raft index ${member.status?.raftIndex}, ${count(member.raftLag ?? 0, 'entry', 'entries')} behind.`,
      impact: 'None for quorum and writes until it is promoted.',
      advice: promotionAdvice(member, view),
      command: statusTable(view),
    }));
}

/** etcd promotes a learner that its peers refuse: it replicates through its own connections, and would be a voter that cannot be reached. */
function promotionAdvice(member: MemberView, view: ClusterView): string {
  const { label, unlinkedFrom, linkedFrom, raftLag } = member;
  if (unlinkedFrom.length > 0)
    return `Do not promote it: ${listed(unlinkedFrom)} ${unlinkedFrom.length === 1 ? 'has' : 'have'} no connection to it, and as a voter it could not be reached. Mend that first.`;
  if (view.isStopped) return 'Bring the quorum back first; nothing can be promoted before.';
  if ((raftLag ?? 0) >= lagWarning) return 'Let it catch up before it is promoted.';
  if (linkedFrom.length === 0)
    return `It has caught up, but whether its peers are connected to it is not known: let the bot read metrics, then \`/etcd promote ${label}\` when it is meant to vote.`;
  return `It has caught up, and ${listed(linkedFrom)} ${linkedFrom.length === 1 ? 'is' : 'are'} connected to it: \`/etcd promote ${label}\` when it is meant to vote.`;
}
