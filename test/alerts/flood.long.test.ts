import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import {
  floodBodies,
  floodChannel,
  pour,
  rateOf,
  shownAlerts,
  startFlooded,
  untilShown,
} from '../support/alert-flood.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

jest.setTimeout(900_000);

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ own: true });
});
afterAll(async () => {
  await redis.stop();
});

test.each([
  ['one group', { alerts: 10_000, groups: 1 }],
  ['a thousand groups', { alerts: 10_000, groups: 1000 }],
  ['ten thousand groups', { alerts: 10_000, groups: 10_000 }],
])('ten thousand alerts of %s are each shown once, one message a second', async (_name, shape) => {
  const conversation = await startFlooded(redis.url, `${redis.prefix}-${shape.groups}`);
  const before = process.memoryUsage().rss;
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 200);
  const figures: Record<string, number> = {};
  const startedAt = performance.now();
  const note = (what: string) => {
    figures[what] = Math.round(performance.now() - startedAt) / 1000;
  };
  try {
    const bodies = floodBodies(shape);
    await pour(conversation, bodies);
    note('posted, s');
    await untilShown(conversation, shape.alerts, 240_000);
    note('shown, s');
    // Sent again by the other Alertmanager of a pair.
    await pour(conversation, bodies);
    await untilShown(conversation, shape.alerts, 60_000);
    await pour(conversation, floodBodies(shape, false));
    const { slack } = conversation;
    await slack.waitFor(() => slack.channel(floodChannel).every(({ text }) => /over/.test(text)), {
      timeoutMs: 240_000,
      what: 'all over',
    });
    note('over, s');
    expect(shownAlerts(conversation)).toBe(shape.alerts);
    expect(rateOf(conversation)).toMatchObject({ mostASecond: 1 });
    expect(slack.channel(floodChannel).length).toBeLessThan(10);
    figures['memory, MB'] = Math.round((most - before) / 1e6);
    expect(figures['memory, MB']).toBeLessThan(400);
  } finally {
    clearInterval(looking);
    process.stderr.write(`${JSON.stringify({ ...shape, ...figures })}\n`);
    await conversation.stop();
  }
});
