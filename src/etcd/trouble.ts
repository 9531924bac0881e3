import type { Finding } from '../report/report.ts';
import { count, formatDuration, listed } from '../report/text.ts';
import type { Failure } from './failure.ts';
import { describeQuorum } from './quorum.ts';
import type { ClusterView, MemberView } from './view.ts';

/** A finding, with the few words that stand for it in the verdict line. */
export type Trouble = Finding & {
  /** What the verdict line says: `hung (no answer in 1 s)`, after the labels in `who`; absent where it need not tell. */
  readonly short?: string;
  /** Labels of the members it is about; members with the same `short` are told together. */
  readonly who?: readonly string[];
  /** For runbook links. */
  readonly cause?: string;
};

/** The findings alone, as a report takes them. */
export function findingsOf(troubles: readonly Trouble[]): Finding[] {
  return troubles.map(({ short, cause, who, ...finding }) => finding);
}

/** The arithmetic of the quorum as it is seen now, in one line. */
export function describeVotes(view: ClusterView): string {
  const { quorum, voting, seen, hasLeader } = view;
  const voters = `${count(quorum.voters, 'voter')}, ${quorum.needed} needed`;
  if (view.members.every(({ status }) => status === null)) return `${voters}; how many work is not known`;
  if (!hasLeader && voting >= quorum.needed)
    return `${voters}, ${voting} ${voting === 1 ? 'answers' : 'answer'}, but without a leader: no writes`;
  if (voting < quorum.needed && seen.alarms !== null)
    return `${voters}, ${voting} working as seen from here, yet the cluster has just agreed on an answer`;
  return describeQuorum(quorum, voting);
}

/** What the loss of these members means for quorum and writes. */
export function impactOfLosing(lost: readonly MemberView[], view: ClusterView): string {
  const { quorum, voting, seen, hasLeader } = view;
  if (lost.length > 0 && lost.every(({ isLearner }) => isLearner))
    return 'None for quorum and writes: a learner does not vote.';
  if (view.members.every(({ status }) => status === null))
    return 'Not known: nothing of the cluster can be seen from here.';
  const of = `${voting} of ${quorum.voters} voters ${hasLeader ? 'work' : 'answer'}${voting === 1 ? 's' : ''} as seen from here, ${quorum.needed} are needed`;
  if (view.isStopped)
    return `No writes and no linearizable reads: ${of}${hasLeader ? '' : ', and none knows a leader'}.`;
  if (voting < quorum.needed) return `${of}; yet the cluster has just agreed on an answer, so its quorum stands.`;
  if (hasNoConsensus(view)) {
    const followers = followersOfLost(lost, view);
    return followers.length > 0
      ? `It is the leader that ${listed(followers)} still ${followers.length === 1 ? 'follows' : 'follow'}: writes and linearizable reads hang until another one is elected.`
      : `${of}, but the cluster did not agree on anything within ${formatDuration(seen.requestTimeoutMs)}: writes and linearizable reads hang.`;
  }
  return `Writes go on: ${of}. ${quorum.canLose === 0 ? 'The loss of one more voter stops all writes.' : `${quorum.canLose} more may be lost.`}`;
}

/** Whether the answer that takes a round of consensus did not come, for another reason than a missing right. */
export function hasNoConsensus({ seen }: ClusterView): boolean {
  return seen.alarms === null && seen.members !== null && !isRefused(seen.alarmsFailure);
}

/** Whether a call failed for the bot's user, not for the cluster. */
export function isRefused(failure: Failure | undefined): boolean {
  return /^(auth-|permission|token-)/.test(failure?.kind ?? '');
}

/** Labels of the members that follow one of these as their leader. */
export function followersOfLost(lost: readonly MemberView[], { members }: ClusterView): string[] {
  const ids = lost.map(({ member }) => member?.id);
  return members.flatMap(({ label, status }) =>
    status?.leaderId != null && status.leaderId !== status.memberId && ids.includes(status.leaderId) ? [label] : [],
  );
}

/** The advice of one thing first: sentences joined, empty ones left out. */
export function sentences(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
