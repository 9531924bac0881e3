import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { etcdExpireEvents as command } from '../../commands/etcd/expire-events.ts';
import { etcdExpireEvents } from '../../jobs/etcd/expire-events.ts';
import { type Clusters, connectClusters } from '../../src/clusters-client.ts';
import { emptyConfig } from '../../src/config.ts';
import { kindOfLease, type Lease } from '../../src/etcd/keys/event-leases.ts';
import type { Context } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { grantLease, putKeys } from '../support/etcd-keys.ts';
import { waitFor } from '../support/process.ts';
import { driveChange } from '../support/step-driver.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

function connected(etcd: EtcdTestCluster): Clusters {
  const { endpoints, tls } = etcd;
  const cluster = {
    endpoints: [...endpoints],
    requestTimeout: 5000,
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  };
  return connectClusters({ ...emptyConfig(), etcd: { clusters: { prod: cluster } } });
}

const contextOf = (clients: Clusters): Context => ({
  clients,
  now: () => new Date(),
  signal: new AbortController().signal,
  progress() {},
});

async function keysUnder(etcd: EtcdTestCluster, prefix: string): Promise<string[]> {
  const { stdout } = await etcd.etcdctl(['get', prefix, '--prefix', '--keys-only']);
  return stdout.split('\n').filter((line) => line !== '');
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return `${error.message} ${error.advice}`;
  throw error ?? new Error('nothing was refused');
}

const events = (amount: number, lease: string, value = 'x') =>
  Array.from({ length: amount }, (_, index) => ({ key: `/registry/events/shop/web.${lease}.${index}`, lease, value }));

describe('by their leases', () => {
  let etcd: EtcdTestCluster;
  let clusters: Clusters;
  const input = { cluster: 'prod', olderThanMs: 1000 };

  beforeAll(async () => {
    etcd = await startEtcd({ own: true });
    clusters = connected(etcd);
  });
  afterAll(async () => {
    await clusters.close();
    await etcd.stop();
  });

  test('of a store without events there is nothing to expire', async () => {
    expect(await refusalOf(etcdExpireEvents.propose(input, contextOf(clusters)))).toContain(
      'prod has no events: no key begins with /registry/events/.',
    );
  });

  test('only leases go that hold events alone and are old enough, and no other key with them', async () => {
    const [old, other, addresses, shared] = await Promise.all(
      [3600, 3600, 3600, 3600].map((ttl) => grantLease(etcd, ttl)),
    );
    if (!old || !other || !addresses || !shared) throw new Error('a lease was not granted');
    await putKeys(etcd, [
      ...events(30, old),
      ...events(20, other),
      { key: '/registry/masterleases/10.0.0.1', lease: addresses },
      { key: '/registry/masterleases/10.0.0.2', lease: shared },
      ...events(1, shared),
      { key: '/registry/events/shop/forever' },
      { key: '/registry/eventsource/shop/web', lease: addresses },
    ]);
    expect(
      await refusalOf(etcdExpireEvents.propose({ ...input, olderThanMs: 3_600_000 }, contextOf(clusters))),
    ).toMatch(
      /^No event of prod is 1 h old: of 52 the oldest is .*, and they live for 1 h\. Name a shorter age, such as --older-than 15m\./,
    );
    const { plan, checks, words } = await waitFor(
      'leases that are a second old',
      () => etcdExpireEvents.propose(input, contextOf(clusters)),
      { timeoutMs: 20_000, everyMs: 300 },
    );
    expect(plan).toEqual({
      cluster: 'prod',
      prefix: '/registry/events/',
      events: { kind: 'older-than', ageMs: 1000 },
      memberIds: [],
    });
    expect(words).toBe(
      'expire the events of prod (/registry/events/) that are at least 1 s old, by revoking their leases',
    );
    expect(checks.find(({ name }) => name === 'Only events go')).toMatchObject({
      status: 'warning',
      seen: expect.stringContaining('1 lease holds other keys too'),
    });
    const driven = driveChange(etcdExpireEvents, plan, clusters);
    let fences = 0;
    expect(
      await driven.run({
        fence: async () => {
          fences += 1;
        },
      }),
    ).toMatchObject({ kind: 'done' });
    expect(fences).toBe(2);
    expect(driven.notes['Old events expired']).toBe('2 leases with 50 events revoked.');
    expect(await keysUnder(etcd, '/')).toEqual([
      '/registry/events/shop/forever',
      `/registry/events/shop/web.${shared}.0`,
      '/registry/eventsource/shop/web',
      '/registry/masterleases/10.0.0.1',
      '/registry/masterleases/10.0.0.2',
    ]);
  });
});

test('under NOSPACE all events go, and the store takes writes again', async () => {
  const etcd = await startEtcd({ own: true, members: 1, quotaBytes: 16 * 1024 ** 2 });
  const clusters = connected(etcd);
  try {
    const lease = await grantLease(etcd, 3600);
    await putKeys(etcd, [
      { key: '/registry/masterleases/10.0.0.1', lease },
      { key: '/registry/eventz' },
      ...events(1500, lease),
    ]);
    const flood = async () => {
      for (let round = 0; round < 64; round += 1)
        await putKeys(
          etcd,
          events(16, `${round}`, 'x'.repeat(60_000)).map(({ key, value }) => ({ key, value })),
        );
    };
    await expect(flood()).rejects.toThrow(/database space exceeded/);
    const { plan, checks, words } = await etcdExpireEvents.propose(
      { cluster: 'prod', olderThanMs: 3_600_000 },
      contextOf(clusters),
    );
    expect(plan.events).toEqual({ kind: 'all' });
    expect(words).toContain('delete all events of prod (/registry/events/), then drop all of the history');
    expect(checks.filter(({ status }) => status === 'blocking')).toEqual([]);
    const driven = driveChange(etcdExpireEvents, plan, clusters);
    const stop = new Error('killed');
    let fences = 0;
    // The worker is killed before the second page, and another one goes on.
    await expect(
      driven.run({
        fence: async () => {
          fences += 1;
          if (fences === 2) throw stop;
        },
      }),
    ).rejects.toBe(stop);
    expect(await driven.run()).toMatchObject({ kind: 'done' });
    expect(driven.log).toContain('NOSPACE disarmed: done');
    expect(driven.notes['Events deleted']).toMatch(
      /^[\d,]+ events deleted: none is left under \/registry\/events\/\.$/,
    );
    expect(await keysUnder(etcd, '/')).toEqual(['/registry/eventz', '/registry/masterleases/10.0.0.1']);
    expect((await etcd.etcdctl(['put', 'again', 'written'])).exitCode).toBe(0);
  } finally {
    await clusters.close();
    await etcd.stop();
  }
});

describe('what a lease is to events', () => {
  const prefix = Buffer.from('/registry/events/');
  const lease = (keys: readonly string[], leftSeconds: number): Lease => ({
    id: '7',
    grantedSeconds: 3600,
    leftSeconds,
    keys: keys.map((key) => Buffer.from(key)),
  });

  test.each([
    ['old', ['/registry/events/a/b'], 1800],
    ['young', ['/registry/events/a/b'], 1801],
    ['shared', ['/registry/events/a/b', '/registry/masterleases/10.0.0.1'], 10],
    ['foreign', ['/registry/masterleases/10.0.0.1'], 10],
    ['foreign', ['/registry/events'], 10],
    ['empty', [], 10],
    ['empty', ['/registry/events/a/b'], -1],
  ])('%s: %j with %i s left', (kind, keys, leftSeconds) => {
    expect(kindOfLease(lease(keys, leftSeconds), prefix, 1_800_000)).toBe(kind);
  });
});

describe('as it is typed', () => {
  const typed = (olderThan?: string) =>
    command.input(
      { positionals: [], rest: [], flag: () => olderThan, flags: () => [], isSet: () => olderThan !== undefined },
      'prod',
      emptyConfig().changes,
    );

  test('an hour where nothing is said', () => {
    expect(typed()).toEqual({ cluster: 'prod', olderThanMs: 3_600_000 });
    expect(typed('15m')).toEqual({ cluster: 'prod', olderThanMs: 900_000 });
  });

  test.each(['1m', '0', 'soon', '-1h', '1'])('--older-than %s is refused', (olderThan) => {
    expect(() => typed(olderThan)).toThrow(`--older-than "${olderThan}" is not taken.`);
  });
});
