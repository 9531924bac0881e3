import { setTimeout as rest } from 'node:timers/promises';
import type { EtcdCluster } from '../client.ts';
import type { Failure } from '../failure.ts';
import { prefixRange } from '../keys/key-range.ts';
import { keyBytes, keyText } from '../keys/key-text.ts';
import { commonResources } from '../keys/kubernetes-names.ts';
import type { PrefixCount, SpaceSample } from './sample.ts';

/** More are not counted at one time. */
const mostPrefixes = 80;

/** What is counted periodically: the directories that most clusters of Kubernetes have, and what was found by `/etcd keys` or counted last. As text. */
export function prefixesToCount(eventsPrefix: string, samples: readonly SpaceSample[]): string[] {
  const root = eventsPrefix.slice(0, -'events/'.length);
  const found = samples.findLast(({ prefixes }) => prefixes !== undefined)?.prefixes ?? [];
  const all = new Set([...found.map(({ prefix }) => prefix), ...commonResources.map((name) => `${root}${name}/`)]);
  return [...all].slice(0, mostPrefixes);
}

/**
 * How many keys lie under each, asked one after another from one member, which only counts; with a rest as long as each took. Those without a key
 * are left out, and with them whatever is counted within a larger one.
 * @returns the counts, or why they cannot be had
 */
export async function countPrefixes(
  { keys }: Pick<EtcdCluster, 'keys'>,
  at: string,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<
  { readonly counts: PrefixCount[]; readonly failure?: undefined } | { readonly counts?: undefined; failure: Failure }
> {
  const counts: PrefixCount[] = [];
  for (const prefix of prefixes) {
    const startedAt = performance.now();
    const { value, failure } = await keys.count(at, prefixRange(keyBytes(prefix)));
    if (failure !== undefined) return { failure };
    if (value.count > 0) counts.push({ prefix, keys: value.count });
    await rest(performance.now() - startedAt, undefined, { signal });
  }
  return { counts };
}

/** What a walk over all keys found, as a sample keeps it. */
export function prefixCounts(groups: readonly { readonly prefix: Buffer; readonly keys: number }[]): PrefixCount[] {
  return groups.flatMap(({ prefix, keys }) => (prefix.length === 0 ? [] : [{ prefix: keyText(prefix), keys }]));
}

/** How the keys under a prefix have become more or fewer. */
export type PrefixGrowth = PrefixCount & { readonly keysPerHour: number };

/** Growth is not told of counts that are closer. */
const shortestMs = 60_000;
const recentMs = 24 * 3_600_000;

/**
 * The prefixes that were counted last, those that grow most first: against the oldest count of the last 24 hours.
 * @returns undefined where they were not counted twice
 */
export function growthOfPrefixes(
  samples: readonly SpaceSample[],
  clusterId: string,
  now: Date,
): { readonly growths: readonly PrefixGrowth[]; readonly since: string; readonly asOf: string } | undefined {
  const counted = samples.filter((sample) => sample.clusterId === clusterId && sample.prefixes !== undefined);
  const last = counted.at(-1);
  if (last?.prefixes === undefined) return undefined;
  const lastAt = Date.parse(last.at);
  const first = counted.find(
    ({ at }) => now.getTime() - Date.parse(at) <= recentMs && lastAt - Date.parse(at) >= shortestMs,
  );
  if (first?.prefixes === undefined) return undefined;
  const before = new Map(first.prefixes.map(({ prefix, keys }) => [prefix, keys]));
  const hours = (lastAt - Date.parse(first.at)) / 3_600_000;
  const growths = last.prefixes.map(({ prefix, keys }) => ({
    prefix,
    keys,
    keysPerHour: (keys - (before.get(prefix) ?? 0)) / hours,
  }));
  return {
    growths: growths.sort((a, b) => b.keysPerHour - a.keysPerHour || b.keys - a.keys),
    since: first.at,
    asOf: last.at,
  };
}
