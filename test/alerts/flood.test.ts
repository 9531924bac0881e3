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

jest.setTimeout(60_000);

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ own: true });
});
afterAll(async () => {
  await redis.stop();
});

test.each([
  ['one group', { alerts: 1000, groups: 1 }],
  ['a thousand groups', { alerts: 1000, groups: 1000 }],
])('a thousand alerts of %s are each shown once, one message a second', async (_name, shape) => {
  const conversation = await startFlooded(redis.url, `${redis.prefix}-${shape.groups}`);
  try {
    const bodies = floodBodies(shape);
    const { slack, ann } = conversation;
    // Who asks something meanwhile does not wait for all of it.
    const [answer] = await Promise.all([
      conversation.ask('/oom size --limit 1Gi --jdk 17', ann),
      pour(conversation, [...bodies, ...bodies]),
    ]);
    expect(answer.text).toContain('JDK 17 in 1Gi');
    await untilShown(conversation, shape.alerts, 40_000);
    expect(slack.channel(floodChannel).length).toBeLessThan(8);
    expect(shownAlerts(conversation)).toBe(shape.alerts);
    expect(rateOf(conversation)).toMatchObject({ mostASecond: 1 });
  } finally {
    await conversation.stop();
  }
});
