import { createHash, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { type Incident, incidentSchema, isFinished } from '../incident/incident.ts';
import type { IncidentStore } from '../incident/incident-store.ts';
import { type Member, occurrenceSchema } from '../incident/occurrence.ts';
import { redisOptions } from './connection-client.ts';
import { scriptOf } from './script-client.ts';

/** What happened is known for as long as the history of kills; a cluster's API tells nothing older. */
const keysKeptMs = 14 * 86_400_000;
const mostKeys = 200_000;
const finishedKeptSeconds = 30 * 86_400;
const saidKeptSeconds = 7 * 86_400;
const memberSchema = occurrenceSchema.shape.member.unwrap();

/**
 * One transition: the incident if it is still the one that was read, and with it what happened and who is on. All or nothing. The
 * driver sends a command again whose reply was lost with its connection: an incident that carries this very commit is stored already.
 * KEYS record, subject's open one, unfinished, seen, members, openings, children
 * ARGV expected revision ('' for a new one), record, id, commit, 1 where it is open for its subject, 1 where it is finished, opened at,
 * kept seconds, told at '' or ms of a new opening, oldest key ms, most keys, amount of keys, key and ms …, then member id and member …
 */
const commitScript = `
local known = redis.call('get', KEYS[1])
if known and cjson.decode(known)['commit'] == ARGV[4] then return 1 end
if ARGV[1] == '' then
  if known or redis.call('exists', KEYS[2]) == 1 then return 0 end
else
  if not known or tostring(cjson.decode(known)['revision']) ~= ARGV[1] then return 0 end
end
if ARGV[5] == '1' then
  redis.call('set', KEYS[2], ARGV[3])
elseif redis.call('get', KEYS[2]) == ARGV[3] then
  redis.call('del', KEYS[2])
end
if ARGV[6] == '1' then
  redis.call('set', KEYS[1], ARGV[2], 'EX', ARGV[8])
  redis.call('zrem', KEYS[3], ARGV[3])
  redis.call('expire', KEYS[5], ARGV[8])
  redis.call('expire', KEYS[7], ARGV[8])
else
  redis.call('set', KEYS[1], ARGV[2])
  redis.call('zadd', KEYS[3], ARGV[7], ARGV[3])
end
if ARGV[9] ~= '' then
  redis.call('zadd', KEYS[6], ARGV[9], ARGV[3])
  redis.call('expire', KEYS[6], 86400)
end
local index = 13
for _ = 1, tonumber(ARGV[12]) do
  redis.call('zadd', KEYS[4], ARGV[index + 1], ARGV[index])
  index = index + 2
end
if tonumber(ARGV[12]) > 0 then
  redis.call('zremrangebyscore', KEYS[4], '-inf', '(' .. ARGV[10])
  redis.call('zremrangebyrank', KEYS[4], 0, -1 - tonumber(ARGV[11]))
end
while index < #ARGV do
  redis.call('hset', KEYS[5], ARGV[index], ARGV[index + 1])
  index = index + 2
end
local burst = cjson.decode(ARGV[2])['burstId']
if burst ~= cjson.null and burst ~= nil then redis.call('sadd', KEYS[7], ARGV[3]) end
return 1`;

/** KEYS lane · ARGV now, every, patience */
const turnScript = `
local free = math.max(tonumber(redis.call('get', KEYS[1]) or '0'), tonumber(ARGV[1]))
local wait = free - tonumber(ARGV[1])
if wait > tonumber(ARGV[3]) then return wait end
redis.call('set', KEYS[1], free + tonumber(ARGV[2]), 'PX', wait + tonumber(ARGV[2]))
return wait`;

/** KEYS lane · ARGV free again at, ms until then */
const restScript = `
if tonumber(redis.call('get', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2]) end`;

/** KEYS lock · ARGV holder, ms */
const lockScript = `
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** KEYS what is held · ARGV by whom */
const releaseScript = `if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end`;

export type IncidentClient = IncidentStore & { close(): Promise<void> };

/** Incidents in Redis: kept for 30 days after their end, what happened for 14. */
export function connectIncidents(
  redis: { url: string; prefix: string },
  tellFault: (error: Error) => void,
  now: () => number = Date.now,
): IncidentClient {
  const client = new Redis(redisOptions(redis.url, { maxRetriesPerRequest: 5, connectTimeout: 2000 }));
  client.on('error', tellFault);
  const committing = scriptOf(client, commitScript);
  const key = (...parts: readonly string[]) => [redis.prefix, 'incident', ...parts].join(':');
  /** Subjects are names from outside, of any length and with any character. */
  const hashed = (...parts: readonly string[]) =>
    createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  const recordKey = (id: string) => key('record', id);
  const unfinishedKey = key('unfinished');
  const seenKey = (source: string, cluster: string) => key('seen', hashed(source, cluster));
  const childrenKey = (id: string) => key('children', id);
  const burstKey = (lane: string) => key('burst', lane);

  async function read(id: string): Promise<Incident | undefined> {
    const text = await client.get(recordKey(id));
    return text === null ? undefined : parsed(text);
  }

  async function readAll(ids: readonly string[]): Promise<Incident[]> {
    const found: Incident[] = [];
    for (let from = 0; from < ids.length; from += 500) {
      const texts = await client.mget(ids.slice(from, from + 500).map(recordKey));
      for (const text of texts) {
        const incident = text === null ? undefined : parsed(text);
        if (incident !== undefined) found.push(incident);
      }
    }
    return found;
  }

  return {
    read,
    async known({ source, cluster, subject }, keys, memberIds) {
      const ofSubject = hashed(source, cluster, subject);
      // The incident first: what is taken by others after it was read makes the commit fail, what was taken before is among the seen.
      const openId = await client.get(key('open', ofSubject));
      const open = openId === null ? undefined : await read(openId);
      // Nobody here can carry it on: left where it is, it would keep this subject, and all that are taken with it, waiting for ever.
      if (openId !== null && open === undefined) await client.eval(releaseScript, 1, key('open', ofSubject), openId);
      const [silencedUntil, scores, members] = await Promise.all([
        client.get(key('silence', ofSubject)),
        keys.length === 0 ? [] : client.zmscore(seenKey(source, cluster), ...keys),
        openId === null || memberIds.length === 0 ? [] : client.hmget(key('members', openId), ...memberIds),
      ]);
      return {
        open,
        seen: new Set(keys.filter((_, index) => scores[index] != null)),
        members: new Map(
          memberIds.flatMap((id, index): [string, Member][] => {
            const text = members[index];
            return text == null ? [] : [[id, memberSchema.parse(JSON.parse(text))]];
          }),
        ),
        silencedUntil: silencedUntil === null ? undefined : Number(silencedUntil),
      };
    },
    async commit(before, after, { keys = [], members = [], openedAt } = {}) {
      const { id, source, cluster, subject } = after;
      const commit = randomUUID();
      const isOpen = after.state === 'open' || after.state === 'suspected';
      const stored = await committing(
        [
          recordKey(id),
          source === 'burst' ? burstKey(subject) : key('open', hashed(source, cluster, subject)),
          unfinishedKey,
          seenKey(source, cluster),
          key('members', id),
          key('openings', after.channelId),
          childrenKey(after.burstId ?? id),
        ],
        [
          before === undefined ? '' : String(before.revision),
          JSON.stringify({ ...after, commit }),
          id,
          commit,
          isOpen ? '1' : '0',
          isFinished(after) ? '1' : '0',
          String(after.openedAt),
          String(finishedKeptSeconds),
          openedAt === undefined ? '' : String(openedAt),
          String(now() - keysKeptMs),
          String(mostKeys),
          String(keys.length),
          ...keys.flatMap(({ key: each, at }) => [each, String(at)]),
          ...members.flatMap((member) => [member.id, JSON.stringify(member)]),
        ],
      );
      return stored === 1;
    },
    async members(id) {
      return (await client.hvals(key('members', id))).map((text) => memberSchema.parse(JSON.parse(text)));
    },
    async unfinished() {
      return await readAll(await client.zrange(unfinishedKey, '0', '-1'));
    },
    async children(burstId) {
      const children = await readAll(await client.smembers(childrenKey(burstId)));
      return children.filter((child) => child.burstId === burstId).sort((a, b) => a.openedAt - b.openedAt);
    },
    async openings(channelId, since) {
      return await client.zcount(key('openings', channelId), String(since), '+inf');
    },
    async burst(lane) {
      const id = await client.get(burstKey(lane));
      return id === null ? undefined : await read(id);
    },
    async silence({ source, cluster, subject }, until) {
      await client.set(key('silence', hashed(source, cluster, subject)), String(until), 'PXAT', String(until));
    },
    async dismiss(what, forMs) {
      await client.set(key('dismissed', hashed(what)), '1', 'PX', forMs);
    },
    async isDismissed(what) {
      return (await client.exists(key('dismissed', hashed(what)))) === 1;
    },
    async sayOnce(what) {
      return (await client.set(key('said', hashed(what)), '1', 'EX', saidKeptSeconds, 'NX')) === 'OK';
    },
    async lock(id, holder, forMs) {
      return (await client.eval(lockScript, 1, key('lock', id), holder, String(forMs))) === 1;
    },
    async unlock(id, holder) {
      await client.eval(releaseScript, 1, key('lock', id), holder);
    },
    async turn(lane, everyMs, patienceMs) {
      return Number(
        await client.eval(turnScript, 1, key('turn', lane), String(now()), String(everyMs), String(patienceMs)),
      );
    },
    async rest(lane, forMs) {
      await client.eval(restScript, 1, key('turn', lane), String(now() + forMs), String(forMs));
    },
    async close() {
      client.disconnect();
    },
  };
}

/** What another version of Quorum wrote, and this one cannot read, is left alone. */
function parsed(text: string): Incident | undefined {
  try {
    return incidentSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
