import type { Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import { formatDuration } from '../report/text.ts';
import { type AddPlan, readinessChecks } from './add-plan.ts';
import { healthIntervalMs } from './checks.ts';
import type { EtcdCluster } from './client.ts';
import type { Member } from './cluster.ts';
import type { Failure } from './failure.ts';
import { reportHealth } from './health.ts';
import { lookAt } from './member-reference.ts';
import { intended, wait } from './patience.ts';
import { arePeerUrlsEqual } from './peer-url.ts';
import { isAtLeast } from './version-checks.ts';

/** Above twice the server's own interval, so that a member's restart is waited for. */
const refusedTimeoutMs = 60_000;

/** Where the steps of an addition find each other's traces. */
export const additionIntent = {
  peerUrls: 'addingPeerUrls',
  memberId: 'addedMemberId',
  healthBefore: 'healthBefore',
} as const;

/** The added member's id, once it is known. */
export function addedMemberId(context: Pick<StepContext, 'intent'>): string | undefined {
  return intended(context, additionIntent.memberId);
}

/**
 * Brings it about that the member is in the list, exactly once. Its peer URLs are written down before MemberAdd, the id that it got
 * after it: after a crash or a lost reply the list, as the cluster agrees on it, tells whether what is there is ours.
 */
export async function ensureAdded(etcd: EtcdCluster, plan: AddPlan, context: StepContext): Promise<Outcome> {
  const listed = await etcd.membership.list();
  const duration = formatDuration(refusedTimeoutMs);
  const open = new Refusal(
    `Whether ${plan.name} was added could not be found out in ${duration}.`,
    `Look at \`/etcd members\` before you ask again: if ${plan.peerUrls.join(', ')} stands there, it was.`,
  );
  const patience = {
    recheckAfterMs: 1000,
    timeoutMs: refusedTimeoutMs,
    otherwise: new Refusal(
      `${plan.name} was not added: etcd did not take it in ${duration}.`,
      'Nothing is left behind. `/etcd health` tells what keeps the cluster from changing its members.',
    ),
  };
  if (listed.failure !== undefined)
    return wait(context, {
      ...patience,
      reason: `The members cannot be read: ${listed.failure.said}.`,
      ...(intended(context, additionIntent.peerUrls) === undefined ? {} : { otherwise: open }),
    });
  const settled = await findOurs(listed.value, plan, context);
  if (settled !== undefined) return settled;

  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return wait(context, { ...patience, reason: unseen });
  const blocking = readinessChecks(view).find(({ status }) => status !== 'ok');
  if (blocking !== undefined)
    return wait(context, {
      ...patience,
      reason: `${blocking.name}: ${blocking.seen}`,
      otherwise: new Refusal(`${plan.name} was not added. ${blocking.name}: ${blocking.seen}`, blocking.advice),
    });
  const old = view.members.find(({ status }) => status !== null && !isAtLeast(status.version, [3, 4, 0]));
  if (plan.as === 'learner-then-promote' && old !== undefined)
    return blocked(
      `${plan.name} was not added: ${old.label} runs etcd ${old.status?.version}, which has no learners.`,
      'Ask again with --voter, or upgrade first.',
    );
  const at = view.leader?.endpoint;
  if (at == null) return wait(context, { ...patience, reason: 'No leader answers: an election may be under way.' });

  await context.intent.write({
    [additionIntent.peerUrls]: plan.peerUrls.join(','),
    [additionIntent.healthBefore]: reportHealth(view.seen, context.now()).summary,
  });
  await context.fence();
  const added = await etcd.membership.add(at, {
    peerUrls: plan.peerUrls,
    isLearner: plan.as === 'learner-then-promote',
  });
  if (added.kind === 'done') return await adopt(added.value, plan, context);
  const reason = reasonToWait(added.failure, added.kind);
  if (reason === undefined)
    return blocked(
      `etcd refused to add ${plan.name}: ${added.failure.said}.`,
      `Nothing was changed. ${adviceFor(added.failure)}`,
    );
  return wait(context, { ...patience, reason, ...(added.kind === 'unknown' ? { otherwise: open } : {}) });
}

/** What stands under the planned peer URLs already: ours, somebody else's, or nothing. */
async function findOurs(members: readonly Member[], plan: AddPlan, context: StepContext): Promise<Outcome | undefined> {
  const known = addedMemberId(context);
  if (known !== undefined) {
    const member = members.find(({ id }) => id === known);
    if (member !== undefined) return await adopt(member, plan, context);
    return blocked(
      `${plan.name} (${known}) was added and has been removed since, by somebody else.`,
      'Ask again, if it is still to be added.',
    );
  }
  const there = members.find(({ peerUrls }) => arePeerUrlsEqual(peerUrls, plan.peerUrls));
  const partly = members.find(({ peerUrls }) =>
    peerUrls.some((url) => plan.peerUrls.some((own) => arePeerUrlsEqual([url], [own]))),
  );
  const found = there ?? partly;
  if (found === undefined) return undefined;
  const isAsPlanned = found.isLearner === (plan.as === 'learner-then-promote') && found === there;
  if (intended(context, additionIntent.peerUrls) === plan.peerUrls.join(',') && isAsPlanned)
    return await adopt(found, plan, context);
  return blocked(
    `Somebody else has added ${plan.peerUrls.join(', ')} already, as ${found.isLearner ? 'a learner' : 'a voter'} (${found.name || found.id}).`,
    `Nothing was changed by this. \`/etcd members\` shows it; \`/etcd remove ${found.id}\` takes it out.`,
  );
}

async function adopt(member: Member, plan: AddPlan, context: StepContext): Promise<Outcome> {
  if (addedMemberId(context) !== member.id) await context.intent.write({ [additionIntent.memberId]: member.id });
  return {
    kind: 'done',
    note: `${plan.name} is member ${member.id}${member.isLearner ? ', a learner' : ', a voter'}.`,
  };
}

/** undefined for what waiting does not mend. */
function reasonToWait({ kind, said }: Failure, outcome: 'refused' | 'unknown'): string | undefined {
  if (outcome === 'unknown') return `How it came out is looked up before anything else is done: ${said}.`;
  if (kind === 'unhealthy-cluster')
    return `etcd refuses for now (${said}): every member has to be connected for ${formatDuration(healthIntervalMs)}.`;
  // Ours may have gone through a moment ago: the list tells.
  if (kind === 'peer-urls-exist' || kind === 'member-id-exist')
    return `etcd knows it already (${said}): the list tells whose it is.`;
  // An id is made of the peer URLs and the second; one that was removed within it is refused for good, and the next second has another.
  if (kind === 'member-not-found') return `The same was added and removed within this second (${said}).`;
  if (kind === 'closed-port' || kind === 'no-route' || kind === 'learner')
    return `The leader was not reached: ${said}.`;
  return undefined;
}

function adviceFor({ kind }: Failure): string {
  if (kind === 'too-many-learners') return 'Promote or remove the learner that is there first.';
  if (kind === 'not-enough-started') return 'Start or remove the voter that has never started first.';
  if (kind === 'permission' || kind === 'auth-required') return 'Give the bot’s user the role root.';
  return '`/etcd health` tells more.';
}

function blocked(message: string, advice: string): Outcome {
  return { kind: 'blocked', refusal: new Refusal(message, advice) };
}
