import { z } from 'zod';
import { occurrenceSchema } from './occurrence.ts';

const recent = occurrenceSchema.pick({ at: true, note: true, namespace: true, node: true });

/** One thread and what stands behind it: all that happened to one subject until it was calm for long enough. Times are milliseconds since the epoch. */
export const incidentSchema = z.object({
  id: z.string(),
  /** `burst`: many others told in one thread. */
  source: z.enum(['watch', 'alert', 'burst']),
  cluster: z.string(),
  subject: z.string(),
  title: z.string(),
  channelId: z.string(),
  /** A Slack id (U…, S…), `here` or `channel`; null: nobody is called. */
  mention: z.string().nullable(),
  /** suspected: only its log tells, and it is not told before that. dismissed: the log told that it was something else. */
  state: z.enum(['suspected', 'open', 'resolved', 'dismissed']),
  /** When it was first heard of, not when it happened. */
  openedAt: z.number(),
  firstAt: z.number(),
  lastAt: z.number(),
  count: z.number().int(),
  /** How many of them happened while nobody watched. */
  missed: z.number().int(),
  /** The latest, oldest first: at most `recentKept`. */
  recent: z.array(recent),
  /** Of what may end by itself (alerts): how many there were, and how many are on; 0 of 0 for kills. */
  members: z.object({ known: z.number().int(), on: z.number().int() }),
  /** The look that answers it; null where there is none. */
  line: z.string().nullable(),
  details: z.string().nullable(),
  links: occurrenceSchema.shape.links,
  /** What the look came to. */
  seen: z.object({ summary: z.string(), verdict: z.string(), at: z.number() }).nullable(),
  /** The incident that tells this one with others. */
  burstId: z.string().nullable(),
  /** Not told before this: quiet hours, a silence. */
  dueAt: z.number(),
  /** An approved change that was to end it: when it was done, and who asked for it. Gone with the next occurrence after it. */
  mended: z.object({ at: z.number(), by: z.string() }).nullish(),
  silenced: z.object({ until: z.number(), by: z.string() }).nullable(),
  /** The channel that could not be written to, where it was moved to the default one. */
  movedFrom: z.string().nullable(),
  resolvedAt: z.number().nullable(),
  /** Raised by whatever the thread should show; `told` is the one it shows. */
  content: z.number().int(),
  told: z.number().int(),
  /** Raised by every transition. */
  revision: z.number().int(),
});

export type Incident = z.infer<typeof incidentSchema>;

/** So many of the latest occurrences are kept with the incident; the history of kills keeps them all. */
export const recentKept = 12;

/** Whether nothing is left to be done for it; what a burst tells has no thread of its own to bring up to date. */
export function isFinished({ state, content, told, burstId }: Incident): boolean {
  return state === 'dismissed' || (state === 'resolved' && (told >= content || burstId !== null));
}

/** Whether its time to be told has not come. A suspicion is looked at all the same: logs and pods go while quiet hours last. */
export function isKeptBack({ dueAt, state }: Pick<Incident, 'dueAt' | 'state'>, now: number): boolean {
  return dueAt > now && state !== 'suspected';
}
