import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { floodBodies, floodChannel, pour, shownAlerts, startFlooded, untilShown } from '../support/alert-flood.ts';
import { alertBody, firing, post } from '../support/alerts.ts';
import type { Conversation } from '../support/conversation.ts';
import { postedTwice } from '../support/posts-made.ts';
import { makeFolder, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startWorkers } from '../support/worker-pool.ts';
import { startQuorum, writeConfig } from '../support/worker-process.ts';

jest.setTimeout(180_000);

let redis: RedisServer;
let conversation: Conversation;
let rooms = 0;

beforeAll(async () => {
  redis = await startRedis({ own: true, appendonly: true });
});
afterAll(async () => {
  await redis.stop();
});
beforeEach(() => {
  rooms += 1;
});
afterEach(async () => {
  await conversation.stop();
});

const open = async (halves: readonly ('bot' | 'worker')[]) => {
  conversation = await startFlooded(redis.url, `${redis.prefix}-${rooms}`, { halves });
};

const body = alertBody([firing({ alertname: 'NodeDown', instance: '10.0.0.1:9100' })]);

/** As Alertmanager does: again and again until it is taken. */
async function untilTaken(): Promise<void> {
  await waitFor('the alert is taken', async () => (await post(conversation.running.statusUrl, body)).status === 200, {
    everyMs: 200,
    timeoutMs: 15_000,
  });
}

test('while Redis is down nobody is told that an alert is stored; when it is back it is told once', async () => {
  await open(['bot', 'worker']);
  await redis.kill();
  for (let time = 1; time <= 2; time += 1) {
    const { status, headers, text } = await post(conversation.running.statusUrl, body);
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
    expect(text).toBe('Not stored: Redis did not take it. Send it again; nothing is shown twice.\n');
  }
  await redis.restart();
  await untilTaken();
  await untilShown(conversation, 1, 15_000);
});

test('while Redis hangs the answer comes within its deadline; what was stored all the same is told once', async () => {
  await open(['bot', 'worker']);
  redis.pause();
  const startedAt = performance.now();
  expect((await post(conversation.running.statusUrl, body)).status).toBe(503);
  expect(performance.now() - startedAt).toBeLessThan(4000);
  redis.resume();
  await untilTaken();
  await untilShown(conversation, 1, 15_000);
  const { slack } = conversation;
  await waitFor('its thread', () => slack.channel(floodChannel)[0]?.replies.length === 1, { timeoutMs: 10_000 });
  expect(shownAlerts(conversation)).toBe(1);
});

test('workers that are killed while alerts come, and a Redis that restarts, lose none and tell none twice', async () => {
  await open(['bot']);
  const folder = makeFolder('quorum-alerts-workers');
  const configPath = join(folder, 'quorum.json');
  writeConfig(configPath, conversation.config);
  const workers = await startWorkers(2, () => startQuorum('worker', configPath));
  try {
    const bodies = floodBodies({ alerts: 300, groups: 60 });
    for (let round = 0; round < 5; round += 1) {
      await pour(conversation, bodies.slice(round * 12, round * 12 + 12));
      if (round === 2) {
        await redis.kill();
        await redis.restart();
      }
      await waitFor('a worker', () => workers.running().length > 0, { timeoutMs: 30_000 });
      // In the middle of it, each time at another point.
      await wait(round * 40);
      if (round < 4) await workers.killOne();
    }
    await untilShown(conversation, 300, 90_000);
    expect(workers.kills()).toBeGreaterThanOrEqual(4);
    expect(postedTwice(conversation.slack)).toEqual([]);
  } finally {
    await workers.stop();
    removeFolder(folder);
  }
});
