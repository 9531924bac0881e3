import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type AskedFor, type ChangeRoom, membershipLog, membersOf, openChangeRoom } from '../support/change-room.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/process.ts';
import { progressPath } from '../support/progress.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startWorkers, type WorkerPool } from '../support/worker-pool.ts';

const wanted = 200;
/** A run ends after this time, and the next one goes on. */
const killingMs = 9 * 60_000;

/** Over all runs that it took. */
type Figures = {
  kills: number;
  changes: number;
  added: number;
  promoted: number;
  removed: number;
  threads: number;
  ends: number;
  postedTwice: number;
  seconds: number;
};
const nothing: Figures = {
  kills: 0,
  changes: 0,
  added: 0,
  promoted: 0,
  removed: 0,
  threads: 0,
  ends: 0,
  postedTwice: 0,
  seconds: 0,
};

let redis: RedisServer;
let etcd: EtcdTestCluster;
let room: ChangeRoom;
let workers: WorkerPool;

beforeAll(async () => {
  [redis, etcd] = await Promise.all([startRedis({ appendonly: true, own: true }), startEtcd({ own: true })]);
  room = await openChangeRoom(redis, etcd);
  workers = await startWorkers(2, () => room.worker());
}, 120_000);

afterAll(async () => {
  await workers?.stop();
  await room.stop();
  await Promise.all([redis.stop(), etcd.stop()]);
}, 60_000);

/** Asked and approved while workers are killed at random; back when it has ended and been told. */
async function carriedOut(line: string, meanwhile: (asked: AskedFor) => Promise<void>): Promise<AskedFor> {
  const asked = await room.asks(line, 180_000);
  await room.approves(asked);
  await meanwhile(asked);
  await room.ended(asked, 300_000);
  return asked;
}

const isFirstStepDone = async ({ id }: AskedFor) => (await room.changes.read(id))?.steps[0]?.state === 'done';

test('200 kills at random, while a member is added, promoted and removed again and again: each change is made once and told once', async () => {
  const path = progressPath('random-kills');
  const before: Figures = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : nothing;
  const startedAt = performance.now();
  const [witness] = etcd.members;
  let isOver = false;
  const isEnough = () => before.kills + workers.kills() >= wanted || performance.now() - startedAt > killingMs;
  const killing = (async () => {
    while (!isOver && !isEnough()) {
      await wait(Math.random() * 2000);
      // On a busy machine a worker takes its time to start: without this nobody would be left.
      if (workers.running().length === 2) await workers.killOne();
    }
  })();

  const changes: AskedFor[] = [];
  /** What holds so far, kept for the next run in case this one is ended. */
  async function count(): Promise<Figures> {
    const tallies = await Promise.all(changes.map((asked) => room.tally(asked)));
    for (const [index, tally] of tallies.entries())
      expect(tally).toMatchObject({
        state: 'done',
        threads: 1,
        ends: 1,
        postedTwice: [],
        audit: 'whole',
        claim: 'released',
        actions: expect.arrayContaining([index % 2 === 0 ? 'Promoted' : 'Removed']),
      });
    const list = membershipLog(witness?.log() ?? '');
    const figures: Figures = {
      kills: before.kills + workers.kills(),
      changes: before.changes + changes.length,
      added: before.added + list.added - etcd.members.length,
      promoted: before.promoted + list.promoted,
      removed: before.removed + list.removed,
      threads: before.threads + tallies.reduce((sum, { threads }) => sum + threads, 0),
      ends: before.ends + tallies.reduce((sum, { ends }) => sum + ends, 0),
      postedTwice: before.postedTwice + (tallies[0]?.postedTwice.length ?? 0),
      seconds: before.seconds + Math.round((performance.now() - startedAt) / 1000),
    };
    writeFileSync(path, JSON.stringify(figures));
    process.stderr.write(`random kills: ${JSON.stringify(figures)}\n`);
    return figures;
  }

  let figures = before;
  for (let round = 1; round === 1 || !isEnough(); round += 1) {
    const spare = await etcd.prepareSpare(`spare-${round}`);
    const added = await carriedOut(`/etcd add ${spare.name} ${spare.peerUrl}`, async (asked) => {
      await waitFor('the member in the list', () => isFirstStepDone(asked), { timeoutMs: 180_000, everyMs: 50 });
      await spare.join([...etcd.members, spare]);
    });
    expect(await membersOf(etcd)).toEqual(['etcd-1', 'etcd-2', 'etcd-3', spare.name]);
    const removed = await carriedOut(`/etcd remove ${spare.name}`, async () => {});
    expect(await membersOf(etcd)).toEqual(['etcd-1', 'etcd-2', 'etcd-3']);
    await spare.stop();
    changes.push(added, removed);
    figures = await count();
  }
  isOver = true;
  await killing;

  const half = figures.changes / 2;
  expect(figures).toMatchObject({
    added: half,
    promoted: half,
    removed: half,
    threads: 2 * half,
    ends: 2 * half,
    postedTwice: 0,
  });
  if (figures.kills < wanted) process.stderr.write(`${figures.kills} of ${wanted} kills: run it again to go on\n`);
  else rmSync(path);
}, 1_200_000);
