import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ChangeRoom, linesOf, membershipLog, membersOf, openChangeRoom } from '../support/change-room.ts';
import { type EtcdTestCluster, type SpareEtcdMember, startEtcd } from '../support/etcd.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startWorkers, type WorkerPool } from '../support/worker-pool.ts';

let redis: RedisServer;
let etcd: EtcdTestCluster;
let spare: SpareEtcdMember;
let room: ChangeRoom;
let workers: WorkerPool;

beforeAll(async () => {
  [redis, etcd] = await Promise.all([startRedis({ appendonly: true, own: true }), startEtcd({ own: true })]);
  [spare, room] = await Promise.all([etcd.prepareSpare('etcd-4'), openChangeRoom(redis, etcd)]);
}, 30_000);

afterAll(async () => {
  await workers?.stop();
  await room.stop();
  await Promise.all([redis.stop(), etcd.stop()]);
});

test('a member joins although a worker is killed at each step, and two stand still right before they act and wake when all is over', async () => {
  const crashes = room.crashes('every step', { stopBefore: ['etcd MemberAdd', 'etcd MemberPromote'] });
  workers = await startWorkers(2, () => room.worker(crashes));
  const stopped = () => linesOf(crashes.reachedPath).filter((point) => point.startsWith('stop '));
  const sent = (call: string) => linesOf(crashes.callsPath).filter((line) => line.endsWith(call)).length;

  const asked = await room.asks(`/etcd add etcd-4 ${spare.peerUrl}`);
  await room.approves(asked);
  await waitFor('the first to stand still', () => stopped().length === 1, { timeoutMs: 60_000 });
  await workers.add();
  await waitFor('the member in the list', async () => (await room.changes.read(asked.id))?.steps[0]?.state === 'done', {
    timeoutMs: 60_000,
  });
  await spare.join([...etcd.members, spare]);
  await waitFor('the second to stand still', () => stopped().length === 2, { timeoutMs: 60_000 });
  await workers.add();
  const record = await room.ended(asked, 60_000);
  const sentBefore = { add: sent('etcd MemberAdd'), promote: sent('etcd MemberPromote') };

  // They were past the fence: what they send now is etcd's to refuse.
  for (const worker of workers.running()) worker.resume();
  await waitFor(
    'both to have gone on',
    () => sent('etcd MemberAdd') + sent('etcd MemberPromote') === sentBefore.add + sentBefore.promote + 2,
    { timeoutMs: 10_000 },
  );
  await waitFor(
    'both to have put it away',
    () => new Set(workers.log().match(/Missing lock for job change-\S+/g)).size > 0,
    { timeoutMs: 10_000 },
  );

  expect(await room.tally(asked)).toEqual({
    state: 'done',
    threads: 1,
    ends: 1,
    postedTwice: [],
    audit: 'whole',
    actions: ['requested', 'approved', 'started', ...record.steps.map(({ title }) => title), 'done'],
    claim: 'released',
  });
  // Once for the proposal, the start, each of the seven steps, and the end.
  expect(workers.kills()).toBe(10);
  for (const member of etcd.members)
    expect([member.name, membershipLog(member.log())]).toEqual([member.name, { added: 4, promoted: 1, removed: 0 }]);
  expect(await membersOf(etcd)).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4']);
}, 180_000);
