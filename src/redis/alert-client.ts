import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { z } from 'zod';
import type { AlertNews, AlertStore } from '../alerts/alert-store.ts';
import { redisOptions } from './connection-client.ts';
import { type Script, scriptOf } from './script-client.ts';

const keptSeconds = 30 * 86_400;
/** Of two Prometheus that watch the same each has its own clock; what begins within this is the same beginning. */
const sameBeginningMs = 60_000;
/**
 * A notice of a beginning that comes so long after the end is late (a retry, the other Alertmanager of a pair). One that comes later is meant:
 * an Alertmanager that Prometheus could not reach ends an alert by itself, and tells of it again as it was.
 */
const lateMs = 10 * 60_000;

/**
 * What is kept of an alert: subject (where it is told, while it is on), since (its beginning, once that was taken), round (how often it ended), and of
 * its last end: endedSince (the beginning that ended) and endedAt (when that was heard).
 * KEYS one an alert · ARGV now, same beginning ms, late ms, kept s, then of each alert: 1 where it is on, its beginning, the subject it would get
 */
const placeScript = `
local now, same, late = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local places = {}
for i, key in ipairs(KEYS) do
  local isOn, startsAt, subject = ARGV[2 + 3 * i] == '1', tonumber(ARGV[3 + 3 * i]), ARGV[4 + 3 * i]
  local text = redis.call('get', key)
  local known = text and cjson.decode(text) or { round = 0 }
  local isKnown
  if isOn then
    isKnown = (known.since and startsAt <= known.since + same)
      or (not known.since and known.endedSince and startsAt <= known.endedSince and now - known.endedAt < late)
    if not isKnown and not known.subject then
      known.subject = subject
      redis.call('set', key, cjson.encode(known), 'EX', ARGV[4])
    elseif text then
      redis.call('expire', key, ARGV[4])
    end
  else
    isKnown = known.since and startsAt + same < known.since
  end
  places[i] = isKnown and '' or cjson.encode({ subject = known.subject or subject, round = known.round })
end
return places`;

/** KEYS and ARGV as above. */
const settleScript = `
local now = tonumber(ARGV[1])
local ended = {}
for i, key in ipairs(KEYS) do
  local isOn, startsAt = ARGV[2 + 3 * i] == '1', tonumber(ARGV[3 + 3 * i])
  local text = redis.call('get', key)
  local known = text and cjson.decode(text) or { round = 0 }
  if isOn then
    if known.subject then known.since = math.max(known.since or 0, startsAt)
    elseif known.endedSince and startsAt <= known.endedSince then table.insert(ended, i - 1) end
  else
    if known.subject then known.round = known.round + 1 end
    known.subject = nil
    known.since = nil
    known.endedSince = math.max(known.endedSince or 0, startsAt)
    known.endedAt = now
  end
  redis.call('set', key, cjson.encode(known), 'EX', ARGV[4])
end
return ended`;

const placeSchema = z.object({ subject: z.string(), round: z.number() });

export type AlertClient = AlertStore & { close(): Promise<void> };

/** What is remembered of alerts in Redis: 30 days since each was last heard of. */
export function connectAlerts(redis: { url: string; prefix: string }, tellFault: (error: Error) => void): AlertClient {
  const client = new Redis(redisOptions(redis.url, { maxRetriesPerRequest: 5, connectTimeout: 2000 }));
  client.on('error', tellFault);
  const key = ({ cluster, fingerprint }: AlertNews) =>
    [
      redis.prefix,
      'alert',
      createHash('sha256')
        .update(JSON.stringify([cluster, fingerprint]))
        .digest('hex')
        .slice(0, 32),
    ].join(':');
  const run = (script: Script, news: readonly AlertNews[], now: number) =>
    script(news.map(key), [
      ...[now, sameBeginningMs, lateMs, keptSeconds].map(String),
      ...news.flatMap(({ isOn, startsAt, subject }) => [isOn ? '1' : '0', String(startsAt), subject]),
    ]);
  const [placing, settling] = [scriptOf(client, placeScript), scriptOf(client, settleScript)];
  return {
    async place(news, now) {
      if (news.length === 0) return [];
      const places = z.array(z.string()).parse(await run(placing, news, now));
      return places.map((text) =>
        text === '' ? { kind: 'known' } : { kind: 'news', ...placeSchema.parse(JSON.parse(text)) },
      );
    },
    async settle(news, now) {
      return news.length === 0 ? [] : z.array(z.number()).parse(await run(settling, news, now));
    },
    async close() {
      client.disconnect();
    },
  };
}
