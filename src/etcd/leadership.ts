import type { Check, Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import { errorsCheck, ok, quorumSection, votersOf, worstChecksFirst } from './checks.ts';
import type { EtcdCluster } from './client.ts';
import { type KnownCluster, type ListedMember, lookAt } from './member-reference.ts';
import { intended, wait } from './patience.ts';
import { nameOf } from './raft-trouble.ts';

/** Who is to lead: one member, or anybody but one. By id: names can be given twice. */
export type Leadership = { readonly kind: 'to' | 'away-from'; readonly memberId: string };

/** Entries that the next leader may be behind: two readings some milliseconds apart differ by as much under load. */
const smallLag = 1000;
/** An election takes a second by default, a transfer a few milliseconds. */
const transferTimeoutMs = 30_000;

/** What speaks against this member as the leader; '' where nothing does. */
export function unfitToLead({ isLearner, isStarted, works, alarms, raftLag, label }: ListedMember): string {
  if (isLearner) return `${label} is a learner and cannot lead`;
  if (!isStarted) return `${label} has never started`;
  if (!works) return `${label} does not work as seen from here`;
  // NOSPACE on one stops the writes of all, whoever leads; in the middle of the recovery leadership has to move.
  if (alarms.includes('CORRUPT')) return `${label} has the alarm CORRUPT`;
  return raftLag !== null && raftLag > smallLag ? `${label} is ${raftLag} entries behind` : '';
}

/** The fittest voter but one; undefined where nobody is fit. */
export function nextLeader(view: KnownCluster, exceptId: string): ListedMember | undefined {
  return votersOf(view)
    .filter((member) => member.member.id !== exceptId && unfitToLead(member) === '')
    .sort((a, b) => lagRank(a) - lagRank(b))[0];
}

/** Differences of a few entries are chance. */
function lagRank({ raftLag }: ListedMember): number {
  return Math.floor((raftLag ?? smallLag) / 100);
}

/** What has to hold before leadership is moved. */
export function leadershipChecks(view: KnownCluster, wish: Leadership): Check[] {
  return worstChecksFirst([
    leaderKnownCheck(view),
    nextLeaderCheck(view, wish),
    agreementCheck(view),
    errorsCheck(view),
  ]);
}

function leaderKnownCheck(view: KnownCluster): Check {
  const name = 'A leader answers';
  if (view.leader !== null) return ok(name, `${view.leader.label} leads in term ${view.leader.status?.raftTerm}.`);
  const seenLeader = view.members.find(({ status }) => status?.leaderId != null)?.status?.leaderId;
  return {
    name,
    status: 'blocking',
    seen:
      seenLeader == null
        ? 'No member that answers knows a leader.'
        : `${nameOf(seenLeader, view)} leads as the others say, but does not answer the bot.`,
    advice:
      'Only the leader itself can hand leadership over. Stop that process, and the others elect another one; `/etcd health` tells more.',
  };
}

function nextLeaderCheck(view: KnownCluster, wish: Leadership): Check {
  const name = 'The next leader is fit';
  if (wish.kind === 'to') {
    const target = view.members.find(({ member }) => member.id === wish.memberId);
    const fault = target === undefined ? `${wish.memberId} is no member any more` : unfitToLead(target);
    if (fault === '') return ok(name, `${target?.label}: a voter that works, in step with the others.`);
    return {
      name,
      status: 'blocking',
      seen: `${fault}.`,
      advice: 'Name another member, or none: then the fittest is taken.',
    };
  }
  const target = nextLeader(view, wish.memberId);
  if (target !== undefined)
    return ok(name, `${target.label} is the fittest now; it is chosen at the moment of the move.`);
  return {
    name,
    status: 'blocking',
    seen: `${
      votersOf(view)
        .filter(({ member }) => member.id !== wish.memberId)
        .map(unfitToLead)
        .join('; ') || 'There is no other voter'
    }.`,
    advice: 'Mend another voter first: `/etcd health` tells how.',
  };
}

function agreementCheck(view: KnownCluster): Check {
  const name = 'The quorum stands';
  const seen = `${view.working} of ${view.quorum.voters} voters work, ${view.quorum.needed} are needed`;
  if (view.working >= view.quorum.needed) return ok(name, `${seen}.`);
  return {
    name,
    status: 'blocking',
    seen: `${seen}.`,
    advice: 'Bring voters back first: without a quorum nobody can be elected.',
  };
}

/** Quorum does not change by it; writes stop for a moment. */
export function leadershipSections(view: KnownCluster) {
  return [
    quorumSection([{ stage: 'Before and after', voters: view.quorum.voters, working: view.working }]),
    {
      kind: 'text' as const,
      title: 'What it means',
      text: 'Writes wait for a few milliseconds while leadership is handed over. No process restarts, no data moves.',
    },
  ];
}

/**
 * Brings it about that the wished one leads: looks, hands leadership over once, looks again. May be run twice.
 * After an unknown outcome the next run looks: who leads is all that has to be known, and handing over again does no harm.
 */
export async function ensureLeadership(etcd: EtcdCluster, wish: Leadership, context: StepContext): Promise<Outcome> {
  const patience = {
    recheckAfterMs: 500,
    timeoutMs: transferTimeoutMs,
    otherwise: new Refusal(
      'Leadership did not move in time.',
      'Look at `/etcd health`: a follower that lags or hangs cannot take it.',
    ),
  };
  const { value: view, unseen } = await lookAt(etcd, context.signal, 'at-once');
  if (view === undefined) return wait(context, { ...patience, reason: unseen });
  const { leader } = view;
  if (leader?.member == null)
    return wait(context, { ...patience, reason: 'No leader answers: an election may be under way.' });
  const isReached = (leader.member.id === wish.memberId) === (wish.kind === 'to');
  if (isReached) return { kind: 'done', note: describeMove(leader.label, intended(context, 'leaderBefore')) };
  const target =
    wish.kind === 'to'
      ? view.members.find(({ member }) => member.id === wish.memberId)
      : nextLeader(view, wish.memberId);
  const fault =
    target === undefined
      ? wish.kind === 'to'
        ? 'It is no member any more'
        : 'No other voter is fit to lead'
      : unfitToLead(target);
  if (target === undefined || fault !== '')
    return {
      kind: 'blocked',
      refusal: new Refusal(`Leadership stays with ${leader.label}: ${fault}.`, '`/etcd health` tells what to mend.'),
    };
  if (leader.endpoint === null) return wait(context, { ...patience, reason: `${leader.label} tells no client URL.` });
  await context.intent.write({ leaderBefore: leader.label, leaderWanted: target.member.id });
  await context.fence();
  const moved = await etcd.membership.moveLeader(leader.endpoint, target.member.id);
  if (moved.kind === 'done') return { kind: 'done', note: describeMove(target.label, leader.label) };
  if (moved.failure.kind === 'bad-transferee')
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `${leader.label} does not hand leadership to ${target.label}: ${moved.failure.said}.`,
        'Name another member.',
      ),
    };
  return wait(context, {
    ...patience,
    reason: `Asked ${leader.label} to hand over to ${target.label}; it said: ${moved.failure.said}.`,
  });
}

function describeMove(leader: string, before: string | undefined): string {
  return before === undefined || before === leader ? `${leader} leads.` : `${leader} leads now, before it ${before}.`;
}
