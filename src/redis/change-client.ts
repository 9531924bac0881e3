import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type AuditHead, type AuditNote, chain, emptyAudit, parseEntry } from '../audit.ts';
import type { Transition } from '../change.ts';
import { type ChangeRecord, isEnded, parseRecord } from '../change-record.ts';
import type { AuditListener, ChangeStore } from '../changes.ts';
import { Refusal } from '../refusal.ts';
import { redisOptions } from './connection-client.ts';

/** An ended change is kept for a year; the audit for ever. */
const endedKeptSeconds = 365 * 24 * 3600;
const auditPage = 500;

/**
 * One transition: the record if it is still the one that was read, the claim if it is free, and the audit if its end is still
 * the one that the entries are chained to. All or nothing. The driver sends a command again whose reply was lost with its connection: a
 * record that carries this very commit was stored by the first sending.
 * KEYS record, claim, unfinished, all, audit
 * ARGV expected revision ('' for a new one), record, id, claim action, 1 where it has ended, 1 where that has been told, created at,
 * kept seconds, commit, audit length, entries…
 */
const commitScript = `
local known = redis.call('get', KEYS[1])
if known and cjson.decode(known)['commit'] == ARGV[9] then return {'ok', ''} end
if ARGV[1] == '' then
  if known then return {'known', known} end
else
  if not known then return {'gone', ''} end
  if tostring(cjson.decode(known)['revision']) ~= ARGV[1] then return {'changed', known} end
end
if #ARGV > 10 and redis.call('llen', KEYS[5]) ~= tonumber(ARGV[10]) then return {'audit', ''} end
if ARGV[4] == 'take' then
  local owner = redis.call('get', KEYS[2])
  if owner and owner ~= ARGV[3] then return {'claimed', owner} end
  redis.call('set', KEYS[2], ARGV[3])
elseif ARGV[4] == 'release' then
  if redis.call('get', KEYS[2]) == ARGV[3] then redis.call('del', KEYS[2]) end
end
if ARGV[5] == '1' then
  redis.call('set', KEYS[1], ARGV[2], 'EX', ARGV[8])
else
  redis.call('set', KEYS[1], ARGV[2])
end
if ARGV[6] == '1' then
  redis.call('zrem', KEYS[3], ARGV[3])
else
  redis.call('zadd', KEYS[3], ARGV[7], ARGV[3])
end
redis.call('zadd', KEYS[4], ARGV[7], ARGV[3])
for index = 11, #ARGV do redis.call('rpush', KEYS[5], ARGV[index]) end
return {'ok', ''}`;

/** An entry that belongs to no transition. KEYS audit; ARGV its length, entry. Stored by an earlier sending of the same is stored. */
const appendScript = `
if redis.call('lindex', KEYS[1], ARGV[1]) == ARGV[2] then return 1 end
if redis.call('llen', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
redis.call('rpush', KEYS[1], ARGV[2])
return 1`;

export type ChangeClient = ChangeStore & {
  /** Whether Redis keeps what it is told over a restart; undefined where it does not tell. */
  persists(): Promise<boolean | undefined>;
  close(): Promise<void>;
};

export function connectChanges(
  redis: { url: string; prefix: string },
  tellFault: (error: Error) => void,
  listen: AuditListener,
): ChangeClient {
  const client = new Redis(redisOptions(redis.url, { maxRetriesPerRequest: 5, connectTimeout: 2000 }));
  client.on('error', tellFault);
  const recordKey = (id: string) => `${redis.prefix}:change:${id}`;
  const claimKey = ({ target }: ChangeRecord) => `${redis.prefix}:claim:${target.kind}:${target.identity}`;
  const [openKey, allKey, auditKey] = [
    `${redis.prefix}:changes:open`,
    `${redis.prefix}:changes:all`,
    `${redis.prefix}:audit`,
  ];

  async function head(): Promise<AuditHead> {
    const [last] = await client.lrange(auditKey, -1, -1);
    if (last === undefined) return emptyAudit;
    const entry = parseEntry(last);
    if (entry === undefined) throw new Error('the audit’s last entry is broken; `quorum audit verify` tells where');
    return entry;
  }

  /** @returns what the script answered; the audit having grown meanwhile is tried again here */
  async function commit(expected: string, { record, notes, claim }: Transition): Promise<readonly [string, string]> {
    for (let attempt = 0; ; attempt++) {
      const at = notes.length === 0 ? emptyAudit : await head();
      const entries = chain(notes, at);
      const commitId = randomUUID();
      const answer = await client.eval(
        commitScript,
        5,
        recordKey(record.id),
        claimKey(record),
        openKey,
        allKey,
        auditKey,
        expected,
        JSON.stringify({ ...record, commit: commitId }),
        record.id,
        claim,
        isEnded(record) ? '1' : '0',
        record.toldAt === undefined ? '0' : '1',
        String(record.createdAt),
        String(endedKeptSeconds),
        commitId,
        String(at.number),
        ...entries.map((entry) => JSON.stringify(entry)),
      );
      const [outcome, value] = (Array.isArray(answer) ? answer : []).map(String);
      if (outcome === 'audit') {
        await pause(attempt);
        continue;
      }
      if (outcome === 'ok') for (const entry of entries) listen(entry);
      return [outcome ?? '', value ?? ''];
    }
  }

  /** Many at once step out of each other's way. */
  async function pause(attempt: number): Promise<void> {
    await wait(Math.min(attempt, 20) * Math.random() * 5);
  }

  async function read(id: string): Promise<ChangeRecord | undefined> {
    const text = await client.get(recordKey(id));
    return text === null ? undefined : parseRecord(text);
  }

  async function readAll(ids: readonly string[]): Promise<ChangeRecord[]> {
    if (ids.length === 0) return [];
    const texts = await client.mget(ids.map(recordKey));
    return texts.flatMap((text) => (text === null ? [] : [parseRecord(text)]));
  }

  const unfinished = async () => await readAll(await client.zrange(openKey, '0', '-1'));

  return {
    read,
    async create(transition) {
      const [outcome, known] = await commit('', transition);
      return outcome === 'known' ? parseRecord(known) : transition.record;
    },
    async transition(id, decide) {
      for (let attempt = 0; ; attempt++) {
        const before = await read(id);
        if (before === undefined)
          throw new Refusal('There is no such change.', '`/ops changes` lists those that there are.');
        const transition = decide(before);
        if (transition === undefined) return before;
        const [outcome, value] = await commit(String(before.revision), transition);
        if (outcome === 'ok') return transition.record;
        if (outcome === 'claimed') {
          const owner = await read(value);
          throw new Refusal(
            `Another change is running on ${before.target.name}: ${owner?.words ?? value} (${value}).`,
            'This one stays open: approve it again when that one has ended, or end that one with /ops cancel.',
          );
        }
        await pause(attempt);
      }
    },
    open: async () => (await unfinished()).filter((record) => !isEnded(record)),
    unfinished,
    recent: async (limit) => await readAll(await client.zrange(allKey, '0', String(limit - 1), 'REV')),
    async note(note: AuditNote) {
      for (let attempt = 0; ; attempt++) {
        const at = await head();
        const [entry] = chain([note], at);
        if (entry === undefined) return;
        if (Number(await client.eval(appendScript, 1, auditKey, String(at.number), JSON.stringify(entry))) === 1) {
          listen(entry);
          return;
        }
        await pause(attempt);
      }
    },
    async *audit() {
      for (let from = 0; ; from += auditPage) {
        const page = await client.lrange(auditKey, from, from + auditPage - 1);
        if (page.length > 0) yield page;
        if (page.length < auditPage) return;
      }
    },
    async persists() {
      const info = String(await client.info('persistence'));
      const enabled = /aof_enabled:(\d)/.exec(info)?.[1];
      return enabled === undefined ? undefined : enabled === '1';
    },
    async close() {
      client.disconnect();
    },
  };
}
