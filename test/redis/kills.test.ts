import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Kill } from '../../src/kubernetes/kill.ts';
import { connectKills, type KillClient } from '../../src/redis/kill-client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const now = new Date('2026-11-03T12:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString();

function kill(run: number, hours: number, container = 'checkout'): Kill {
  return {
    end: 'killed',
    namespace: 'shop',
    workload: 'deploy/checkout',
    pod: 'checkout-1',
    podUid: 'uid-1',
    container,
    run,
    startedAt: hoursAgo(hours + 1),
    finishedAt: hoursAgo(hours),
    podStartedAt: null,
    limitBytes: 536_870_912,
  };
}

let redis: RedisServer;
const open: KillClient[] = [];

/** A bot's connection; each test has a cluster of its own. */
function bot(mostKept?: number): KillClient {
  const client = connectKills({ url: redis.url, prefix: redis.prefix }, () => {}, {
    now: () => now,
    ...(mostKept === undefined ? {} : { mostKept }),
  });
  open.push(client);
  return client;
}

beforeAll(async () => {
  redis = await startRedis({ own: true, appendonly: true });
}, 30_000);
afterAll(async () => {
  await Promise.all(open.map((client) => client.close()));
  await redis.stop();
});

describe('the kills that Redis keeps', () => {
  test('are counted once, though three bots record them at the same time and again', async () => {
    const bots = [bot(), bot(), bot()];
    const kills = Array.from({ length: 50 }, (_, run) => kill(run, 50 - run));
    await Promise.all([...bots, ...bots].map((each) => each.record('once', kills)));
    const known = await bot().since('once', new Date(0));
    expect(known).toEqual(kills);
  });

  test('are given from a time on, oldest first, and each cluster has its own', async () => {
    const client = bot();
    await client.record('mine', [kill(2, 1), kill(0, 9), kill(1, 5)]);
    await client.record('yours', [kill(7, 3)]);
    expect((await client.since('mine', new Date(hoursAgo(5)))).map(({ run }) => run)).toEqual([1, 2]);
    expect((await client.since('yours', new Date(0))).map(({ run }) => run)).toEqual([7]);
    expect(await client.since('nobody', new Date(0))).toEqual([]);
  });

  test('stay as they were seen first: what is read later may be what was changed since', async () => {
    const client = bot();
    await client.record('first', [kill(0, 1)]);
    await client.record('first', [{ ...kill(0, 1), limitBytes: 1 }]);
    expect(await client.since('first', new Date(0))).toEqual([kill(0, 1)]);
  });

  test('are bounded: by age, and by number, the oldest go', async () => {
    const client = bot(20);
    await client.record(
      'bounded',
      Array.from({ length: 700 }, (_, run) => kill(run, 700 - run)),
    );
    const known = await client.since('bounded', new Date(0));
    expect(known.map(({ run }) => run)).toEqual(Array.from({ length: 20 }, (_, index) => 680 + index));
    const raw = new Redis(redis.url);
    expect(await raw.hlen(`${redis.prefix}:kills:bounded:kills`)).toBe(20);
    expect(await raw.ttl(`${redis.prefix}:kills:bounded:kills`)).toBeGreaterThan(13 * 86_400);
    raw.disconnect();
    const later = connectKills({ url: redis.url, prefix: redis.prefix }, () => {}, {
      now: () => new Date(now.getTime() + 14 * 86_400_000 - 10 * 3_600_000),
    });
    open.push(later);
    await later.record('bounded', [kill(900, -300)]);
    expect((await later.since('bounded', new Date(0))).map(({ run }) => run)).toEqual([
      690, 691, 692, 693, 694, 695, 696, 697, 698, 699, 900,
    ]);
  });

  test('that cannot be read are left out', async () => {
    const client = bot();
    await client.record('odd', [kill(0, 2), kill(1, 1)]);
    const raw = new Redis(redis.url);
    await raw.hset(`${redis.prefix}:kills:odd:kills`, `uid-1/checkout/${hoursAgo(2)}`, '{"end":"of another version"');
    raw.disconnect();
    expect((await client.since('odd', new Date(0))).map(({ run }) => run)).toEqual([1]);
  });

  test('outlive a Redis that is killed and comes back', async () => {
    const client = bot();
    await client.record('lasting', [kill(0, 1)]);
    await redis.kill();
    await redis.restart();
    expect(await bot().since('lasting', new Date(0))).toEqual([kill(0, 1)]);
  }, 20_000);

  test('are given up within seconds where Redis hangs', async () => {
    const client = bot();
    await client.since('hung', new Date(0));
    redis.pause();
    const startedAt = performance.now();
    await expect(client.since('hung', new Date(0))).rejects.toThrow(/timed out/i);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    redis.resume();
  }, 20_000);
});
