import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { etcdMoveLeader } from '../../jobs/etcd/move-leader.ts';
import { connectEtcd, type EtcdCluster } from '../../src/etcd/client.ts';
import type { Context } from '../../src/job.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { driveChange } from '../support/step-driver.ts';

let etcd: EtcdTestCluster;
let cluster: EtcdCluster;
let context: Context;

beforeAll(async () => {
  etcd = await startEtcd({ own: true });
  cluster = await connectEtcd({ name: 'prod', endpoints: etcd.endpoints, tls: etcd.tls });
  context = {
    clients: { etcd: async () => cluster, kubernetes: async () => Promise.reject(new Error('not asked')) },
    now: () => new Date(),
    signal: new AbortController().signal,
    progress() {},
  };
}, 30_000);

afterAll(async () => {
  cluster.close();
  await etcd.stop();
});

describe('moving the leader of a real cluster', () => {
  test('away from the one that leads, by plan', async () => {
    const proposal = await etcdMoveLeader.propose({ cluster: 'prod', member: null }, context);
    expect(proposal.checks.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
    const driven = driveChange(etcdMoveLeader, proposal.plan as never, context.clients);
    expect((await driven.run()).kind).toBe('done');
    const again = await etcdMoveLeader.propose({ cluster: 'prod', member: null }, context);
    expect(again.plan).not.toEqual(proposal.plan);
  });
});
