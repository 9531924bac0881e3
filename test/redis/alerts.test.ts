import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AlertNews } from '../../src/alerts/alert-store.ts';
import { type AlertClient, connectAlerts } from '../../src/redis/alert-client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let store: AlertClient;
let tests = 0;

beforeAll(async () => {
  redis = await startRedis();
  store = connectAlerts({ url: redis.url, prefix: redis.prefix }, () => {});
});
afterAll(async () => {
  await store.close();
  await redis.stop();
});
beforeEach(() => {
  tests += 1;
});

const minuteMs = 60_000;
const began = Date.parse('2026-11-29T03:00:00Z');

/** An alert of this test's own. */
function alert(isOn: boolean, more: Partial<AlertNews> = {}): AlertNews {
  return { cluster: 'prod', fingerprint: `f${tests}`, isOn, startsAt: began, subject: 'group a', ...more };
}

/** What becomes of an alert that is heard of so long after its beginning, and is taken. */
async function hear(news: AlertNews, afterMs: number): Promise<string> {
  const [place] = await store.place([news], began + afterMs);
  if (place?.kind !== 'news') return 'known';
  await store.settle([news], began + afterMs);
  return `${place.subject}, round ${place.round}`;
}

describe('an alert', () => {
  test('is news once, and known for as long as it is on', async () => {
    expect(await hear(alert(true), 0)).toBe('group a, round 0');
    expect(await hear(alert(true), 1000)).toBe('known');
    expect(await hear(alert(true), 30 * 24 * 60 * minuteMs)).toBe('known');
    // Another Prometheus saw it begin some seconds apart.
    expect(await hear(alert(true, { startsAt: began + 15_000 }), 2000)).toBe('known');
    expect(await hear(alert(true, { startsAt: began - 15_000 }), 2000)).toBe('known');
  });

  test('that was placed and not taken is news again: its worker was killed', async () => {
    expect(await store.place([alert(true)], began)).toEqual([{ kind: 'news', subject: 'group a', round: 0 }]);
    expect(await hear(alert(true), 1000)).toBe('group a, round 0');
  });

  test('ends where it began, whatever its group is called by then', async () => {
    await hear(alert(true), 0);
    expect(await hear(alert(true, { subject: 'group b' }), 1000)).toBe('known');
    expect(await hear(alert(false, { subject: 'group b' }), 2000)).toBe('group a, round 0');
  });

  test('that begins anew is news, wherever it would be told now', async () => {
    await hear(alert(true), 0);
    await hear(alert(false), minuteMs);
    expect(await hear(alert(true, { startsAt: began + 2 * minuteMs, subject: 'group b' }), 2 * minuteMs)).toBe(
      'group b, round 1',
    );
    // The word of the first end comes again.
    expect(await hear(alert(false), 3 * minuteMs)).toBe('known');
    expect(await hear(alert(false, { startsAt: began + 2 * minuteMs }), 4 * minuteMs)).toBe('group b, round 1');
  });

  test('whose beginning is told late, after its end, is known; much later it is meant', async () => {
    await hear(alert(true), 0);
    await hear(alert(false), minuteMs);
    expect(await hear(alert(true), 2 * minuteMs)).toBe('known');
    expect(await hear(alert(true), 10 * minuteMs)).toBe('known');
    expect(await hear(alert(true), 12 * minuteMs)).toBe('group a, round 1');
    expect(await hear(alert(true), 13 * minuteMs)).toBe('known');
  });

  test('whose end is heard of before its beginning is over', async () => {
    expect(await hear(alert(false), 1000)).toBe('group a, round 0');
    expect(await hear(alert(true), 2000)).toBe('known');
  });

  test('of another cluster is another one', async () => {
    await hear(alert(true), 0);
    expect(await hear(alert(true, { cluster: 'staging' }), 0)).toBe('group a, round 0');
  });
});

test('many are placed in one step, in their order', async () => {
  const many = Array.from({ length: 100 }, (_, index) =>
    alert(true, { fingerprint: `many${index}`, subject: `${index}` }),
  );
  await store.settle(many.slice(0, 0), began);
  await store.place(many, began);
  await store.settle(many.slice(0, 50), began);
  const places = await store.place(many, began);
  expect(places.map((place) => (place.kind === 'news' ? place.subject : place.kind))).toEqual(
    many.map(({ subject }, index) => (index < 50 ? 'known' : subject)),
  );
  expect(await store.place([], began)).toEqual([]);
});
