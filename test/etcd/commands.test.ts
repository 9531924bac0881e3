import { describe, expect, test } from '@jest/globals';
import { etcdHealth } from '../../commands/etcd/health.ts';
import { etcdMembers } from '../../commands/etcd/members.ts';
import { etcdHealth as healthJob } from '../../jobs/etcd/health.ts';
import { etcdMembers as membersJob } from '../../jobs/etcd/members.ts';
import { emptyConfig } from '../../src/config.ts';
import type { Context } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import { fakeEtcd } from '../support/etcd-fake.ts';
import { seenAt, seenCluster } from '../support/etcd-seen.ts';

const words = { positionals: [], rest: [], flag: () => undefined, flags: () => [], isSet: () => false };

const context: Context = {
  clients: {
    etcd: async (name) => fakeEtcd(() => seenCluster({}, { cluster: name })),
    kubernetes: async () => {
      throw new Refusal('There is none.', 'Ask for etcd.');
    },
  },
  now: () => seenAt,
  signal: new AbortController().signal,
  progress() {},
};

describe('the commands of etcd', () => {
  test('health asks the cluster that was settled', async () => {
    const { verdict, title, asOf } = await healthJob.run({ cluster: 'staging' }, context);
    expect({ verdict, title, asOf }).toEqual({
      verdict: 'ok',
      title: 'etcd staging',
      asOf: '2026-11-21T12:00:00.000Z',
    });
  });

  test('members asks the cluster that was settled', async () => {
    const { summary } = await membersJob.run({ cluster: 'staging' }, context);
    expect(summary).toBe('staging: 3 voters, 2 needed, 3 working: 1 more may be lost');
  });

  test.each([[etcdHealth], [etcdMembers]])('take from the queue nothing but a cluster', ({ job, input }) => {
    expect(input(words, 'staging', emptyConfig().changes)).toEqual({ cluster: 'staging' });
    expect(job.input.safeParse({ cluster: 'prod' }).success).toBe(true);
    expect(job.input.safeParse({ cluster: 'prod', endpoint: 'x' }).success).toBe(false);
    expect(job.input.safeParse({}).success).toBe(false);
  });
});
