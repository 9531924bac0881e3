import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { SpaceSample } from '../../src/etcd/space/sample.ts';
import { connectSpace, type SpaceClient } from '../../src/redis/space-client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const start = Date.parse('2026-11-03T12:00:00Z');
const sample = (minute: number): SpaceSample => ({
  at: new Date(start + minute * 60_000).toISOString(),
  clusterId: 'c1',
  revision: minute,
  members: [{ id: 'a1', dbSizeBytes: 2, inUseBytes: 1 }],
});

let redis: RedisServer;
let space: SpaceClient;

beforeAll(async () => {
  redis = await startRedis();
  space = connectSpace({ url: redis.url, prefix: redis.prefix }, () => {}, { mostKept: 3 });
}, 30_000);
afterAll(async () => {
  await space.close();
  await redis.stop();
});

describe('the sizes that Redis keeps', () => {
  const minutesOf = async (cluster: string) => (await space.samples(cluster)).map(({ revision }) => revision);

  test('are one a minute at most, oldest first, each cluster its own', async () => {
    for (const minute of [0, 0.5, 1, 1.2, 2]) await space.record('mine', sample(minute));
    expect(await minutesOf('mine')).toEqual([0, 1, 2]);
    expect(await minutesOf('yours')).toEqual([]);
    expect((await space.samples('mine'))[0]).toEqual(sample(0));
  });

  test('are bounded by number and by age', async () => {
    for (const minute of [0, 1, 2, 3, 4]) await space.record('bounded', sample(minute));
    expect(await minutesOf('bounded')).toEqual([2, 3, 4]);
    await space.record('bounded', sample(15 * 24 * 60));
    expect(await minutesOf('bounded')).toEqual([21_600]);
  });
});
