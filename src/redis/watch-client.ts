import { Redis } from 'ioredis';
import { choiceSchema, type Standing, standingSchema, type WatchStore } from '../watch/watch-store.ts';
import { redisOptions } from './connection-client.ts';

const standingKeptSeconds = 30;

export type WatchClient = WatchStore & { close(): Promise<void> };

/** Who is told of what, and how the watches stand, in Redis. */
export function connectWatch(redis: { url: string; prefix: string }, tellFault: (error: Error) => void): WatchClient {
  const client = new Redis(
    redisOptions(redis.url, { maxRetriesPerRequest: 1, connectTimeout: 1000, commandTimeout: 1500 }),
  );
  client.on('error', tellFault);
  const key = (...parts: readonly string[]) => [redis.prefix, 'watch', ...parts].join(':');
  const standingKey = ({ cluster, namespace, worker }: Standing) =>
    key('standing', JSON.stringify([cluster, namespace, worker]));
  return {
    async lastWatched(cluster) {
      const at = await client.hget(key('last'), cluster);
      return at === null ? undefined : Number(at);
    },
    async tell(standings, watched, at) {
      const pipeline = client.pipeline();
      for (const standing of standings) {
        pipeline.set(standingKey(standing), JSON.stringify(standing), 'EX', standingKeptSeconds);
        pipeline.zadd(key('standings'), String(at), standingKey(standing));
      }
      pipeline.zremrangebyscore(key('standings'), '-inf', String(at - standingKeptSeconds * 1000));
      for (const cluster of watched) pipeline.hset(key('last'), cluster, String(at));
      const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
      if (failed != null) throw failed;
    },
    async standings() {
      const keys = await client.zrange(key('standings'), '0', '-1');
      const texts = keys.length === 0 ? [] : await client.mget(keys);
      return texts.flatMap((text) => (text === null ? [] : (standingSchema.safeParse(JSON.parse(text)).data ?? [])));
    },
    async choices() {
      const texts = await client.hvals(key('choices'));
      return texts.flatMap((text) => choiceSchema.safeParse(JSON.parse(text)).data ?? []).sort((a, b) => b.at - a.at);
    },
    async choose(choice) {
      const { channelId, cluster, namespace } = choice;
      await client.hset(key('choices'), JSON.stringify([channelId, cluster, namespace]), JSON.stringify(choice));
    },
    async close() {
      client.disconnect();
    },
  };
}
