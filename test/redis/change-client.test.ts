import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { verifyAudit } from '../../src/audit.ts';
import { approve, cancel, proposed, type Transition, told } from '../../src/change.ts';
import { type ChangeRecord, isEnded } from '../../src/change-record.ts';
import { type Config, emptyConfig } from '../../src/config.ts';
import { type Click, decide } from '../../src/deciding.ts';
import { change } from '../../src/job.ts';
import { type ChangeClient, connectChanges } from '../../src/redis/change-client.ts';
import { Refusal } from '../../src/refusal.ts';
import { sweep } from '../../src/sweep.ts';
import { type EatingProxy, startEatingProxy } from '../support/eating-proxy.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let raw: Redis;
let proxy: EatingProxy;
let store: ChangeClient;
/** The same store, by way of a connection that can lose a reply. */
let lossy: ChangeClient;
let target = 0;

beforeAll(async () => {
  redis = await startRedis();
  raw = new Redis(redis.url);
  proxy = await startEatingProxy('127.0.0.1', redis.port);
  const connect = (url: string) =>
    connectChanges(
      { url, prefix: redis.prefix },
      () => {},
      () => {},
    );
  store = connect(redis.url);
  lossy = connect(`redis://127.0.0.1:${proxy.port}`);
}, 20_000);

afterAll(async () => {
  raw.disconnect();
  await Promise.all([store.close(), lossy.close()]);
  await proxy.close();
  await redis.stop();
});

const job = change({
  name: 'etcd move-leader',
  input: z.object({}),
  plan: z.object({}),
  planVersion: 1,
  propose: async () => ({
    target: { kind: 'etcd' as const, name: 'prod', identity: `cluster-${target}` },
    plan: {},
    checks: [],
    words: 'move the leader',
    sections: [],
  }),
  steps: () => [],
});

/** A change that waits for a yes, on a cluster of its own. */
async function propose(expiresInMs = 60_000): Promise<ChangeRecord> {
  target += 1;
  const asking = {
    id: `c-${target}`,
    line: '/etcd move-leader',
    requester: 'U0ANN',
    place: { channelId: 'C1', rootKey: `r-${target}` },
    required: 1,
    expiresInMs,
  };
  return await store.create(proposed(job, {}, await job.propose({}, undefined as never), asking, Date.now()));
}

const claimOf = ({ target: { kind, identity } }: ChangeRecord) => raw.get(`${redis.prefix}:claim:${kind}:${identity}`);

async function auditOf(id: string): Promise<string[]> {
  const actions: string[] = [];
  for await (const page of store.audit())
    for (const { changeId, action } of page.map((text) => JSON.parse(text))) if (changeId === id) actions.push(action);
  return actions;
}

const bob = { userId: 'U0BOB', mayApproveOwn: false };

describe('a reply of Redis that is lost with its connection', () => {
  /** Redis has carried it out, and the driver sends it again over a new connection. */
  async function losingTheReply(id: string, decide: (record: ChangeRecord) => Transition): Promise<ChangeRecord> {
    const before = await lossy.read(id);
    proxy.eatReplyTo("redis.call('rpush'");
    const sending = lossy.transition(id, decide);
    await waitFor('what was sent', async () => (await store.read(id))?.state !== before?.state, { everyMs: 1 });
    proxy.cut();
    return await sending;
  }

  test('after a yes: it counts once, and whoever gave it is not told that somebody was faster', async () => {
    const { id } = await propose();
    const after = await losingTheReply(id, (record) => approve(record, bob, 60_000, Date.now()));
    expect([after.state, after.decisions.length]).toEqual(['approved', 1]);
    expect(await auditOf(id)).toEqual(['requested', 'approved']);
  });

  test('after an end: it has ended once', async () => {
    const { id } = await propose();
    const after = await losingTheReply(id, (record) => cancel(record, 'U0ANN', Date.now()));
    expect(after.state).toBe('cancelled');
    expect(await auditOf(id)).toEqual(['requested', 'cancelled']);
    expect((await verifyAudit(store.audit())).kind).toBe('whole');
  });
});

describe('clicks and time at the same moment', () => {
  const config: Config = {
    ...emptyConfig(),
    access: {
      ...emptyConfig().access,
      operators: ['U0ANN'],
      approvers: ['U0BOB', 'U0CAT'],
    },
  };
  const woken = new Map<string, number>();
  const wake = async ({ id }: ChangeRecord) => void woken.set(id, (woken.get(id) ?? 0) + 1);
  const now = () => new Date();
  const person = async (id: string) => ({ id, isFullMember: true, groups: [] });
  const click = (record: ChangeRecord, kind: Click['kind'], userId: string) =>
    decide({ changeId: record.id, kind, userId }, { config, store, person, wake, now, fault: () => {} }).then(
      () => `${kind} counted`,
      (error: unknown) => (error instanceof Refusal ? `${kind} refused` : String(error)),
    );
  const round = (ahead: number) =>
    sweep({
      store,
      isAwake: async () => true,
      wake,
      remind: async () => {},
      escalateAfterMs: [],
      now: () => new Date(Date.now() + ahead),
      fault: () => {},
    }).then(() => 'swept');

  test('an approval, a cancel and the expiry: one of them holds, in each of 30 rounds', async () => {
    const seen = new Set<string>();
    for (let time = 0; time < 30; time += 1) {
      const record = await propose(60_000);
      const contenders = [
        () => click(record, 'approve', 'U0BOB'),
        () => click(record, 'cancel', 'U0ANN'),
        () => round(61_000),
      ];
      const order = [...contenders.slice(time % 3), ...contenders.slice(0, time % 3)];
      const outcomes = await Promise.all(order.map((act) => act()));
      const after = await store.read(record.id);
      const actions = await auditOf(record.id);
      const ends = actions.filter((action) => ['cancelled', 'expired'].includes(action));
      // A yes that came first may still be cancelled, or run out of time to start; a yes that came after an end does not count.
      expect(ends.length).toBe(1);
      expect(isEnded(after as ChangeRecord)).toBe(true);
      expect(actions.indexOf('approved')).toBeLessThan(actions.indexOf(ends[0] ?? ''));
      expect(outcomes.includes('approve counted')).toBe(actions.includes('approved'));
      expect(outcomes.includes('cancel counted')).toBe(actions.includes('cancelled'));
      expect(await claimOf(record)).toBeNull();
      seen.add(actions.join(', '));
    }
    expect(seen.size).toBeGreaterThan(1);
    expect((await verifyAudit(store.audit())).kind).toBe('whole');
  });

  test('two changes on one cluster, both approved at once: one takes it, the other stays open', async () => {
    const first = await propose();
    target -= 1;
    const second = await store.create(
      proposed(
        job,
        {},
        { ...(await job.propose({}, undefined as never)), target: first.target },
        {
          id: `${first.id}-b`,
          line: '/etcd move-leader',
          requester: 'U0ANN',
          place: { channelId: 'C1', rootKey: 'r-b' },
          required: 1,
          expiresInMs: 60_000,
        },
        Date.now(),
      ),
    );
    const outcomes = await Promise.all([click(first, 'approve', 'U0BOB'), click(second, 'approve', 'U0CAT')]);
    expect(outcomes.sort()).toEqual(['approve counted', 'approve refused']);
    const states = await Promise.all([first, second].map(async ({ id }) => (await store.read(id))?.state));
    expect(states.sort()).toEqual(['approved', 'proposed']);
    const owner = states[0] === 'approved' ? first : second;
    expect([first.id, second.id]).toContain(await claimOf(owner));
  });
});

test('a change is unfinished until its end has been told', async () => {
  const { id } = await propose();
  await store.transition(id, (record) => cancel(record, 'U0ANN', Date.now()));
  const isIn = (records: readonly ChangeRecord[]) => records.some((record) => record.id === id);
  expect([isIn(await store.open()), isIn(await store.unfinished())]).toEqual([false, true]);
  await store.transition(id, (record) => told(record, Date.now()));
  expect(isIn(await store.unfinished())).toBe(false);
});
