import { z } from 'zod';
import { digestOf } from './digest.ts';
import type { Change, Proposal } from './job.ts';
import type { JsonObject, Section } from './report/report.ts';

const jsonObject = z.record(z.string(), z.json()) as z.ZodType<JsonObject>;
const sections = z.array(z.custom<Section>((value) => typeof value === 'object' && value !== null));

export const stepSchema = z.object({
  title: z.string(),
  state: z.enum(['open', 'running', 'waiting', 'done', 'blocked', 'failed']),
  /** Milliseconds since the epoch, as all times here. */
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  /** What it came to, or what it waits for. */
  note: z.string().optional(),
  giveUpAt: z.number().optional(),
  /** How often it failed for reasons that may pass. */
  faults: z.number().int().default(0),
  sections: sections.default([]),
});

const recordSchema = z.object({
  id: z.string(),
  /** Raised by every transition: what a transition is compared against. */
  revision: z.number().int(),
  state: z.enum([
    'proposed',
    'approved',
    'started',
    'waiting',
    'done',
    'denied',
    'expired',
    'cancelled',
    'superseded',
    'blocked',
    'failed',
  ]),
  job: z.string(),
  planVersion: z.number().int(),
  line: z.string(),
  target: z.object({ kind: z.enum(['etcd', 'workload']), name: z.string(), identity: z.string() }),
  input: jsonObject,
  plan: jsonObject,
  digest: z.string(),
  words: z.string(),
  checks: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['ok', 'warning', 'blocking', 'unknown']),
      seen: z.string(),
      advice: z.string(),
    }),
  ),
  sections,
  requester: z.string(),
  reason: z.string().optional(),
  place: z.object({ channelId: z.string(), threadTs: z.string().optional(), rootKey: z.string() }),
  required: z.number().int().min(1),
  decisions: z.array(
    z.object({
      userId: z.string(),
      kind: z.enum(['approved', 'denied']),
      at: z.number(),
      reason: z.string().optional(),
    }),
  ),
  /** Begun without a second person: it starts by itself at this time, unless somebody cancels it. */
  alone: z.object({ incident: z.string(), startsAt: z.number() }).optional(),
  createdAt: z.number(),
  expiresAt: z.number(),
  /** After this an approved change no longer starts. */
  startBy: z.number().optional(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  steps: z.array(stepSchema),
  intent: jsonObject,
  /** Raised by every wake: a worker that was paused finds that it is no longer its turn. */
  epoch: z.number().int(),
  /** The number of the latest ticket. */
  wake: z.number().int(),
  cancelRequestedBy: z.string().optional(),
  /** What the end was, in words, and what is left to do. */
  ending: z.string().optional(),
  /** When its end stood in the thread: until then it is not finished. */
  toldAt: z.number().optional(),
  reminders: z.number().int(),
});

/** A change's life in Redis: the truth about it. Tickets only wake it. */
export type ChangeRecord = z.infer<typeof recordSchema>;
export type ChangeState = ChangeRecord['state'];

export type StepRecord = ChangeRecord['steps'][number];

export const terminalStates: readonly ChangeState[] = [
  'done',
  'denied',
  'expired',
  'cancelled',
  'superseded',
  'blocked',
  'failed',
];

export function isEnded(record: ChangeRecord): boolean {
  return terminalStates.includes(record.state);
}

export function parseRecord(text: string): ChangeRecord {
  return recordSchema.parse(JSON.parse(text));
}

/** What an approval is bound to. Sets in a plan are sorted by whoever makes it. */
export function changeDigest(
  change: Pick<Change, 'name' | 'planVersion'>,
  input: JsonObject,
  proposal: Proposal,
): string {
  const { kind, identity } = proposal.target;
  return digestOf({
    job: change.name,
    planVersion: change.planVersion,
    target: { kind, identity },
    input,
    plan: proposal.plan,
  });
}

/** The step that is to be tried; undefined when all are done. */
export function currentStep(record: ChangeRecord): number | undefined {
  const index = record.steps.findIndex(({ state }) => state !== 'done');
  return index === -1 ? undefined : index;
}
