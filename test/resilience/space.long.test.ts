import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type AskedFor, linesOf } from '../support/change-room.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { overwriteUntilRefused, putMegabytes } from '../support/etcd-fill.ts';
import { grantLease, putKeys } from '../support/etcd-keys.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { defragmentations, openSpaceRoom, type SpaceRoom } from '../support/space-room.ts';
import { startWorkers, type WorkerPool } from '../support/worker-pool.ts';

let redis: RedisServer;
let etcd: EtcdTestCluster;
let room: SpaceRoom;
let workers: WorkerPool | undefined;

beforeEach(async () => {
  [redis, etcd] = await Promise.all([
    startRedis({ appendonly: true, own: true }),
    startEtcd({ own: true, quotaBytes: 8 * 1024 ** 2 }),
  ]);
  room = await openSpaceRoom(redis, etcd, redis.prefix);
}, 60_000);

afterEach(async () => {
  await workers?.stop();
  await room.stop();
  await Promise.all([redis.stop(), etcd.stop()]);
}, 60_000);

/** One thread, one end, every step once, the claim released, the audit whole; no alarm, and writes are taken. */
async function expectDoneOnce(asked: AskedFor): Promise<void> {
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
  expect((await etcd.etcdctl(['alarm', 'list'])).stdout.trim()).toBe('');
  expect((await etcd.etcdctl(['put', 'again', 'written'])).exitCode).toBe(0);
}

function expectOneSnapshot(): void {
  expect(room.snapshotFiles().filter((name) => /\.(db\.sealed|json)$/.test(name))).toHaveLength(2);
  expect(room.snapshotFiles().filter((name) => name.includes('.part'))).toEqual([]);
}

async function keysUnder(prefix: string): Promise<string[]> {
  const { stdout } = await etcd.etcdctl(['get', prefix, '--prefix', '--keys-only']);
  return stdout.split('\n').filter((line) => line !== '');
}

test('all events go under NOSPACE, and no other key, although a worker is killed at each step', async () => {
  const lease = await grantLease(etcd, 3600);
  await putKeys(etcd, [{ key: '/registry/masterleases/10.0.0.1', lease }, { key: '/registry/eventz' }]);
  const flood = async () => {
    for (let round = 0; round < 64; round += 1)
      await putKeys(
        etcd,
        Array.from({ length: 16 }, (_, index) => ({
          key: `/registry/events/shop/web.${round}.${index}`,
          value: 'x'.repeat(60_000),
        })),
      );
  };
  await expect(flood()).rejects.toThrow(/database space exceeded/);
  const crashes = room.crashes('every step');
  workers = await startWorkers(2, () => room.worker(crashes));
  const asked = await room.asks('/etcd expire-events');
  await room.approves(asked);
  await room.ended(asked, 240_000);
  await expectDoneOnce(asked);
  expect(workers.kills()).toBe(linesOf(crashes.reachedPath).length);
  expect(workers.kills()).toBeGreaterThan(6);
  expect(await keysUnder('/registry/')).toEqual(['/registry/eventz', '/registry/masterleases/10.0.0.1']);
}, 400_000);

/** Leaves most of each database free inside. */
async function loosen(): Promise<void> {
  await putMegabytes(etcd, 5);
  const { stdout } = await etcd.etcdctl(['del', 'fill/', '--prefix', '-w', 'json']);
  await etcd.etcdctl(['compaction', '--physical', String(JSON.parse(stdout).header.revision)]);
}

test('each member is defragmented once although a worker is killed at each step', async () => {
  await loosen();
  const crashes = room.crashes('every step');
  workers = await startWorkers(2, () => room.worker(crashes));
  const asked = await room.asks('/etcd defrag');
  await room.approves(asked);
  await room.ended(asked, 240_000);
  await expectDoneOnce(asked);
  expect(defragmentations(etcd)).toEqual([1, 1, 1]);
}, 400_000);

test('a full store is recovered although Redis is killed and started again at each step', async () => {
  await overwriteUntilRefused(etcd);
  workers = await startWorkers(2, () => room.worker());
  const asked = await room.asks('/etcd recover-space');
  await redis.kill();
  await redis.restart();
  await room.approves(asked);
  const seen = new Set<string>();
  await waitFor(
    'the end',
    async () => {
      const record = await room.changes.read(asked.id).catch(() => undefined);
      if (record === undefined) return false;
      const done = record.steps.filter(({ state }) => state === 'done').length;
      const at = `${record.state} ${done}`;
      if (!seen.has(at) && record.state !== 'done') {
        seen.add(at);
        await redis.kill();
        await redis.restart();
      }
      return record.state === 'done';
    },
    { timeoutMs: 240_000, everyMs: 5 },
  );
  await room.ended(asked, 60_000);
  await expectDoneOnce(asked);
  expectOneSnapshot();
  expect(defragmentations(etcd)).toEqual([1, 1, 1]);
}, 400_000);
