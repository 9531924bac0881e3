import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { etcdDefrag } from '../../../jobs/etcd/defrag.ts';
import { etcdRecoverSpace } from '../../../jobs/etcd/recover-space.ts';
import { connectEtcd, type EtcdCluster } from '../../../src/etcd/client.ts';
import { requireKnown } from '../../../src/etcd/member-reference.ts';
import type { Context } from '../../../src/job.ts';
import { settingsOf } from '../../../src/snapshot/config.ts';
import { type EtcdTestCluster, startEtcd } from '../../support/etcd.ts';
import { overwriteUntilRefused } from '../../support/etcd-fill.ts';
import { makeFolder, removeFolder, waitFor } from '../../support/process.ts';
import { snapshotsTo } from '../../support/snapshots.ts';
import { driveChange } from '../../support/step-driver.ts';

const mebi = 1024 ** 2;
const quotaBytes = 8 * mebi;
const auth = { username: 'root', password: 'correct horse' };

let etcd: EtcdTestCluster;
let cluster: EtcdCluster;
let context: Context;
let folder: string;

const contextFor = (connected: EtcdCluster): Context => ({
  clients: {
    etcd: async () => connected,
    kubernetes: async () => Promise.reject(new Error('There is no Kubernetes cluster `prod`')),
  },
  now: () => new Date(),
  signal: new AbortController().signal,
  progress() {},
});
const connect = () =>
  connectEtcd({
    name: 'prod',
    endpoints: etcd.endpoints,
    tls: etcd.tls,
    quotaBytes,
    auth,
    // Here it is not measured how soon a busy machine answers.
    requestTimeoutMs: 3000,
    snapshots: settingsOf(snapshotsTo(join(folder, 'snapshots')), 86_400_000),
  });

beforeAll(async () => {
  folder = makeFolder('quorum-recover');
  etcd = await startEtcd({ own: true, quotaBytes });
  for (const words of [
    ['user', 'add', `root:${auth.password}`],
    ['user', 'grant-role', 'root', 'root'],
    ['auth', 'enable'],
  ])
    await etcd.etcdctl(words);
  cluster = await connect();
  context = contextFor(cluster);
}, 60_000);

afterAll(async () => {
  cluster.close();
  await etcd.stop();
  removeFolder(folder);
});

const view = async () => requireKnown(await cluster.see(undefined, 'fresh'));
const sizes = async () => (await view()).members.map(({ status }) => status?.dbSizeBytes ?? 0);
const propose = () => etcdRecoverSpace.propose({ cluster: 'prod', snapshot: 'first', care: 'careful' }, context);

describe('a full quota, on a real cluster with mutual TLS and authentication', () => {
  test('is recovered from: a snapshot, history dropped, each member rewritten, disarmed, written to', async () => {
    expect(await overwriteUntilRefused(etcd, auth)).toContain('database space exceeded');
    const { plan, checks, words, approvers } = await propose();
    expect(words).toBe(
      'recover the space of prod: take a snapshot, drop all of the history, defragment each member, disarm NOSPACE, prove a write',
    );
    expect(plan).toMatchObject({ compaction: { kind: 'to-head' }, snapshot: 'first', care: 'careful' });
    expect(checks.filter(({ status }) => status === 'blocking')).toEqual([]);
    expect(approvers).toBeUndefined();

    const driven = driveChange(etcdRecoverSpace, plan, context.clients);
    expect(await driven.run()).toEqual({ kind: 'done' });
    expect(driven.log.filter((line) => line.endsWith(': done'))).toEqual([
      'Snapshot taken and verified: done',
      'History compacted: done',
      'Free inside every member: done',
      'Defragmented, 1 of 3: done',
      'Defragmented, 2 of 3: done',
      'Defragmented, 3 of 3: done',
      'NOSPACE disarmed: done',
      'A write and a read prove it: done',
    ]);
    expect(driven.notes['A write and a read prove it']).toMatch(
      /^prod takes writes again: \d+(\.\d)? MiB before, \d+(\.\d)? (KiB|MiB) now of 8 MiB\. Find out what has grown/,
    );
    expect(Math.max(...(await sizes()))).toBeLessThan(2 * mebi);
    expect((await view()).seen.alarms).toEqual([]);
    const kept = await etcd.etcdctl(['--user', `root:${auth.password}`, ...['get', '', '--prefix', '--keys-only']]);
    expect(kept.stdout.trim()).toBe('fill/one');
  }, 60_000);

  test('then there is nothing to do, and it says so', async () => {
    await expect(propose()).rejects.toThrow('Nothing to do: no NOSPACE alarm is on in prod');
    await expect(etcdDefrag.propose({ cluster: 'prod', member: null, care: 'careful' }, context)).rejects.toThrow(
      'Nothing to do: etcd-1 has',
    );
  });

  test('a member that hangs in the middle of a sweep stops it, and it says where it stands', async () => {
    const { members, leader } = await view();
    const followers = members.filter((member) => member !== leader).map(({ label }) => label);
    const [first = '', second = ''] = followers;
    const plan = {
      cluster: 'prod',
      memberIds: members.map(({ member }) => member.id).sort(),
      care: 'careful' as const,
    };
    const driven = driveChange(etcdDefrag, plan, context.clients);
    const paused = etcd.members.find(({ name }) => name === second);
    let fences = 0;
    try {
      await driven.run({
        until: 'Defragmented, 2 of 3',
        async fence() {
          fences += 1;
          if (fences === 1) paused?.pause();
        },
      });
      const outcome = await driven.run({ aheadMs: 61_000 });
      expect(outcome).toMatchObject({
        kind: 'blocked',
        refusal: { message: expect.stringContaining(`Defragmented: ${first}. Left as they were: `) },
      });
      expect(outcome.kind === 'blocked' ? outcome.refusal.message : '').toContain(
        `Stopped before ${second}: ${second} does not answer as a working member.`,
      );
    } finally {
      paused?.resume();
    }
    await waitFor('the member to be back', async () => (await view()).members.every(({ works }) => works));
  }, 60_000);
});
