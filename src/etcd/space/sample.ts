import { z } from 'zod';
import type { ClusterSeen } from '../cluster.ts';
import { type KnownCluster, requireKnown } from '../member-reference.ts';
import type { ClusterView } from '../view.ts';

/** How large a cluster's databases were at one moment, and how far its history. Times are ISO 8601, sizes bytes, ids hexadecimal. */
export const spaceSampleSchema = z.object({
  at: z.string(),
  clusterId: z.string(),
  revision: z.number(),
  members: z.array(z.object({ id: z.string(), dbSizeBytes: z.number(), inUseBytes: z.number() })),
  /** How many keys lay under each, as text; of the first levels only, which everybody may see. */
  prefixes: z.array(z.object({ prefix: z.string(), keys: z.number() })).optional(),
});

export type SpaceSample = z.infer<typeof spaceSampleSchema>;
export type PrefixCount = { readonly prefix: string; readonly keys: number };

/** What was seen of a cluster's size before: bounded, at most one a minute of those without counts. */
export type SpaceStore = {
  record(cluster: string, sample: SpaceSample): Promise<void>;
  /** Oldest first. */
  samples(cluster: string): Promise<readonly SpaceSample[]>;
};

/** How long a sample is kept. */
export const samplesKeptMs = 14 * 86_400_000;
/** Of growth nothing is said from two looks that are closer. */
const shortestMs = 60_000;
/** What lies further back tells of another time. */
const recentMs = 24 * 3_600_000;

/** What a look has seen; undefined where no member answered. */
export function sampleOf(view: KnownCluster, now: Date): SpaceSample | undefined {
  const members = view.members.flatMap(({ member, status }) =>
    status === null ? [] : [{ id: member.id, dbSizeBytes: status.dbSizeBytes, inUseBytes: status.dbSizeInUseBytes }],
  );
  if (members.length === 0) return undefined;
  return {
    at: now.toISOString(),
    clusterId: view.clusterId,
    revision: Math.max(...view.members.map(({ status }) => status?.revision ?? 0)),
    members,
  };
}

/** Growth of what is in use, and what it was told from. */
export type Growth = { readonly bytesPerHour: number; readonly since: string };

/**
 * How fast what a member has in use grows: against the oldest sample of the last 24 hours, else the latest one before.
 * @returns undefined where nothing was seen early enough
 */
export function growthOf(
  samples: readonly SpaceSample[],
  clusterId: string,
  memberId: string,
  inUseBytes: number,
  now: Date,
): Growth | undefined {
  const earlier = samples.flatMap((sample) => {
    const ageMs = now.getTime() - Date.parse(sample.at);
    const member = sample.members.find(({ id }) => id === memberId);
    if (sample.clusterId !== clusterId || ageMs < shortestMs || member === undefined) return [];
    return [{ at: sample.at, ageMs, inUseBytes: member.inUseBytes }];
  });
  const from = earlier.find(({ ageMs }) => ageMs <= recentMs) ?? earlier.at(-1);
  if (from === undefined) return undefined;
  return { bytesPerHour: ((inUseBytes - from.inUseBytes) / from.ageMs) * 3_600_000, since: from.at };
}

/** The newest revision that was seen at least so long ago; undefined where none was. */
export function revisionOlderThan(
  samples: readonly SpaceSample[],
  clusterId: string,
  ageMs: number,
  now: Date,
): { readonly revision: number; readonly at: string } | undefined {
  return samples.findLast((sample) => sample.clusterId === clusterId && now.getTime() - Date.parse(sample.at) >= ageMs);
}

/** The growth of the member that grows fastest; null where nothing was measured. */
export function fastestGrowth(samples: readonly SpaceSample[], view: ClusterView, now: Date): Growth | null {
  const all = view.members.flatMap(({ member, status }) => {
    if (member === null || status === null) return [];
    return growthOf(samples, view.clusterId ?? '', member.id, status.dbSizeInUseBytes, now) ?? [];
  });
  return all.reduce<Growth | null>(
    (fastest, growth) => (fastest === null || growth.bytesPerHour > fastest.bytesPerHour ? growth : fastest),
    null,
  );
}

/** What was seen before, and why not where it could not be had: a terminal keeps nothing. */
export type SamplesSeen = { readonly samples: readonly SpaceSample[]; readonly unseen: '' | 'terminal' | 'failed' };

/** Reads what was seen before and keeps what is seen now. A store that does not answer costs itself only. */
export async function rememberSpace(
  store: SpaceStore | undefined,
  view: KnownCluster,
  now: Date,
): Promise<SamplesSeen> {
  if (store === undefined) return { samples: [], unseen: 'terminal' };
  try {
    const { cluster } = view.seen;
    const samples = await store.samples(cluster);
    const sample = sampleOf(view, now);
    if (sample !== undefined) await store.record(cluster, sample);
    return { samples, unseen: '' };
  } catch {
    return { samples: [], unseen: 'failed' };
  }
}

/** Keeps what a look has seen, beside its answer: nobody waits for it, and what goes wrong there is nobody's trouble. */
export function noteSpace(
  store: SpaceStore | undefined,
  seen: ClusterSeen,
  now: Date,
  prefixes?: readonly PrefixCount[],
): void {
  if (store === undefined || seen.members === null) return;
  if (seen.asked.every(({ status }) => status === undefined)) return;
  const sample = sampleOf(requireKnown(seen), now);
  if (sample === undefined) return;
  const counted = prefixes === undefined ? sample : { ...sample, prefixes: [...prefixes] };
  store.record(seen.cluster, counted).catch(() => {});
}
