import type { Check, Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { Section } from '../report/report.ts';
import { formatDuration, listed } from '../report/text.ts';
import { certificateChecks } from './certificate-checks.ts';
import {
  alarmsCheck,
  errorsCheck,
  healthIntervalMs,
  leaderCheck,
  ok,
  quorumSection,
  restartCheck,
  votersAnswerCheck,
  worstChecksFirst,
} from './checks.ts';
import type { EtcdCluster } from './client.ts';
import { type KnownCluster, type ListedMember, lookAt } from './member-reference.ts';
import { wait } from './patience.ts';
import type { PeersSeen } from './peers.ts';
import { majorityOf } from './quorum.ts';
import { versionChecks } from './version-checks.ts';

/** What is decided when a learner is promoted: which one. */
export type PromotionPlan = {
  readonly cluster: string;
  readonly memberId: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
};

/** Long enough for a learner that falls behind under load to come back. */
const promotionTimeoutMs = 5 * 60_000;

/** @throws Refusal for a voter, and for one that never started */
export function planPromotion(view: KnownCluster, { member, label, isStarted }: ListedMember): PromotionPlan {
  if (!member.isLearner)
    throw new Refusal(`${label} is a voter already.`, 'Only a learner can be promoted: `/etcd members` marks them.');
  if (!isStarted)
    throw new Refusal(
      `The learner ${label} at ${listed(member.peerUrls)} has never started, so there is nothing to promote.`,
      `Start it, or \`/etcd remove ${label}\`.`,
    );
  return { cluster: view.seen.cluster, memberId: member.id, name: member.name, peerUrls: [...member.peerUrls].sort() };
}

/** Every check before a learner is promoted, worst first. */
export function promotionChecks(view: KnownCluster, member: ListedMember, peers: PeersSeen, now: Date): Check[] {
  const { peerUrls } = member.member;
  return worstChecksFirst([
    votersAnswerCheck(view),
    leaderCheck(view),
    errorsCheck(view),
    alarmsCheck(view),
    restartCheck(view, now),
    lagCheck(member),
    linkCheck(view, member),
    ...certificateChecks({ view, peers, peerUrls, given: null, as: 'learner-then-promote', now }),
    ...versionChecks(view, 'learner-then-promote'),
  ]);
}

function lagCheck({ label, raftLag, asked }: ListedMember): Check {
  const name = 'The learner has caught up';
  if (raftLag === null)
    return {
      name,
      status: 'unknown',
      seen: `${label} tells the bot nothing: ${asked?.failure?.said ?? 'it has told no client URL'}.`,
      advice: 'Open its client port to the bot. etcd itself refuses to promote a learner that lags.',
    };
  if (raftLag <= 1000) return ok(name, `${Math.max(0, raftLag)} entries behind.`);
  return {
    name,
    status: 'warning',
    seen: `${raftLag} entries behind.`,
    advice: 'The change waits until it has caught up.',
  };
}

function linkCheck(view: KnownCluster, { label, linkedFrom, unlinkedFrom }: ListedMember): Check {
  const name = 'The members are connected to it';
  const others = view.members.filter((other) => other.label !== label && other.isStarted).map((other) => other.label);
  const unknown = others.filter((other) => !linkedFrom.includes(other) && !unlinkedFrom.includes(other));
  if (unlinkedFrom.length > 0)
    return {
      name,
      status: 'blocking',
      seen: `${listed(unlinkedFrom)} ${unlinkedFrom.length === 1 ? 'has' : 'have'} no connection to ${label}, though it may replicate and report itself healthy.`,
      advice:
        'Their logs say "rejected connection" or why they cannot dial it; most often its certificate does not name its address.',
    };
  if (unknown.length > 0)
    return {
      name,
      status: 'unknown',
      seen: `Not to be seen for ${listed(unknown)}: no metrics that tell.`,
      advice: 'Name the members’ metricsUrls in the configuration.',
    };
  return ok(name, `${listed(linkedFrom)}: as their metrics show.`);
}

/** Quorum before and after. */
export function promotionSections(view: KnownCluster, member: ListedMember): Section[] {
  const { voters } = view.quorum;
  const working = view.working + (member.works ? 1 : 0);
  return [
    quorumSection([
      { stage: 'Now', voters, working: view.working },
      { stage: `${member.label} promoted`, voters: voters + 1, working },
    ]),
  ];
}

/** Brings it about that the learner votes. A promotion cannot be done twice: the list tells whether it was. */
export async function ensurePromoted(
  etcd: EtcdCluster,
  { memberId, name }: Pick<PromotionPlan, 'memberId' | 'name'>,
  context: StepContext,
): Promise<Outcome> {
  const listedNow = await etcd.membership.list();
  const patience = {
    recheckAfterMs: 1000,
    timeoutMs: promotionTimeoutMs,
    otherwise: new Refusal(
      `${name} was not promoted, as far as can be seen, in ${formatDuration(promotionTimeoutMs)}.`,
      `As a learner it costs nothing. \`/etcd health\` tells what is the matter; \`/etcd promote ${memberId}\` tries again.`,
    ),
  };
  if (listedNow.failure !== undefined)
    return wait(context, { ...patience, reason: `The members cannot be read: ${listedNow.failure.said}.` });
  const member = listedNow.value.find(({ id }) => id === memberId);
  if (member === undefined)
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `${name} (${memberId}) is no member any more: somebody has removed it.`,
        'Ask again, if it is still wanted.',
      ),
    };
  if (!member.isLearner) return { kind: 'done', note: `${name} votes.` };
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return wait(context, { ...patience, reason: unseen });
  const obstacle = obstacleTo(view);
  const at = view.leader?.endpoint;
  if (obstacle !== undefined || at == null)
    return wait(context, {
      ...patience,
      reason:
        obstacle === undefined
          ? 'No leader answers: an election may be under way.'
          : `${obstacle.name}: ${obstacle.seen}`,
    });
  await context.intent.write({ promoting: memberId });
  await context.fence();
  const promoted = await etcd.membership.promote(at, memberId);
  if (promoted.kind === 'done') return { kind: 'done', note: `${name} votes.` };
  const { kind, said } = promoted.failure;
  const passes = [
    'learner-not-ready',
    'unhealthy-cluster',
    'not-a-learner',
    'member-not-found',
    'closed-port',
    'no-route',
    'learner',
  ];
  if (promoted.kind === 'refused' && !passes.includes(kind))
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `etcd refused to promote ${name}: ${said}.`,
        'It stays a learner. `/etcd health` tells more.',
      ),
    };
  return wait(context, {
    ...patience,
    reason:
      kind === 'learner-not-ready'
        ? `etcd says that it has not caught up yet: ${said}.`
        : kind === 'unhealthy-cluster'
          ? `etcd refuses for now (${said}): every member has to be connected for ${formatDuration(healthIntervalMs)}.`
          : `How it came out is looked up: ${said}.`,
  });
}

/** The new voter is needed from the first moment on, so the others have to be well. */
function obstacleTo(view: KnownCluster): Check | undefined {
  const checks = [votersAnswerCheck(view), leaderCheck(view), alarmsCheck(view)];
  const quorum = view.working + 1 >= majorityOf(view.quorum.voters + 1);
  return checks.find(({ status }) => status !== 'ok') ?? (quorum ? undefined : votersAnswerCheck(view));
}
