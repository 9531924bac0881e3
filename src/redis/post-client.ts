import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { Refusal } from '../refusal.ts';
import type { Report } from '../report/report.ts';
import type { PostStore } from '../slack/delivery.ts';
import { redisOptions } from './connection-client.ts';

/** How long a post is remembered since it was last asked for: longer than any ticket lives, so that a job that runs again edits what it posted. */
const rememberedSeconds = 7 * 24 * 3600;

const recordSchema = z.object({
  channelId: z.string(),
  ts: z.string().optional(),
  intentAt: z.number(),
  digest: z.string().optional(),
});

/** Answers what is stored, and remembers it anew; stores the new record where nothing is. */
const claimScript = `
local known = redis.call('get', KEYS[1])
if known then
  redis.call('expire', KEYS[1], ARGV[2])
  return known
end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return false`;

/** Stores where the post stands and answers its ts, unless another one stands already: then answers that one's. */
const settleScript = `
local known = redis.call('get', KEYS[1])
if known then
  local ts = cjson.decode(known)['ts']
  if ts and ts ~= ARGV[3] then return ts end
end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return ARGV[3]`;

const readDeadlineMs = 1500;
const silence = Symbol('no answer');
const noAnswer = () => silence;

/** What was posted, and the reports themselves, in Redis. */
export type PostClient = PostStore & {
  /** What was typed, for those who want to run it again. */
  saveLine(ticketId: string, line: string): Promise<void>;
  line(ticketId: string): Promise<string | undefined>;
  saveReport(ticketId: string, report: Report): Promise<void>;
  /**
   * The report of a ticket; undefined when it is older than a week.
   * @throws Refusal within 1.5 s where Redis does not answer: a modal can be opened for 3 s after the click
   */
  report(ticketId: string): Promise<Report | undefined>;
  ping(): Promise<void>;
  close(): Promise<void>;
};

export function connectPosts(redis: { url: string; prefix: string }, tellFault: (error: Error) => void): PostClient {
  const client = new Redis(redisOptions(redis.url, { maxRetriesPerRequest: 20, connectTimeout: 2000 }));
  client.on('error', tellFault);
  const postKey = (key: string) => `${redis.prefix}:post:${key}`;
  const lineKey = (id: string) => `${redis.prefix}:line:${id}`;
  const reportKey = (id: string) => `${redis.prefix}:report:${id}`;
  return {
    async claim(key, record) {
      const known = await client.eval(claimScript, 1, postKey(key), JSON.stringify(record), rememberedSeconds);
      return typeof known === 'string' ? recordSchema.parse(JSON.parse(known)) : undefined;
    },
    async settle(key, record) {
      return String(
        await client.eval(settleScript, 1, postKey(key), JSON.stringify(record), rememberedSeconds, record.ts),
      );
    },
    async set(key, record) {
      await client.set(postKey(key), JSON.stringify(record), 'EX', rememberedSeconds);
    },
    async saveLine(id, line) {
      await client.set(lineKey(id), line, 'EX', rememberedSeconds);
    },
    async line(id) {
      return (await client.get(lineKey(id))) ?? undefined;
    },
    async saveReport(id, report) {
      await client.set(reportKey(id), JSON.stringify(report), 'EX', rememberedSeconds);
    },
    async report(id) {
      const text = await Promise.race([
        client.get(reportKey(id)).catch(noAnswer),
        wait(readDeadlineMs, silence, { ref: false }),
      ]);
      if (typeof text === 'symbol')
        throw new Refusal(
          'The report cannot be read now: Redis does not answer.',
          'Press the button again in a minute, or run the command again.',
        );
      return text === null ? undefined : (JSON.parse(text) as Report);
    },
    async ping() {
      await client.ping();
    },
    async close() {
      client.disconnect();
    },
  };
}
