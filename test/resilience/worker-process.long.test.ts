import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { recordedPods } from '../support/kubernetes/recorded.ts';
import { postedTwice, standing } from '../support/posts-made.ts';
import { waitFor } from '../support/process.ts';
import { startRedis } from '../support/redis.ts';
import { loggedBy, writeConfig } from '../support/worker-process.ts';
import { startWorkerStage, type WorkerRoom, type WorkerStage } from '../support/worker-room.ts';

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

const roomsFor = (count: number) => Array.from({ length: count }, (_, index) => conversation.addRoom(`room-${index}`));

test('fifty kills of a worker while 300 requests run: each is answered once', async () => {
  const { slack, ann } = conversation;
  const kills = 50;
  const perKill = 6;
  const channels = roomsFor(kills);
  const startedAt = performance.now();
  let victim = await conversation.worker();
  let other = await conversation.worker();
  for (const channel of channels) {
    // Slow enough that a kill finds work under way, at another point each time.
    for (const method of ['chat.postMessage', 'chat.update'])
      slack.fault({ method, channel, kind: 'slow', ms: Math.random() * 150, times: 20 });
    await Promise.all(Array.from({ length: perKill }, () => slack.slash(ann.id, channel, size)));
    const until = performance.now() + Math.random() * 600;
    await waitFor('a moment', () => performance.now() >= until);
    await victim.kill();
    victim = other;
    other = await conversation.worker();
  }
  const isDone = () =>
    channels.every((channel) => {
      const states = standing(slack.channel(channel));
      return states.length === perKill && states.every((state) => state === 'answered, 1 reply');
    });
  await waitFor('every request is answered', isDone, { timeoutMs: 60_000, everyMs: 200 }).catch(() => undefined);
  const states = channels.flatMap((channel) => standing(slack.channel(channel)));
  const figures = {
    kills,
    requests: kills * perKill,
    answered: states.filter((state) => state === 'answered, 1 reply').length,
    roots: states.length,
    notWhole: states.filter((state) => state !== 'answered, 1 reply'),
    postedTwice: postedTwice(slack).length,
    seconds: Math.round((performance.now() - startedAt) / 1000),
  };
  process.stderr.write(`${JSON.stringify(figures)}\n`);
  expect(figures).toMatchObject({ answered: 300, roots: 300, notWhole: [], postedTwice: 0 });
}, 300_000);

test('SIGTERM while a look hangs for longer: it is handed back within 10 s with exit code 0, and another worker answers', async () => {
  const { slack, ann, channel, config } = conversation;
  const prod = config.kubernetes.clusters.prod;
  if (prod === undefined) throw new Error('there is no prod in the config');
  writeConfig(conversation.configPath, {
    ...config,
    kubernetes: { clusters: { prod: { ...prod, requestTimeout: 30_000 } } },
  });
  const first = await conversation.worker();
  stage.kubernetes.fault({ resource: 'pods', kind: 'hang', times: 1 });
  await slack.slash(ann.id, channel, `/oom why ${recordedPods.unaware}`);
  await waitFor('the API is asked', () => stage.kubernetes.requests().length > 0);
  const askedAt = performance.now();
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  const tookMs = performance.now() - askedAt;
  expect(tookMs).toBeLessThan(10_000);
  expect(loggedBy(first).at(-1)).toMatchObject({ event: 'stopped', running: 'handed back' });
  await conversation.worker();
  await waitFor('the answer', () => standing(slack.channel(channel))[0] === 'answered, 2 replies', {
    timeoutMs: 15_000,
  });
  expect(slack.channel(channel)).toHaveLength(1);
  expect(postedTwice(slack)).toEqual([]);
  process.stderr.write(`handed back after ${Math.round(tookMs)} ms\n`);
}, 60_000);

test('SIGTERM while Slack hangs and while it limits for minutes: the process ends within 10 s, another worker answers', async () => {
  const { slack, ann } = conversation;
  const [hung = '', limited = ''] = roomsFor(2);
  const first = await conversation.worker();
  slack.fault({ method: 'chat.postMessage', channel: hung, kind: 'hang' });
  slack.fault({ method: 'chat.postMessage', channel: limited, kind: 'rate_limited', retryAfterSeconds: 20 });
  for (const channel of [hung, limited]) await slack.slash(ann.id, channel, size);
  await waitFor('both are under way', () =>
    [hung, limited].every((channel) =>
      slack.calls().some((call) => call.channel === channel && call.method === 'chat.postMessage'),
    ),
  );
  const askedAt = performance.now();
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(10_000);
  await conversation.worker();
  const states = () => [hung, limited].map((channel) => standing(slack.channel(channel)));
  await waitFor('both answers', () => states().every(([state]) => state === 'answered, 1 reply'), {
    timeoutMs: 40_000,
  });
  expect(states()).toEqual([['answered, 1 reply'], ['answered, 1 reply']]);
  expect(postedTwice(slack)).toEqual([]);
}, 90_000);

test('a post that Slack never answers is made once, after the deadline of the call', async () => {
  const { slack, ann, channel } = conversation;
  const [other = ''] = roomsFor(1);
  await conversation.worker();
  slack.fault({ method: 'chat.postMessage', channel, kind: 'hang' });
  await slack.slash(ann.id, channel, size);
  await slack.slash(ann.id, other, size);
  await waitFor('the other channel has its answer', () => standing(slack.channel(other))[0] === 'answered, 1 reply');
  expect(slack.channel(channel)).toEqual([]);
  await waitFor('the answer', () => standing(slack.channel(channel))[0] === 'answered, 1 reply', { timeoutMs: 20_000 });
  expect(postedTwice(slack)).toEqual([]);
}, 60_000);

test('SIGTERM ends a process whose Redis is down within three seconds, with exit code 0', async () => {
  const own = await startRedis({ own: true });
  writeConfig(conversation.configPath, { ...conversation.config, redis: { url: own.url, prefix: 'down' } });
  const both = await conversation.both();
  await own.kill();
  const askedAt = performance.now();
  expect(await both.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(3000);
  await own.stop();
}, 20_000);
