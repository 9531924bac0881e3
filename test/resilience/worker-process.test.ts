import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { postedTwice, standing } from '../support/posts-made.ts';
import { waitFor } from '../support/process.ts';
import { loggedBy, writeConfig } from '../support/worker-process.ts';
import { answersOf, startWorkerStage, type WorkerRoom, type WorkerStage } from '../support/worker-room.ts';

const size = '/oom size --limit 1Gi --jdk 17';

let stage: WorkerStage;
let conversation: WorkerRoom;

beforeAll(async () => {
  stage = await startWorkerStage();
}, 30_000);

/** The bot in this process; its workers are processes of their own. */
beforeEach(async () => {
  conversation = await stage.open();
});

afterEach(async () => {
  await conversation.stop();
});

afterAll(async () => {
  await stage.stop();
});

test('a worker that is killed at six points of six requests loses none of them and posts nothing twice', async () => {
  const { slack } = conversation;
  const first = await conversation.shortWorker();
  const rooms = {
    looking: conversation.addRoom('looking'),
    beforeTheRoot: conversation.addRoom('before-the-root'),
    rootUnknown: conversation.addRoom('root-unknown'),
    beforeTheEdit: conversation.addRoom('before-the-edit'),
    beforeTheDetails: conversation.addRoom('before-the-details'),
    detailsUnknown: conversation.addRoom('details-unknown'),
  };
  const post = 'chat.postMessage';
  slack.fault({ method: post, channel: rooms.beforeTheRoot, kind: 'hang' });
  slack.fault({ method: post, channel: rooms.rootUnknown, kind: 'drop_after_commit' });
  slack.fault({ method: 'conversations.history', channel: rooms.rootUnknown, kind: 'hang' });
  slack.fault({ method: 'chat.update', channel: rooms.beforeTheEdit, kind: 'hang' });
  slack.fault({ method: post, channel: rooms.beforeTheDetails, kind: 'slow', ms: 0 });
  slack.fault({ method: post, channel: rooms.beforeTheDetails, kind: 'hang' });
  slack.fault({ method: post, channel: rooms.detailsUnknown, kind: 'slow', ms: 0 });
  slack.fault({ method: post, channel: rooms.detailsUnknown, kind: 'drop_after_commit' });
  slack.fault({ method: 'conversations.replies', channel: rooms.detailsUnknown, kind: 'hang' });

  for (const [name, channel] of Object.entries(rooms)) if (name !== 'looking') await conversation.types(channel, size);
  await waitFor('five requests hang where they should', () => {
    return (
      conversation.failed(post, rooms.beforeTheRoot, 'hang') &&
      conversation.failed('conversations.history', rooms.rootUnknown, 'hang') &&
      conversation.failed('chat.update', rooms.beforeTheEdit, 'hang') &&
      conversation.failed(post, rooms.beforeTheDetails, 'hang') &&
      conversation.failed('conversations.replies', rooms.detailsUnknown, 'hang')
    );
  });
  await conversation.looksInVain(rooms.looking);
  await first.kill();
  expect(answersOf(first)).toBe(0);
  expect(Object.values(rooms).map((channel) => standing(slack.channel(channel)))).toEqual([
    ['asked, 0 replies'],
    [],
    ['asked, 0 replies'],
    ['asked, 0 replies'],
    ['answered, 0 replies'],
    ['answered, 1 reply'],
  ]);

  const second = await conversation.shortWorker();
  await waitFor('the second worker has answered all', () => answersOf(second) >= 6, { timeoutMs: 10_000 });
  expect(Object.values(rooms).map((channel) => standing(slack.channel(channel)))).toEqual([
    ['answered, 2 replies'],
    ['answered, 1 reply'],
    ['answered, 1 reply'],
    ['answered, 1 reply'],
    ['answered, 1 reply'],
    ['answered, 1 reply'],
  ]);
  expect(postedTwice(slack)).toEqual([]);
}, 30_000);

test('two workers side by side answer each of 100 requests once', async () => {
  const { slack } = conversation;
  await Promise.all([conversation.worker(), conversation.worker()]);
  const rooms = Array.from({ length: 20 }, (_, index) => conversation.addRoom(`room-${index}`));
  await Promise.all(Array.from({ length: 100 }, (_, index) => conversation.types(rooms[index % 20] ?? '', size)));
  await waitFor('100 answers', () => conversation.workers.reduce((sum, each) => sum + answersOf(each), 0) >= 100, {
    timeoutMs: 15_000,
  });
  const each = conversation.workers.map(answersOf);
  expect([each[0] === 0, each[1] === 0, (each[0] ?? 0) + (each[1] ?? 0)]).toEqual([false, false, 100]);
  expect(rooms.map((channel) => standing(slack.channel(channel)))).toEqual(
    rooms.map(() => Array(5).fill('answered, 1 reply')),
  );
  expect(postedTwice(slack)).toEqual([]);
}, 30_000);

test('a request that has ended eleven workers is not tried again, and is said to have failed', async () => {
  const { slack, channel, config } = conversation;
  await conversation.types(channel, size);
  const client = new Redis(stage.redis.url);
  const [key = ''] = await client.keys(`${config.redis.prefix}:tickets:ticket-*`);
  await client.hset(key, 'stc', 11);
  client.disconnect();
  await conversation.shortWorker();
  const [thread] = await slack.waitFor(() => slack.channel(channel).length === 1 && slack.channel(channel));
  expect(thread?.text).toMatch(
    /^Failed, id ticket-[0-9a-f]{20}: a fault in Quorum, not an answer about your systems\.$/,
  );
});

test('SIGTERM lets what runs be finished and ends the process with exit code 0', async () => {
  const { slack, channel } = conversation;
  const only = await conversation.worker();
  slack.fault({ method: 'chat.postMessage', channel, kind: 'slow', ms: 300 });
  await conversation.types(channel, size);
  await waitFor('the answer is under way', () => conversation.failed('chat.postMessage', channel, 'pending'));
  const askedAt = performance.now();
  expect(await only.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(5000);
  expect(standing(slack.channel(channel))).toEqual(['answered, 1 reply']);
  expect(loggedBy(only).at(-1)).toMatchObject({ event: 'stopped', running: 'finished' });
}, 20_000);

test('a signed request on which Bolt itself stumbles does not end the process', async () => {
  const { slack, channel, config } = conversation;
  if (config.slack === undefined) throw new Error('there is no slack in the config');
  writeConfig(conversation.configPath, { ...config, slack: { ...config.slack, mode: 'http' } });
  const both = await conversation.both();
  const url = `${loggedBy(both).find(({ event }) => event === 'ready')?.slack}/slack/events`;
  for (const [body, type] of [
    ['null', 'application/json'],
    ['payload=null', 'application/x-www-form-urlencoded'],
  ] as const) {
    const seconds = Math.floor(Date.now() / 1000);
    const hash = createHmac('sha256', slack.signingSecret).update(`v0:${seconds}:${body}`).digest('hex');
    const headers = {
      'content-type': type,
      'x-slack-request-timestamp': `${seconds}`,
      'x-slack-signature': `v0=${hash}`,
    };
    // It is never answered: only its sender waits.
    await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(300) }).catch(() => undefined);
  }
  slack.setRequestUrl(url);
  await conversation.types(channel, size);
  await waitFor('the answer', () => answersOf(both) === 1);
  expect(loggedBy(both).filter(({ event, id }) => event === 'fault' && id === 'unhandled')).toHaveLength(2);
}, 20_000);
