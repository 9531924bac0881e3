import { Redis } from 'ioredis';
import { type Kill, type KillStore, killKey, killSchema, killsKeptMs } from '../kubernetes/kill.ts';
import { redisOptions } from './connection-client.ts';

/** So many at once: a page of pods shows fewer. */
const batch = 500;

/**
 * Keeps the kills that are new, each under its key: HSETNX, so that several bots and several looks count it once.
 * What is too old or beyond the bound goes, oldest first; a cluster that is asked no more is forgotten.
 * KEYS times, kills · ARGV oldest ms, most kept, seconds kept, then key, ms, kill …
 */
const recordScript = `
for index = 4, #ARGV, 3 do
  if tonumber(ARGV[index + 1]) >= tonumber(ARGV[1]) and redis.call('hsetnx', KEYS[2], ARGV[index], ARGV[index + 2]) == 1 then
    redis.call('zadd', KEYS[1], ARGV[index + 1], ARGV[index])
  end
end
local gone = redis.call('zrangebyscore', KEYS[1], '-inf', '(' .. ARGV[1])
local over = redis.call('zcard', KEYS[1]) - #gone - tonumber(ARGV[2])
if over > 0 then gone = redis.call('zrange', KEYS[1], 0, #gone + over - 1) end
for _, key in ipairs(gone) do
  redis.call('zrem', KEYS[1], key)
  redis.call('hdel', KEYS[2], key)
end
redis.call('expire', KEYS[1], ARGV[3])
redis.call('expire', KEYS[2], ARGV[3])
return #gone`;

export type KillClient = KillStore & { close(): Promise<void> };

/**
 * The kills that were seen, in Redis: bounded for each cluster by age (14 days) and by number (10,000 take some 4 MB).
 * Calls fail within about a second where Redis does not answer: the history is a part of an answer, never the answer.
 */
export function connectKills(
  redis: { url: string; prefix: string },
  tellFault: (error: Error) => void,
  { mostKept = 10_000, now = () => new Date() }: { readonly mostKept?: number; readonly now?: () => Date } = {},
): KillClient {
  const client = new Redis(
    redisOptions(redis.url, { maxRetriesPerRequest: 1, connectTimeout: 1000, commandTimeout: 1000 }),
  );
  client.on('error', tellFault);
  const timesKey = (cluster: string) => `${redis.prefix}:kills:${cluster}:times`;
  const killsKey = (cluster: string) => `${redis.prefix}:kills:${cluster}:kills`;
  return {
    async record(cluster, kills) {
      const oldestMs = now().getTime() - killsKeptMs;
      for (let from = 0; from < kills.length; from += batch)
        await client.eval(
          recordScript,
          2,
          timesKey(cluster),
          killsKey(cluster),
          String(oldestMs),
          String(mostKept),
          String(killsKeptMs / 1000),
          ...kills
            .slice(from, from + batch)
            .flatMap((kill) => [killKey(kill), String(Date.parse(kill.finishedAt)), JSON.stringify(kill)]),
        );
    },
    async since(cluster, from) {
      const keys = await client.zrange(timesKey(cluster), String(from.getTime()), '+inf', 'BYSCORE');
      if (keys.length === 0) return [];
      const texts = await client.hmget(killsKey(cluster), ...keys);
      return texts.flatMap((text) => (text === null ? [] : (parseKill(text) ?? [])));
    },
    async close() {
      client.disconnect();
    },
  };
}

/** What another version of Quorum wrote, and this one cannot read, is left out. */
function parseKill(text: string): Kill | undefined {
  try {
    return killSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
