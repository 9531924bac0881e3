import type { Finding } from '../report/report.ts';
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

/** What the loss of these members means for quorum and writes. */
export function impactOfLosing(lost: readonly MemberView[], view: ClusterView): string {
  const { quorum, working, seen } = view;
  if (lost.length > 0 && lost.every(({ isLearner }) => isLearner))
    return 'None for quorum and writes: a learner does not vote.';
  if (view.members.every(({ status }) => status === null))
    return 'Not known: nothing of the cluster can be seen from here.';
  const of = `${working} of ${quorum.voters} voters work as seen from here, ${quorum.needed} are needed`;
  if (working >= quorum.needed)
    return `Writes go on: ${of}. ${quorum.canLose === 0 ? 'The loss of one more voter stops all writes.' : `${quorum.canLose} more may be lost.`}`;
  if (seen.alarms !== null) return `${of}; yet the cluster has just agreed on an answer, so its quorum stands.`;
  return `No writes and no linearizable reads: ${of}.`;
}

/** The advice of one thing first: sentences joined, empty ones left out. */
export function sentences(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
