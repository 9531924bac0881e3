import { Redis } from 'ioredis';
import { type SpaceSample, type SpaceStore, samplesKeptMs, spaceSampleSchema } from '../etcd/space/sample.ts';
import type { SpaceSamplingParts } from '../space-sampling.ts';
import { redisOptions } from './connection-client.ts';

/** Samples closer than this tell nothing more. */
const apartMs = 60_000;

/**
 * Keeps a sample unless one of the last minute is there; what is too old or beyond the bound goes, oldest first.
 * KEYS samples · ARGV ms of the sample, the sample, ms apart, oldest ms, most kept, seconds kept
 */
const recordScript = `
local newest = redis.call('zrange', KEYS[1], -1, -1, 'withscores')
if newest[2] and tonumber(newest[2]) > tonumber(ARGV[1]) - tonumber(ARGV[3]) then return 0 end
redis.call('zadd', KEYS[1], ARGV[1], ARGV[2])
redis.call('zremrangebyscore', KEYS[1], '-inf', '(' .. ARGV[4])
redis.call('zremrangebyrank', KEYS[1], 0, -1 - tonumber(ARGV[5]))
redis.call('expire', KEYS[1], ARGV[6])
return 1`;

export type SpaceClient = SpaceStore & SpaceSamplingParts['store'] & { close(): Promise<void> };

/** The sizes that were seen, in Redis: for each cluster those of 14 days, at most 4,100 (one every five minutes; with counts some 6 MB). Calls fail within about a second. */
export function connectSpace(
  redis: { url: string; prefix: string },
  tellFault: (error: Error) => void,
  { mostKept = 4_100 }: { readonly mostKept?: number } = {},
): SpaceClient {
  const client = new Redis(
    redisOptions(redis.url, { maxRetriesPerRequest: 1, connectTimeout: 1000, commandTimeout: 1000 }),
  );
  client.on('error', tellFault);
  const keyOf = (cluster: string) => `${redis.prefix}:space:${cluster}`;
  return {
    async record(cluster, sample) {
      const atMs = Date.parse(sample.at);
      const kept = [
        sample.prefixes === undefined ? apartMs : 0,
        atMs - samplesKeptMs,
        mostKept,
        samplesKeptMs / 1000,
      ].map(String);
      await client.eval(recordScript, 1, keyOf(cluster), String(atMs), JSON.stringify(sample), ...kept);
    },
    async takeTurn(cluster, everyMs) {
      // A little less than the interval, so that it is free again when its time comes, whichever worker's timer is first.
      const key = `${redis.prefix}:space-turn:${cluster}`;
      return (await client.set(key, '1', 'PX', Math.max(1, Math.round(everyMs * 0.9)), 'NX')) === 'OK';
    },
    async samples(cluster) {
      return (await client.zrange(keyOf(cluster), '0', '-1')).flatMap((text) => parseSample(text) ?? []);
    },
    async close() {
      client.disconnect();
    },
  };
}

/** What another version of Quorum wrote, and this one cannot read, is left out. */
function parseSample(text: string): SpaceSample | undefined {
  try {
    return spaceSampleSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
