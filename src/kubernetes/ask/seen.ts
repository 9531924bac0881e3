import { z } from 'zod';
import type { JsonObject } from '../../report/report.ts';

/** What the steps have found out, as the record keeps it: numbers and masked texts alone. Sizes in bytes; null: not to be had. */

const amount = z.number().nullable();

export const processSeenSchema = z.object({
  /** When the container was started that this is of. */
  run: z.string(),
  /** Null: none was found. */
  process: z
    .object({
      pid: z.number(),
      startTicks: z.string(),
      jcmd: z.string().nullable(),
      mayBeSignalled: z.boolean(),
      catchesQuit: z.boolean().nullable(),
      /** The JVM's own arguments, masked. */
      words: z.array(z.string()),
      rssBytes: amount,
      anonymousBytes: amount,
      peakRssBytes: amount,
      swapBytes: amount,
      threads: amount,
      processesLimit: z.string().nullable(),
      openFilesLimit: z.string().nullable(),
    })
    .nullable(),
  /** Other java processes of the container. */
  others: z.number(),
  hasShell: z.boolean(),
  cgroup: z.object({
    currentBytes: amount,
    limitBytes: amount,
    peakBytes: amount,
    oomKills: amount,
    workingSetBytes: amount,
  }),
  /** What was not to be had: sentences. */
  missing: z.array(z.string()),
});

export const jvmSeenSchema = z.object({
  room: z.object({ isEnough: z.boolean(), workingSetBytes: amount, limitBytes: amount, why: z.string() }),
  maxHeapBytes: amount,
  initialHeapBytes: amount,
  collector: z.string().nullable(),
  heapUsedBytes: amount,
  heapCommittedBytes: amount,
  metaspaceUsedBytes: amount,
  native: z
    .object({
      reservedBytes: z.number(),
      committedBytes: z.number(),
      areas: z.array(z.object({ name: z.string(), reservedBytes: z.number(), committedBytes: z.number() })),
    })
    .nullable(),
  missing: z.array(z.string()),
});

export const threadsSeenSchema = z.object({
  threads: z.number().nullable(),
  states: z.array(z.object({ state: z.string(), threads: z.number() })),
  hasDeadlock: z.boolean(),
  missing: z.array(z.string()),
});

export type ProcessSeen = z.infer<typeof processSeenSchema>;
export type JvmSeen = z.infer<typeof jvmSeenSchema>;
export type ThreadsSeen = z.infer<typeof threadsSeenSchema>;

/** What a step wrote down; undefined where it has not. */
export function seenIn<Schema extends z.ZodType>(
  intent: JsonObject,
  key: 'process' | 'jvm' | 'threads',
  schema: Schema,
): z.infer<Schema> | undefined {
  const parsed = schema.safeParse(intent[key]);
  return parsed.success ? parsed.data : undefined;
}
