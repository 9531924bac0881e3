import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { linesOf } from '../support/change-room.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { overwriteUntilRefused } from '../support/etcd-fill.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { defragmentations, openSpaceRoom, type SpaceRoom } from '../support/space-room.ts';
import { startWorkers, type WorkerPool } from '../support/worker-pool.ts';

let redis: RedisServer;
let etcd: EtcdTestCluster;
let room: SpaceRoom;
let workers: WorkerPool;

beforeAll(async () => {
  [redis, etcd] = await Promise.all([
    startRedis({ appendonly: true, own: true }),
    startEtcd({ own: true, quotaBytes: 8 * 1024 ** 2 }),
  ]);
  room = await openSpaceRoom(redis, etcd, redis.prefix);
}, 60_000);

afterAll(async () => {
  await workers?.stop();
  await room?.stop();
  await Promise.all([redis.stop(), etcd.stop()]);
});

test('a full store is recovered although a worker is killed in the middle of the snapshot and at each step', async () => {
  await overwriteUntilRefused(etcd);
  const crashes = room.crashes('every step');
  workers = await startWorkers(2, () => room.worker(crashes));
  const asked = await room.asks('/etcd recover-space');
  await room.approves(asked);
  const record = await room.ended(asked, 120_000);
  expect(await room.tally(asked)).toEqual({
    state: 'done',
    threads: 1,
    ends: 1,
    postedTwice: [],
    audit: 'whole',
    actions: ['requested', 'approved', 'started', ...record.steps.map(({ title }) => title), 'done'],
    claim: 'released',
  });
  // Once in the snapshot, for the proposal, the start, each of the eight steps, and the end.
  expect([workers.kills(), ...linesOf(crashes.reachedPath)]).toHaveLength(13);
  expect(linesOf(crashes.reachedPath)).toContain('in the middle of a snapshot');
  expect(defragmentations(etcd)).toEqual([1, 1, 1]);
  expect((await etcd.etcdctl(['alarm', 'list'])).stdout.trim()).toBe('');
  expect((await etcd.etcdctl(['put', 'again', 'written'])).exitCode).toBe(0);
  // One snapshot and what is known of it; of the one that was cut nothing is left.
  expect(room.snapshotFiles().filter((name) => /\.(db\.sealed|json)$/.test(name))).toHaveLength(2);
  expect(room.snapshotFiles().filter((name) => name.includes('.part'))).toEqual([]);
}, 240_000);
