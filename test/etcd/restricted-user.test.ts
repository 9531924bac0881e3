import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { etcdExpireEvents } from '../../jobs/etcd/expire-events.ts';
import { etcdKeys } from '../../jobs/etcd/keys.ts';
import { etcdSpace } from '../../jobs/etcd/space.ts';
import { type Clusters, connectClusters } from '../../src/clusters-client.ts';
import { emptyConfig } from '../../src/config.ts';
import type { Context } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putKeys } from '../support/etcd-keys.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let etcd: EtcdTestCluster;
let clusters: Clusters;

beforeAll(async () => {
  etcd = await startEtcd({ own: true, members: 1 });
  await putKeys(etcd, [{ key: '/registry/pods/shop/web-1' }, { key: '/registry/events/shop/web.1' }]);
  for (const command of [
    ['role', 'add', 'pods'],
    ['role', 'grant-permission', 'pods', 'read', '/registry/pods/', '--prefix'],
    ['user', 'add', 'bot:pods-only'],
    ['user', 'grant-role', 'bot', 'pods'],
    ['user', 'add', 'root:all'],
    ['user', 'grant-role', 'root', 'root'],
    ['auth', 'enable'],
  ])
    expect((await etcd.etcdctl(command)).exitCode).toBe(0);
  clusters = connectClusters({
    ...emptyConfig(),
    etcd: {
      clusters: {
        prod: {
          endpoints: [...etcd.endpoints],
          requestTimeout: 5000,
          auth: { username: 'bot', password: 'pods-only' },
          ...(etcd.tls === undefined ? {} : { tls: { ...etcd.tls } }),
        },
      },
    },
  });
});
afterAll(async () => {
  await clusters.close();
  await etcd.stop();
});

const context = (): Context => ({
  clients: clusters,
  now: () => new Date(),
  signal: new AbortController().signal,
  progress() {},
});

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return `${error.message} ${error.advice}`;
  throw error ?? new Error('nothing was refused');
}

const asked = { cluster: 'prod', prefix: '', depth: null, top: 20 };

test('an etcd user who may read one prefix counts that one, and for all keys is told what to grant', async () => {
  const report = await etcdKeys.run({ ...asked, prefix: '/registry/pods/' }, context());
  expect(report.summary).toBe('prod: 1 key, 26 bytes under /registry/pods/');
  expect(await refusalOf(etcdKeys.run(asked, context()))).toBe(
    'The keys of prod may not be read: 7 PERMISSION_DENIED: etcdserver: permission denied. Grant the bot’s etcd user a role that may: `etcdctl role grant-permission <role> read <prefix> --prefix`, with an empty prefix for all keys.',
  );
});

test('sizes are told all the same', async () => {
  expect((await etcdSpace.run({ cluster: 'prod' }, context())).summary).toMatch(/^prod: etcd-1 has .*room enough$/);
});

test('events that may not be read are a check in the way, with what to grant', async () => {
  const { checks } = await etcdExpireEvents.propose({ cluster: 'prod', olderThanMs: 3_600_000 }, context());
  expect(checks[0]).toEqual({
    name: 'Events and leases can be read',
    status: 'blocking',
    seen: 'They cannot: 7 PERMISSION_DENIED: etcdserver: permission denied.',
    advice:
      'Grant the bot’s etcd user a role that may: `etcdctl role grant-permission <role> readwrite /registry/events/ --prefix`.',
  });
});
