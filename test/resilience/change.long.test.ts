import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isEnded } from '../../src/change-record.ts';
import { connectClusters } from '../../src/clusters-client.ts';
import type { EtcdCluster } from '../../src/etcd/client.ts';
import {
  type AskedFor,
  type ChangeRoom,
  linesOf,
  membershipLog,
  membersOf,
  openChangeRoom,
} from '../support/change-room.ts';
import { startEatingProxy } from '../support/eating-proxy.ts';
import { type EtcdTestCluster, type SpareEtcdMember, startEtcd } from '../support/etcd.ts';
import { etcdWith } from '../support/etcd-fake.ts';
import { type RunningProcess, Stop, waitFor } from '../support/process.ts';
import { progressPath } from '../support/progress.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startWorkers } from '../support/worker-pool.ts';
import { startQuorum } from '../support/worker-process.ts';

/** How long kills go on in one run; the next run goes on where this one ended. */
const killingMs = 10 * 60_000;

let redis: RedisServer;
let etcd: EtcdTestCluster;
let spare: SpareEtcdMember;
let room: ChangeRoom;
const stops: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  [redis, etcd] = await Promise.all([startRedis({ appendonly: true, own: true }), startEtcd({ own: true })]);
  spare = await etcd.prepareSpare('etcd-4');
}, 60_000);

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await Promise.all([redis.stop(), etcd.stop()]);
}, 60_000);

/** Whoever starts the new node does it as soon as the member is in the list. */
async function joinOnceAdded(asked: AskedFor, timeoutMs: number): Promise<void> {
  await waitFor(
    'the member in the list',
    async () => {
      const record = await room.changes.read(asked.id);
      if (record !== undefined && isEnded(record)) throw new Stop(new Error(`${record.state}: ${record.ending}`));
      return record?.steps[0]?.state === 'done';
    },
    { timeoutMs, everyMs: 50 },
  );
  await spare.join([...etcd.members, spare]);
}

/** Exactly one member added, promoted once, one thread, the end told once, the claim released, the audit whole. */
async function expectOneMember(asked: AskedFor, witness = etcd.members[0]): Promise<void> {
  const record = await room.changes.read(asked.id);
  expect(await room.tally(asked)).toEqual({
    state: 'done',
    threads: 1,
    ends: 1,
    postedTwice: [],
    audit: 'whole',
    actions: ['requested', 'approved', 'started', ...(record?.steps ?? []).map(({ title }) => title), 'done'],
    claim: 'released',
  });
  expect(await membersOf(etcd)).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4']);
  expect(membershipLog(witness?.log() ?? '')).toEqual({ added: 4, promoted: 1, removed: 0 });
}

test('a member joins although a worker is killed before and after every call of the whole change', async () => {
  room = await openChangeRoom(redis, etcd);
  stops.push(() => room.stop());
  const crashes = { ...room.crashes('every call'), reachedPath: progressPath('every-call') };
  const before = linesOf(crashes.reachedPath).length;
  const workers = await startWorkers(3, () => room.worker(crashes));
  stops.push(() => workers.stop());
  const startedAt = performance.now();
  const timer = setTimeout(() => room.endCrashes(crashes), killingMs);
  const asked = await room.asks(`/etcd add etcd-4 ${spare.peerUrl}`, killingMs);
  await room.approves(asked);
  await joinOnceAdded(asked, killingMs);
  await room.ended(asked, killingMs + 60_000).catch((error: Error) => {
    throw new Error(
      `${error.message}\n${linesOf(crashes.reachedPath).slice(-5).join('\n')}\n${workers.log().slice(-4000)}`,
    );
  });
  clearTimeout(timer);
  const points = linesOf(crashes.reachedPath).length;
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  process.stderr.write(
    `every call: ${workers.kills()} kills in ${minutes} min, ${points} points in all (${before} in earlier runs)\n`,
  );
  await expectOneMember(asked);
}, 1_500_000);

test('a member joins although Redis is killed and started again at each step', async () => {
  room = await openChangeRoom(redis, etcd);
  stops.push(() => room.stop());
  const workers = await startWorkers(2, () => room.worker());
  stops.push(() => workers.stop());
  const asked = await room.asks(`/etcd add etcd-4 ${spare.peerUrl}`);
  await redis.kill();
  await redis.restart();
  await room.approves(asked);
  let restarts = 1;
  const seen = new Set<string>();
  let isJoined = false;
  await waitFor(
    'the end',
    async () => {
      const record = await room.changes.read(asked.id);
      if (record === undefined) throw new Error('Redis forgot the change');
      const done = record.steps.filter(({ state }) => state === 'done').length;
      if (!isJoined && done > 0) {
        isJoined = true;
        await spare.join([...etcd.members, spare]);
      }
      const at = `${record.state} ${done}`;
      if (!seen.has(at)) {
        seen.add(at);
        await redis.kill();
        await redis.restart();
        restarts += 1;
      }
      return record.state === 'done';
    },
    { timeoutMs: 240_000, everyMs: 20 },
  );
  await room.ended(asked, 60_000);
  process.stderr.write(`Redis was killed ${restarts} times, at: ${[...seen].join(', ')}\n`);
  expect(restarts).toBeGreaterThanOrEqual(4);
  await expectOneMember(asked);
}, 400_000);

test('a member is promoted although the leader is killed between add and promote', async () => {
  room = await openChangeRoom(redis, etcd);
  stops.push(() => room.stop());
  const workers = await startWorkers(1, () => room.worker());
  stops.push(() => workers.stop());
  const asked = await room.asks(`/etcd add etcd-4 ${spare.peerUrl}`);
  await room.approves(asked);
  await joinOnceAdded(asked, 60_000);
  const leader = await leaderOf(etcd);
  await leader.kill();
  await waitFor(
    'the change to say what it waits for',
    async () => {
      const step = (await room.changes.read(asked.id))?.steps.find(({ state }) => state === 'waiting');
      return step?.note?.includes(leader.name);
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
  expect(await membersOf(etcd)).toContain('etcd-4 learner');
  await leader.restart();
  await room.ended(asked, 90_000);
  await expectOneMember(
    asked,
    etcd.members.find((member) => member !== leader),
  );
}, 300_000);

test('a member is added once although the reply to MemberAdd is lost', async () => {
  const proxies = await Promise.all(
    etcd.endpoints.map((endpoint) => startEatingProxy('127.0.0.1', Number(new URL(endpoint).port))),
  );
  stops.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
  const byProxy = { ...etcd, endpoints: proxies.map(({ port }) => `https://127.0.0.1:${port}`) };
  room = await openChangeRoom(redis, byProxy);
  stops.push(() => room.stop());
  let sent = 0;
  const clusters = connectClusters(room.config);
  const losing = (cluster: EtcdCluster): EtcdCluster['membership'] => ({
    ...cluster.membership,
    async add(at, request) {
      sent += 1;
      for (const proxy of proxies) proxy.eat();
      // Nothing has come back when the others see the member: its reply can only be in the proxy.
      void waitFor('the member', async () => (await membersOf(etcd)).length === 4, { timeoutMs: 3000 })
        .catch(() => undefined)
        .finally(() => {
          for (const proxy of proxies) proxy.cut();
        });
      return await cluster.membership.add(at, request);
    },
  });
  const worker = await room.work({
    ...clusters,
    async etcd(name) {
      const cluster = await clusters.etcd(name);
      return etcdWith(cluster, { membership: losing(cluster) });
    },
  });
  stops.push(() => worker.stop());
  const asked = await room.asks(`/etcd add etcd-4 ${spare.peerUrl}`);
  await room.approves(asked);
  await joinOnceAdded(asked, 60_000);
  await room.ended(asked, 60_000);
  expect(sent).toBeGreaterThanOrEqual(1);
  await expectOneMember(asked);
}, 200_000);

test('two bots on one Redis carry a change out once, although each is killed in the middle of it', async () => {
  room = await openChangeRoom(redis, etcd);
  stops.push(() => room.stop());
  // The one in this process takes the clicks of neither: it is stopped, and the two are the executable itself.
  await room.running.stop();
  const configPath = join(room.folder, 'quorum.yaml');
  const bots: RunningProcess[] = await Promise.all([
    startQuorum('start', configPath),
    startQuorum('start', configPath),
  ]);
  stops.push(() => Promise.all(bots.map((bot) => bot.kill())));
  const asked = await room.asks(`/etcd add etcd-4 ${spare.peerUrl}`);
  await Promise.all([room.approves(asked), room.approves(asked), room.approves(asked)]);
  await joinOnceAdded(asked, 60_000);
  for (const index of [0, 1]) {
    await bots[index]?.kill();
    bots[index] = await startQuorum('start', configPath);
  }
  await room.ended(asked, 120_000);
  await expectOneMember(asked);
}, 300_000);

async function leaderOf(cluster: EtcdTestCluster) {
  const statuses = JSON.parse((await cluster.etcdctl(['endpoint', 'status', '-w', 'json'])).stdout);
  const leading = statuses.find(
    ({ Status }: { Status: { leader: number; header: { member_id: number } } }) =>
      Status.leader === Status.header.member_id,
  );
  const leader = cluster.members.find(({ clientUrl }) => clientUrl === leading?.Endpoint);
  if (leader === undefined) throw new Error('nobody leads');
  return leader;
}
