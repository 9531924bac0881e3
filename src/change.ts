import type { AuditNote } from './audit.ts';
import {
  type ChangeRecord,
  type ChangeState,
  changeDigest,
  currentStep,
  isEnded,
  type StepRecord,
  stepSchema,
} from './change-record.ts';
import type { Change, Proposal } from './job.ts';
import { Refusal } from './refusal.ts';
import type { JsonObject, Section } from './report/report.ts';
import { formatDuration } from './report/text.ts';

/** What a transition makes of a record, and what has to be stored in the same moment. */
export type Transition = {
  readonly record: ChangeRecord;
  readonly notes: readonly AuditNote[];
  /** Only one running change a target: taken with the deciding click, released by every end. */
  readonly claim: 'take' | 'release' | 'keep';
};

export type Asking = {
  readonly id: string;
  readonly line: string;
  readonly requester: string;
  readonly place: ChangeRecord['place'];
  readonly required: number;
  readonly expiresInMs: number;
  /** The incident for which the requester acts alone. */
  readonly incident?: string | undefined;
  readonly reason?: string | undefined;
};

/** How long everybody may object to a change that is begun without a second person. */
export const countdownMs = 2 * 60_000;

/** A proposal as a record that waits for a yes. */
export function proposed(
  change: Change,
  input: JsonObject,
  proposal: Proposal,
  asking: Asking,
  now: number,
): Transition {
  const record: ChangeRecord = {
    id: asking.id,
    revision: 1,
    state: 'proposed',
    job: change.name,
    planVersion: change.planVersion,
    line: asking.line,
    target: { ...proposal.target },
    input,
    plan: proposal.plan,
    digest: changeDigest(change, input, proposal),
    words: proposal.words,
    checks: [...proposal.checks],
    sections: [...proposal.sections],
    requester: asking.requester,
    ...(asking.reason === undefined ? {} : { reason: asking.reason }),
    place: asking.place,
    required: asking.required,
    decisions: [],
    createdAt: now,
    expiresAt: now + asking.expiresInMs,
    ...(asking.incident === undefined ? {} : { alone: { incident: asking.incident, startsAt: now + countdownMs } }),
    steps: change.steps(proposal.plan).map(({ title }) => ({ title, state: 'open', faults: 0, sections: [] })),
    intent: {},
    epoch: 0,
    wake: 0,
    reminders: 0,
  };
  const { line, words, plan, digest } = record;
  const details: JsonObject = {
    line,
    words,
    plan,
    digest,
    checks: record.checks.map((check) => ({ ...check })),
    ...(asking.incident === undefined ? {} : { breakGlass: asking.incident }),
    ...(asking.reason === undefined ? {} : { reason: asking.reason }),
  };
  return { record, notes: [note(record, asking.requester, 'requested', now, details)], claim: 'keep' };
}

/** Whether this person may decide at all is checked before: here only what the record knows. */
export type Decider = { readonly userId: string; readonly mayApproveOwn: boolean };

/**
 * One approver's yes. The last one that is needed approves the change and takes the claim on its target.
 * @throws Refusal where it is not theirs to give, or too late
 */
export function approve(record: ChangeRecord, decider: Decider, startWithinMs: number, now: number): Transition {
  demandOpen(record, now);
  if (decider.userId === record.requester && !decider.mayApproveOwn)
    throw new Refusal('You asked for this change: somebody else has to approve it.', 'Ask another approver.');
  if (record.decisions.some(({ userId }) => userId === decider.userId))
    throw new Refusal('You have approved this already; each approver counts once.', 'Ask another approver.');
  const decisions = [...record.decisions, { userId: decider.userId, kind: 'approved' as const, at: now }];
  const isEnough = decisions.length >= record.required;
  const noted = [
    note(record, decider.userId, 'approved', now, {
      digest: record.digest,
      of: record.required,
      given: decisions.length,
    }),
  ];
  if (!isEnough) return { record: next(record, { decisions, wake: record.wake + 1 }), notes: noted, claim: 'keep' };
  return {
    record: next(record, { decisions, state: 'approved', startBy: now + startWithinMs, wake: record.wake + 1 }),
    notes: noted,
    claim: 'take',
  };
}

/** The countdown of a change without a second person is over. undefined where it is not, or where there is none. */
export function startAlone(record: ChangeRecord, startWithinMs: number, now: number): Transition | undefined {
  if (record.state !== 'proposed' || record.alone === undefined || now < record.alone.startsAt) return undefined;
  return {
    record: next(record, { state: 'approved', startBy: now + startWithinMs, wake: record.wake + 1 }),
    notes: [
      note(record, record.requester, 'begun alone, for review', now, {
        incident: record.alone.incident,
        digest: record.digest,
      }),
    ],
    claim: 'take',
  };
}

/** One approver's no ends it. @throws Refusal where it is too late */
export function deny(record: ChangeRecord, userId: string, reason: string | undefined, now: number): Transition {
  demandOpen(record, now);
  const decision = { userId, kind: 'denied' as const, at: now, ...(reason === undefined ? {} : { reason }) };
  const ending = `Denied${reason === undefined ? '' : `: ${reason}`}. Nothing was changed.`;
  return ended(
    { ...record, decisions: [...record.decisions, decision] },
    'denied',
    ending,
    userId,
    now,
    reason === undefined ? {} : { reason },
  );
}

/** Nobody decided in time. undefined where it is not time. */
export function expire(record: ChangeRecord, now: number): Transition | undefined {
  if (record.state === 'proposed' && now >= record.expiresAt)
    return ended(record, 'expired', 'Nobody approved it in time. Nothing was changed.', 'quorum', now, {});
  if (record.state === 'approved' && record.startBy !== undefined && now >= record.startBy)
    return ended(
      record,
      'expired',
      'It was approved, and did not start in time. Nothing was changed.',
      'quorum',
      now,
      {},
    );
  return undefined;
}

/** Ends what has not begun; asks what runs to stop between two steps. @throws Refusal where it has ended */
export function cancel(record: ChangeRecord, userId: string, now: number): Transition {
  if (isEnded(record))
    throw new Refusal(`This change has ended already: ${record.state}.`, 'There is nothing to cancel.');
  if (record.state === 'proposed' || record.state === 'approved')
    return ended(record, 'cancelled', 'Cancelled before it began. Nothing was changed.', userId, now, {});
  if (record.cancelRequestedBy !== undefined)
    throw new Refusal(
      'Somebody has cancelled this already; it stops after the call that is under way.',
      'Look at its thread.',
    );
  // Whoever is at it reads this between two steps; one that waits is woken for it.
  const wake = record.state === 'waiting' ? record.wake + 1 : record.wake;
  return {
    record: next(record, { cancelRequestedBy: userId, wake }),
    notes: [note(record, userId, 'cancel requested', now, {})],
    claim: 'keep',
  };
}

/** A worker takes the change up: what an earlier one still holds is no longer its turn. */
export function woken(record: ChangeRecord): Transition {
  return { record: next(record, { epoch: record.epoch + 1 }), notes: [], claim: 'keep' };
}

/** Proposed again as it starts: a different digest ends it with what changed; blocking checks do too. */
export function started(record: ChangeRecord, again: Proposal, digest: string, now: number): Transition {
  const blocking = again.checks.filter(({ status }) => status === 'blocking');
  if (digest !== record.digest)
    return ended(
      record,
      'superseded',
      'The plan would be another one now, so what was approved no longer holds. Nothing was changed. Ask again.',
      'quorum',
      now,
      { digest, plan: again.plan },
    );
  if (blocking.length > 0)
    return ended(
      record,
      'blocked',
      `Not started: ${blocking.map(({ name, seen }) => `${name}: ${seen}`).join('; ')}. Nothing was changed.`,
      'quorum',
      now,
      {},
    );
  return {
    record: next(record, { state: 'started', startedAt: now, checks: [...again.checks] }),
    notes: [note(record, 'quorum', 'started', now, { digest })],
    claim: 'keep',
  };
}

export function stepBegun(record: ChangeRecord, index: number, now: number): Transition {
  const before = record.steps[index];
  return quiet(
    withStep({ ...record, state: 'started' }, index, { state: 'running', startedAt: before?.startedAt ?? now }),
  );
}

export function stepDone(
  record: ChangeRecord,
  index: number,
  came: { note?: string | undefined; sections?: readonly Section[] | undefined },
  now: number,
): Transition {
  const more = {
    state: 'done' as const,
    endedAt: now,
    note: came.note,
    sections: [...(came.sections ?? record.steps[index]?.sections ?? [])],
  };
  const changed = withStep(record, index, more);
  return {
    record: changed,
    notes: [note(record, 'quorum', 'step', now, { step: record.steps[index]?.title ?? '', note: came.note ?? '' })],
    claim: 'keep',
  };
}

export function stepWaits(
  record: ChangeRecord,
  index: number,
  waits: { reason: string; giveUpAt: number; sections?: readonly Section[] | undefined },
): Transition {
  const sections = waits.sections === undefined ? {} : { sections: [...waits.sections] };
  const changed = withStep(record, index, {
    state: 'waiting',
    note: waits.reason,
    giveUpAt: waits.giveUpAt,
    ...sections,
  });
  return quiet({ ...changed, state: 'waiting', wake: record.wake + 1 });
}

/** Something went wrong that may pass: it is tried again. */
export function stepFaulted(record: ChangeRecord, index: number, why: string): Transition {
  const faults = (record.steps[index]?.faults ?? 0) + 1;
  return quiet({
    ...withStep(record, index, { state: 'waiting', note: why, faults }),
    state: 'waiting',
    wake: record.wake + 1,
  });
}

export function intentWritten(record: ChangeRecord, more: JsonObject): Transition {
  return quiet(next(record, { intent: { ...record.intent, ...more } }));
}

/** The end, whichever: releases the claim and goes to the audit. */
export function ended(
  record: ChangeRecord,
  state: ChangeState,
  ending: string,
  actor: string,
  now: number,
  details: JsonObject,
): Transition {
  const index = currentStep(record);
  const at = index === undefined ? undefined : record.steps[index];
  const isMidway = at !== undefined && (at.state === 'running' || at.state === 'waiting');
  const stepState = state === 'blocked' ? 'blocked' : 'failed';
  const closed =
    isMidway && index !== undefined && state !== 'done'
      ? withStep(record, index, { state: stepState, endedAt: now })
      : next(record, {});
  return {
    record: { ...closed, state, ending, endedAt: now, wake: record.wake + 1 },
    notes: [note(record, actor, state, now, { ending, digest: record.digest, ...outcomeOf(closed), ...details })],
    claim: 'release',
  };
}

/** What was done, step by step, with the report: Slack's own retention deletes threads, the audit stays. */
function outcomeOf({ startedAt, steps }: ChangeRecord): JsonObject {
  if (startedAt === undefined) return {};
  return {
    steps: steps.map(({ title, state, note: said, startedAt: from, endedAt: to }) => ({
      title,
      state,
      note: said ?? '',
      tookMs: from === undefined || to === undefined ? null : to - from,
    })),
    report: steps.flatMap(({ sections }) => sections) as unknown as JsonObject[],
  };
}

/** Wakes with no live ticket get a new number: a finished ticket's id is taken for ever. */
export function wakeAgain(record: ChangeRecord): Transition {
  return quiet(next(record, { wake: record.wake + 1 }));
}

/** Its end stands in the thread: nothing is left to be done for it. undefined where that is known, or where it goes on. */
export function told(record: ChangeRecord, now: number): Transition | undefined {
  return isEnded(record) && record.toldAt === undefined ? quiet(next(record, { toldAt: now })) : undefined;
}

export function reminded(record: ChangeRecord): Transition {
  return quiet(next(record, { reminders: record.reminders + 1 }));
}

function demandOpen(record: ChangeRecord, now: number): void {
  if (record.state === 'proposed' && now < record.expiresAt) return;
  if (record.state === 'proposed' || record.state === 'expired')
    throw new Refusal(`This expired ${formatDuration(now - record.expiresAt)} ago.`, 'Ask for it again.');
  throw new Refusal(`This has been decided: it is ${record.state}.`, 'Look at its thread.');
}

function withStep(
  record: ChangeRecord,
  index: number,
  more: { [Key in keyof StepRecord]?: StepRecord[Key] | undefined },
): ChangeRecord {
  return next(record, {
    steps: record.steps.map((step, at) => (at === index ? stepSchema.parse({ ...step, ...more }) : step)),
  });
}

function next(record: ChangeRecord, more: Partial<ChangeRecord>): ChangeRecord {
  return { ...record, ...more, revision: record.revision + 1 };
}

function quiet(record: ChangeRecord): Transition {
  return { record, notes: [], claim: 'keep' };
}

function note(record: ChangeRecord, actor: string, action: string, now: number, details: JsonObject): AuditNote {
  return { at: new Date(now).toISOString(), actor, action, cluster: record.target.name, changeId: record.id, details };
}
