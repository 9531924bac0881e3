import {
  ended,
  expire,
  intentWritten,
  startAlone,
  started,
  stepBegun,
  stepDone,
  stepFaulted,
  stepWaits,
  type Transition,
  told,
  woken,
} from './change.ts';
import { type ChangeRecord, changeDigest, currentStep, isEnded } from './change-record.ts';
import type { ChangeStore } from './changes.ts';
import type { SpaceStore } from './etcd/space/sample.ts';
import type { Change, Clients, Context, Outcome, Proposal, StepContext } from './job.ts';
import { Refusal } from './refusal.ts';
import type { JsonObject } from './report/report.ts';
import { listed } from './report/text.ts';
import { messageOf } from './thrown.ts';

export type ChangeWorkParts = {
  readonly jobs: readonly Change[];
  readonly store: ChangeStore;
  readonly clients: Clients;
  readonly space?: SpaceStore;
  readonly signal: AbortSignal;
  /** How long an approved change may take to start. */
  readonly startWithinMs: number;
  /** @throws Refusal where whoever asked or approved may not do so any more */
  demandStanding(record: ChangeRecord): Promise<void>;
  now(): Date;
  /** Puts the ticket for the record's present wake number into the queue. */
  wake(record: ChangeRecord, afterMs: number): Promise<void>;
  /**
   * Makes the thread show the record as it stands.
   * @param hold asked right before each call that changes what people see; what it throws, this throws
   */
  show(record: ChangeRecord, hold: () => Promise<void>): Promise<void>;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
  fault(id: string, error: unknown): void;
};

/** How often a step may fail for reasons that may pass, before it is the end. */
const maxFaults = 5;
const afterFaultMs = 2000;
/** One call of a step: shorter than anybody would wait without a sign. */
const stepTimeoutMs = 60_000;

/** Another worker has the change now, or somebody cancelled it: this one stops without a word. */
class NotOurs extends Error {
  override readonly name = 'NotOurs';
}

/** Somebody cancelled it while a step was about to act. */
class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/**
 * One wake of a change: carries it on from where its record says, until it ends, waits, or is another's.
 * A lost wake, a killed worker and a second worker change nothing about what is done: every step looks before it acts.
 */
export async function carryOn(id: string, parts: ChangeWorkParts): Promise<void> {
  const { store, now, fault } = parts;
  const at = now().getTime();
  // What time alone decides comes first: the end of a countdown, or of the patience of an approval.
  await store.transition(id, (known) => startAlone(known, parts.startWithinMs, at) ?? expire(known, at));
  let record = await store.transition(id, (known) => (isEnded(known) ? undefined : woken(known)));
  const { epoch } = record;
  try {
    if (record.state === 'approved') record = await begin(record, epoch, parts);
    if (record.state === 'started' || record.state === 'waiting') record = await runSteps(record, epoch, parts);
    await show(record, epoch, parts);
  } catch (error) {
    if (error instanceof NotOurs) return;
    if (parts.signal.aborted) throw error;
    fault(id, error);
    throw error;
  }
  if (isEnded(record)) await store.transition(id, (known) => told(known, now().getTime()));
}

/** A worker that stood still for longer than its lock shows nothing over what its successor has shown. */
async function show(record: ChangeRecord, epoch: number, { store, show: put }: ChangeWorkParts): Promise<void> {
  await put(record, async () => {
    const known = await store.read(record.id);
    if (known?.epoch !== epoch || (isEnded(known) && !isEnded(record))) throw new NotOurs();
  });
}

/** Only as long as it is this wake's turn. */
function ours(epoch: number, decide: (record: ChangeRecord) => Transition): (record: ChangeRecord) => Transition {
  return (record) => {
    if (record.epoch !== epoch || isEnded(record)) throw new NotOurs();
    return decide(record);
  };
}

/** Proposed again, once: what was approved has to be what would be proposed now. */
async function begin(record: ChangeRecord, epoch: number, parts: ChangeWorkParts): Promise<ChangeRecord> {
  const { store, jobs, now } = parts;
  const job = jobs.find(({ name }) => name === record.job);
  if (job === undefined)
    return await endWith(
      record,
      epoch,
      'blocked',
      'This version of Quorum does not know the change any more. Nothing was changed.',
      parts,
    );
  let again: Proposal;
  try {
    await parts.demandStanding(record);
    again = await job.propose(record.input, { ...contextOf(parts), approved: record.plan });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return await endWith(
      record,
      epoch,
      'blocked',
      `Not started: ${error.message} ${error.advice} Nothing was changed.`,
      parts,
    );
  }
  const digest = changeDigest(job, record.input, again);
  return await store.transition(
    record.id,
    ours(epoch, (known) => started(known, again, digest, now().getTime())),
  );
}

async function runSteps(first: ChangeRecord, epoch: number, parts: ChangeWorkParts): Promise<ChangeRecord> {
  const { store, jobs, now } = parts;
  let record = first;
  const job = jobs.find(({ name }) => name === record.job);
  if (job === undefined || job.planVersion !== record.planVersion)
    return await endWith(
      record,
      epoch,
      'blocked',
      'Another version of Quorum began this change, and this one cannot carry it on.',
      parts,
    );
  const plan = job.plan.parse(record.plan);
  const steps = job.steps(plan);
  for (;;) {
    if (record.cancelRequestedBy !== undefined)
      return await endWith(record, epoch, 'cancelled', cancelText(record), parts, record.cancelRequestedBy);
    const index = currentStep(record);
    const step = index === undefined ? undefined : steps[index];
    if (index === undefined || step === undefined)
      return await endWith(record, epoch, 'done', endingText(record), parts);
    record = await store.transition(
      record.id,
      ours(epoch, (known) => stepBegun(known, index, now().getTime())),
    );
    await show(record, epoch, parts);
    const outcome = await tryStep(
      record,
      index,
      () => step.ensure(plan, stepContext(record, index, epoch, step.timeLimitMs, parts)),
      parts,
    );
    const at = now().getTime();
    if (outcome.kind === 'cancelled') {
      record = (await store.read(record.id)) ?? record;
      continue;
    }
    if (outcome.kind === 'done') {
      record = await store.transition(
        record.id,
        ours(epoch, (known) => stepDone(known, index, outcome, at)),
      );
      parts.log('step done', { change: record.id, step: step.title });
      continue;
    }
    if (outcome.kind === 'blocked') {
      const { refusal, sections } = outcome;
      return await store.transition(
        record.id,
        ours(epoch, (known) =>
          ended(
            withSections(known, index, sections),
            'blocked',
            `${step.title}: ${refusal.message} ${refusal.advice}`,
            'quorum',
            at,
            { step: step.title },
          ),
        ),
      );
    }
    if (outcome.kind === 'waiting' && at >= outcome.giveUpAt)
      return await store.transition(
        record.id,
        ours(epoch, (known) =>
          ended(
            withSections(known, index, outcome.sections),
            'failed',
            `${step.title}: gave up waiting. ${outcome.reason}`,
            'quorum',
            at,
            { step: step.title },
          ),
        ),
      );
    if (outcome.kind === 'faulted' && outcome.faults >= maxFaults)
      return await endWith(record, epoch, 'failed', `${step.title} failed ${maxFaults} times: ${outcome.why}`, parts);
    record = await store.transition(
      record.id,
      ours(epoch, (known) =>
        outcome.kind === 'waiting' ? stepWaits(known, index, outcome) : stepFaulted(known, index, outcome.why),
      ),
    );
    await parts.wake(record, outcome.kind === 'waiting' ? outcome.recheckAfterMs : afterFaultMs);
    return record;
  }
}

type Tried =
  | Outcome
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'faulted'; readonly why: string; readonly faults: number };

async function tryStep(
  record: ChangeRecord,
  index: number,
  ensure: () => Promise<Outcome>,
  parts: ChangeWorkParts,
): Promise<Tried> {
  try {
    return await ensure();
  } catch (error) {
    if (error instanceof NotOurs || parts.signal.aborted) throw error;
    if (error instanceof Cancelled) return { kind: 'cancelled' };
    if (error instanceof Refusal) return { kind: 'blocked', refusal: error };
    parts.fault(record.id, error);
    return { kind: 'faulted', why: messageOf(error), faults: (record.steps[index]?.faults ?? 0) + 1 };
  }
}

function stepContext(
  record: ChangeRecord,
  index: number,
  epoch: number,
  timeLimitMs: number | undefined,
  parts: ChangeWorkParts,
): StepContext {
  const { store } = parts;
  let intent: JsonObject = record.intent;
  return {
    ...contextOf(parts, timeLimitMs),
    ticketId: record.id,
    startedAt: new Date(record.steps[index]?.startedAt ?? record.createdAt),
    intent: {
      get value() {
        return intent;
      },
      async write(more) {
        intent = (
          await store.transition(
            record.id,
            ours(epoch, (known) => intentWritten(known, more)),
          )
        ).intent;
      },
    },
    async fence() {
      const known = await store.read(record.id);
      if (known === undefined || known.epoch !== epoch || isEnded(known)) throw new NotOurs();
      if (known.cancelRequestedBy !== undefined) throw new Cancelled();
    },
  };
}

function contextOf({ clients, space, now, signal }: ChangeWorkParts, timeLimitMs = stepTimeoutMs): Context {
  return {
    clients,
    ...(space === undefined ? {} : { space }),
    now,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeLimitMs)]),
    progress: () => {},
  };
}

async function endWith(
  record: ChangeRecord,
  epoch: number,
  state: 'done' | 'blocked' | 'failed' | 'cancelled',
  ending: string,
  { store, now }: ChangeWorkParts,
  actor = 'quorum',
): Promise<ChangeRecord> {
  return await store.transition(
    record.id,
    ours(epoch, (known) => ended(known, state, ending, actor, now().getTime(), {})),
  );
}

function withSections(
  record: ChangeRecord,
  index: number,
  sections: ChangeRecord['sections'] | readonly unknown[] | undefined,
): ChangeRecord {
  if (sections === undefined) return record;
  return {
    ...record,
    steps: record.steps.map((step, at) =>
      at === index ? { ...step, sections: [...(sections as ChangeRecord['sections'])] } : step,
    ),
  };
}

function cancelText(record: ChangeRecord): string {
  const done = record.steps.filter(({ state }) => state === 'done').map(({ title }) => title);
  return `Cancelled by request. ${done.length === 0 ? 'Nothing was changed.' : `This stands: ${listed(done)}.`}`;
}

function endingText(record: ChangeRecord): string {
  const last = record.steps.at(-1)?.note;
  return last === undefined ? '' : last;
}
