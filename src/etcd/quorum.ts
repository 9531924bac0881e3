/** A majority's arithmetic: `canLose` is how many voters may fail from here on without stopping writes. */
export type Quorum = { readonly voters: number; readonly needed: number; readonly canLose: number };

/** How many voters must agree: more than half. */
export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The quorum of the voting members. Learners do not vote; a member that never started does, and counts as lost.
 * @param members every member, with whether it works now
 */
export function quorumOf(members: readonly { readonly isLearner: boolean; readonly works: boolean }[]): Quorum {
  const voters = members.filter((member) => !member.isLearner);
  const needed = voters.length === 0 ? 0 : majorityOf(voters.length);
  const working = voters.filter((member) => member.works).length;
  return { voters: voters.length, needed, canLose: Math.max(0, working - needed) };
}

/** The arithmetic in one line: `3 voters, 2 needed, 3 working: 1 more may be lost`. */
export function describeQuorum(quorum: Quorum, working: number): string {
  const { voters, needed, canLose } = quorum;
  const voting = `${voters} ${voters === 1 ? 'voter' : 'voters'}, ${needed} needed, ${working} working`;
  if (voters > 0 && working < needed) return `${voting}: ${needed - working} too few, no writes`;
  return `${voting}: ${canLose} more may be lost`;
}
