import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { etcdKeys } from '../../../jobs/etcd/keys.ts';
import { etcdSpace } from '../../../jobs/etcd/space.ts';
import { type Clusters, connectClusters } from '../../../src/clusters-client.ts';
import { emptyConfig } from '../../../src/config.ts';
import { revisionOlderThan } from '../../../src/etcd/space/sample.ts';
import type { Context } from '../../../src/job.ts';
import { connectSpace, type SpaceClient } from '../../../src/redis/space-client.ts';
import { createSpaceSampling } from '../../../src/space-sampling.ts';
import { type EtcdTestCluster, startEtcd } from '../../support/etcd.ts';
import { putKeys } from '../../support/etcd-keys.ts';
import { waitFor } from '../../support/process.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

const everyMs = 5 * 60_000;
let etcd: EtcdTestCluster;
let redis: RedisServer;
let clusters: Clusters;
let space: SpaceClient;
let clock = Date.parse('2026-11-03T09:00:00Z');

beforeAll(async () => {
  [etcd, redis] = await Promise.all([startEtcd({ own: true }), startRedis()]);
  space = connectSpace({ url: redis.url, prefix: redis.prefix }, () => {});
  clusters = connectClusters({
    ...emptyConfig(),
    etcd: {
      clusters: {
        prod: {
          endpoints: [...etcd.endpoints],
          requestTimeout: 5000,
          ...(etcd.tls === undefined ? {} : { tls: { ...etcd.tls } }),
        },
      },
    },
  });
});
afterAll(async () => {
  await Promise.all([clusters.close(), space.close()]);
  await Promise.all([etcd.stop(), redis.stop()]);
});

const now = () => new Date(clock);
const signal = new AbortController().signal;
const told: string[] = [];
const samplingOf = (etcdOf: Clusters['etcd'] = clusters.etcd, takeTurn: SpaceClient['takeTurn'] = async () => true) =>
  createSpaceSampling({
    etcd: etcdOf,
    store: { ...space, takeTurn },
    signal,
    now,
    tell: (event, { cluster, error = '' }) => told.push(`${event}: ${cluster} ${error}`.trim()),
  });
const context = (): Context => ({ clients: clusters, space, now, signal, progress() {} });
const events = (from: number, amount: number) =>
  Array.from({ length: amount }, (_, index) => ({ key: `/registry/events/shop/web.${from + index}` }));

test('of several workers one looks, once an interval', async () => {
  const turns = await Promise.all([1, 2, 3].map(() => space.takeTurn('turns', everyMs)));
  expect(turns.filter((isMine) => isMine)).toHaveLength(1);
});

test('sizes, the revision and the keys by prefix are kept without anybody having asked, and `/etcd space` tells which prefixes grow', async () => {
  const sample = samplingOf();
  await putKeys(etcd, [...events(0, 100), { key: '/registry/pods/shop/web-1' }, { key: '/elsewhere/a' }]);
  await sample({ cluster: 'prod', everyMs });
  clock += 1_800_000;
  await putKeys(etcd, events(100, 400));
  await sample({ cluster: 'prod', everyMs });
  clock += 60_000;
  const report = await etcdSpace.run({ cluster: 'prod' }, context());
  expect(report.sections[1]).toMatchObject({
    title: 'Which prefixes grow',
    rows: [['/registry/events/', 'events', '500', '+800/h']],
  });
  expect(report.data).toMatchObject({
    prefixes: [
      { prefix: '/registry/events/', keys: 500, keysPerHour: 800 },
      { prefix: '/registry/pods/', keys: 1, keysPerHour: 0 },
    ],
  });
  const samples = await space.samples('prod');
  const clusterId = samples[0]?.clusterId ?? '';
  expect(revisionOlderThan(samples, clusterId, 1_800_000, now())?.at).toBe('2026-11-03T09:00:00.000Z');
});

test('what `/etcd keys` found is counted from then on', async () => {
  clock += 1000;
  await etcdKeys.run({ cluster: 'prod', prefix: '', depth: null, top: 20 }, context());
  const isKept = async () =>
    (await space.samples('prod')).at(-1)?.prefixes?.some(({ prefix }) => prefix === '/elsewhere/');
  await waitFor('the sample of the walk', isKept);
  clock += 120_000;
  await samplingOf()({ cluster: 'prod', everyMs });
  expect((await space.samples('prod')).at(-1)).toMatchObject({
    at: now().toISOString(),
    prefixes: expect.arrayContaining([{ prefix: '/elsewhere/', keys: 1 }]),
  });
});

test('a cluster that cannot be seen is told once, and once more when it works again', async () => {
  const dead: Clusters['etcd'] = async () => {
    throw new Error('away');
  };
  let isAway = true;
  const sample = samplingOf(async (name) => (isAway ? await dead(name) : await clusters.etcd(name)));
  told.length = 0;
  await sample({ cluster: 'prod', everyMs });
  await sample({ cluster: 'prod', everyMs });
  isAway = false;
  await sample({ cluster: 'prod', everyMs });
  expect(told).toEqual(['space not sampled: prod away', 'space sampled again: prod']);
});
