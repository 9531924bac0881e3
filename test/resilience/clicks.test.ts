import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { type AskedFor, type ChangeRoom, openChangeRoom } from '../support/change-room.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let raw: Redis;
let etcd: EtcdTestCluster;
let room: ChangeRoom;
let rooms = 0;

beforeAll(async () => {
  [redis, etcd] = await Promise.all([startRedis({ appendonly: true, own: true }), startEtcd({ own: true })]);
  raw = new Redis(redis.url);
}, 30_000);

beforeEach(async () => {
  rooms += 1;
  room = await openChangeRoom(redis, etcd, { prefix: `${redis.prefix}-${rooms}` });
});

afterEach(async () => {
  await room.stop();
});

afterAll(async () => {
  raw.disconnect();
  await Promise.all([redis.stop(), etcd.stop()]);
});

/** A change that waits for a yes, and nobody is there any more who could carry it out. */
async function askedAndLeft(): Promise<AskedFor> {
  const worker = await room.work();
  const asked = await room.asks('/etcd move-leader');
  await worker.stop();
  return asked;
}

/** Redis takes records, and refuses tickets. */
const refuseTickets = () =>
  raw.acl(
    'SETUSER',
    'default',
    'resetkeys',
    '%R~*',
    ...['change', 'claim', 'audit', 'post', 'line', 'report'].map((key) => `~*:${key}*`),
  );
const takeTickets = () => raw.acl('SETUSER', 'default', 'resetkeys', '~*');

const whole = { threads: 1, ends: 1, postedTwice: [], audit: 'whole', claim: 'released' };
const movedLeader = [
  'requested',
  'approved',
  'started',
  'Leadership handed over',
  'Everybody follows the new leader',
  'done',
];

test('a click while no worker runs is carried out by the next one that starts', async () => {
  const asked = await askedAndLeft();
  await room.approves(asked);
  expect((await room.changes.read(asked.id))?.state).toBe('approved');
  const worker = await room.work();
  await room.ended(asked, 30_000);
  expect(await room.tally(asked)).toEqual({ ...whole, state: 'done', actions: movedLeader });
  await worker.stop();
}, 40_000);

test.each([
  ['yes', 'change-approve', 'done', movedLeader],
  ['cancel', 'change-cancel', 'cancelled', ['requested', 'cancelled']],
])(
  'a %s whose wake cannot be queued counts all the same, and is carried on by the sweep',
  async (_, action, state, actions) => {
    const asked = await askedAndLeft();
    await refuseTickets();
    await room.clicks(asked, action);
    await waitFor('the refusal of the ticket', () =>
      room.logged.some(({ event, error }) => event === 'fault' && String(error).includes('Not accepted')),
    );
    await takeTickets();
    expect(await raw.exists(`${room.config.redis.prefix}:tickets:change-${asked.id}-1`)).toBe(0);
    const worker = await room.work();
    await room.ended(asked, 30_000);
    expect(await room.tally(asked)).toEqual({ ...whole, state, actions });
    await worker.stop();
  },
  40_000,
);

test('a yes and a cancel at the same moment: one of them holds, and the thread tells which', async () => {
  const worker = await room.work();
  const asked = await room.asks('/etcd move-leader');
  await Promise.all([room.clicks(asked, 'change-approve'), room.clicks(asked, 'change-cancel', room.ann.id)]);
  const { state } = await room.ended(asked, 30_000);
  const told = await room.tally(asked);
  expect(told).toEqual({ ...whole, state, actions: told.actions });
  expect(told.actions.filter((action) => ['done', 'cancelled'].includes(action))).toEqual([state]);
  await waitFor(
    'the buttons to be gone',
    () => !JSON.stringify(room.slack.thread(room.channel, asked.rootTs)).includes('change-approve'),
  );
  await worker.stop();
}, 40_000);
