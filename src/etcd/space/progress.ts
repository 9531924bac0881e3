import { z } from 'zod';
import type { Desk, StepContext } from '../../job.ts';
import type { ClusterSeen } from '../cluster.ts';
import { expectedBlockMs } from './figures.ts';

/** A member's database at one moment, in bytes. */
const sizeSchema = z.object({ label: z.string(), dbSizeBytes: z.number(), inUseBytes: z.number() });

const runningSchema = z.object({
  memberId: z.string(),
  label: z.string(),
  /** Milliseconds since the epoch. */
  sentAt: z.number(),
  beforeBytes: z.number(),
  /** How often it was sent: again only where it is certain that the first never began. */
  attempt: z.number(),
});

const progressSchema = z.object({
  /** By the member's id, as they were before anything was done. */
  sizesBefore: z.record(z.string(), sizeSchema).optional(),
  /** The revision that the history is compacted to; 0 where there is nothing to compact. */
  compactTo: z.number().optional(),
  /** Intent before act: a defragmentation that was sent, or is about to be. */
  defragmenting: runningSchema.nullish(),
  defragmented: z
    .array(z.object({ memberId: z.string(), label: z.string(), beforeBytes: z.number(), afterBytes: z.number() }))
    .default([]),
});

/** What the steps of a change that gives space back have written down, kept over crashes. */
export type Progress = z.infer<typeof progressSchema>;
export type Running = z.infer<typeof runningSchema>;

export function progressOf({ intent }: Pick<StepContext, 'intent'>): Progress {
  return progressSchema.parse(intent.value);
}

/**
 * Members that a running change defragments, as the records tell: what hangs there is meant to. Where the records cannot be read there are none
 * known, and a terminal knows of none.
 */
export async function defragmentingNow(
  desk: Pick<Desk, 'open'> | undefined,
  cluster: string,
): Promise<NonNullable<ClusterSeen['defragmenting']>> {
  if (desk === undefined) return [];
  try {
    return (await desk.open()).flatMap(({ target, intent }) => {
      if (target.kind !== 'etcd' || target.name !== cluster) return [];
      const running = progressSchema.safeParse(intent).data?.defragmenting;
      return running == null ? [] : [{ memberId: running.memberId, expectedMs: expectedBlockMs(running.beforeBytes) }];
    });
  } catch {
    return [];
  }
}
