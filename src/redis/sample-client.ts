import { Redis } from 'ioredis';
import type { ContainerName } from '../kubernetes/memory-reader.ts';
import { packed, type SampleStore, samplesKeptMs, unpacked } from '../kubernetes/memory-samples.ts';
import { Refusal } from '../refusal.ts';
import { redisOptions } from './connection-client.ts';

/** So many containers in one step: Redis does nothing else meanwhile. */
const batch = 200;

/**
 * Each sample in front of its container's list, unless it stands there: a metrics server tells the same one until it has a newer one.
 * KEYS lists · ARGV most kept, seconds kept, then a sample for each list
 */
const keepScript = `
for index, key in ipairs(KEYS) do
  local sample = ARGV[index + 2]
  local last = redis.call('lindex', key, 0)
  if not last or string.match(last, '^[^:]+') ~= string.match(sample, '^[^:]+') then
    redis.call('lpush', key, sample)
    redis.call('ltrim', key, 0, tonumber(ARGV[1]) - 1)
  end
  redis.call('expire', key, ARGV[2])
end
return #KEYS`;

export type SampleClient = SampleStore & { close(): Promise<void> };

/**
 * Memory samples in Redis: a list for each container, of a day at most, gone a day after its last sample. 2,880 samples, a day of them
 * every 30 s, take 40 KB.
 */
export function connectSamples(
  redis: { url: string; prefix: string },
  tellFault: (error: Error) => void,
): SampleClient {
  const client = new Redis(
    redisOptions(redis.url, { maxRetriesPerRequest: 1, connectTimeout: 1000, commandTimeout: 1000 }),
  );
  client.on('error', tellFault);
  const listKey = (cluster: string, { namespace, pod, container }: ContainerName) =>
    `${redis.prefix}:memory:${cluster}:${namespace}/${pod}/${container}`;
  return {
    async takeTurn(cluster, namespace, everyMs) {
      // A little less than the interval, so that it is free again when its time comes, whichever worker's timer is first.
      const key = `${redis.prefix}:sampling:${cluster}:${namespace}`;
      return (await client.set(key, '1', 'PX', Math.max(1, Math.round(everyMs * 0.9)), 'NX')) === 'OK';
    },
    async keep(cluster, samples, everyMs) {
      for (let from = 0; from < samples.length; from += batch) {
        const part = samples.slice(from, from + batch);
        await client.eval(
          keepScript,
          part.length,
          ...part.map(({ name }) => listKey(cluster, name)),
          String(Math.ceil(samplesKeptMs / everyMs)),
          String(samplesKeptMs / 1000),
          ...part.map(({ sample }) => packed(sample)),
        );
      }
    },
    async read(cluster, name) {
      const texts = await client.lrange(listKey(cluster, name), 0, -1).catch(() => {
        throw new Refusal(
          'The kept samples of memory cannot be read now: Redis does not answer.',
          'Ask again when it does; `quorum check` tells more.',
        );
      });
      return texts
        .flatMap((text) => {
          const sample = unpacked(text);
          return sample === undefined ? [] : [sample];
        })
        .reverse();
    },
    async close() {
      client.disconnect();
    },
  };
}
