import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { postedTwice, standing } from '../support/posts-made.ts';
import { makeFolder, type RunningProcess, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { loggedBy, startQuorum, startShortWorker, writeConfig } from '../support/worker-process.ts';

const size = '/oom size --limit 1Gi --jdk 17';
const why = `/oom why ${recordedPods.unaware}`;
/** The executable's own are five times as long; the order of events is the same. */
const shortTimes = { lockMs: 1000, stalledCheckMs: 250 };

let redis: RedisServer;
let kubernetes: KubernetesApi;
let folder: string;
let conversation: Conversation;
let configPath: string;
let conversations = 0;
const workers: RunningProcess[] = [];

beforeAll(async () => {
  folder = makeFolder('quorum-worker-process');
  [redis, kubernetes] = await Promise.all([startRedis(), startKubernetes(loadRecorded({ now: new Date() }))]);
  await kubernetes.writeKubeconfig(join(folder, 'kubeconfig'));
}, 30_000);

/** The bot in this process; its workers are processes of their own. */
beforeEach(async () => {
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: `${redis.prefix}-${conversations++}`,
    kubeconfigs: { prod: join(folder, 'kubeconfig') },
    halves: ['bot'],
  });
  configPath = join(folder, `quorum-${conversations}.yaml`);
  writeConfig(configPath, conversation.config);
});

afterEach(async () => {
  kubernetes.clearFaults();
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await conversation.stop();
});

afterAll(async () => {
  await Promise.all([redis.stop(), kubernetes.stop()]);
  removeFolder(folder);
});

async function shortWorker(): Promise<RunningProcess> {
  const worker = await startShortWorker(configPath, shortTimes);
  workers.push(worker);
  return worker;
}

async function worker(): Promise<RunningProcess> {
  const started = await startQuorum('worker', configPath);
  workers.push(started);
  return started;
}

function room(name: string): string {
  const { slack, ann } = conversation;
  return slack.addChannel({ name, members: [ann.id], botIsMember: true }).id;
}

async function ask(channel: string, line: string): Promise<void> {
  const { slack, ann } = conversation;
  const { status, shown } = await slack.slash(ann.id, channel, line);
  expect([status, shown]).toEqual(['ok', null]);
}

/** Back when the root says "asked" and the Kubernetes API has been asked, which does not answer. */
async function lookThatHangs(channel: string): Promise<void> {
  const before = kubernetes.requests().length;
  kubernetes.fault({ resource: 'pods', kind: 'hang', times: 1 });
  await ask(channel, why);
  await waitFor('the Kubernetes API is asked', () => {
    return kubernetes.requests().length > before && conversation.slack.channel(channel).length === 1;
  });
}

function failed(method: string, channel: string, error: string): boolean {
  return conversation.slack
    .calls()
    .some((call) => call.method === method && call.channel === channel && call.error === error);
}

function answers(running: RunningProcess): number {
  return loggedBy(running).filter(({ event }) => event === 'answered').length;
}

test('a worker that is killed at six points of six requests loses none of them and posts nothing twice', async () => {
  const { slack } = conversation;
  const first = await shortWorker();
  const rooms = {
    looking: room('looking'),
    beforeTheRoot: room('before-the-root'),
    rootUnknown: room('root-unknown'),
    beforeTheEdit: room('before-the-edit'),
    beforeTheDetails: room('before-the-details'),
    detailsUnknown: room('details-unknown'),
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

  for (const [name, channel] of Object.entries(rooms)) if (name !== 'looking') await ask(channel, size);
  await waitFor('five requests hang where they should', () => {
    return (
      failed(post, rooms.beforeTheRoot, 'hang') &&
      failed('conversations.history', rooms.rootUnknown, 'hang') &&
      failed('chat.update', rooms.beforeTheEdit, 'hang') &&
      failed(post, rooms.beforeTheDetails, 'hang') &&
      failed('conversations.replies', rooms.detailsUnknown, 'hang')
    );
  });
  await lookThatHangs(rooms.looking);
  await first.kill();
  expect(answers(first)).toBe(0);
  expect(Object.values(rooms).map((channel) => standing(slack.channel(channel)))).toEqual([
    ['asked, 0 replies'],
    [],
    ['asked, 0 replies'],
    ['asked, 0 replies'],
    ['answered, 0 replies'],
    ['answered, 1 reply'],
  ]);

  const second = await shortWorker();
  await waitFor('the second worker has answered all', () => answers(second) >= 6, { timeoutMs: 10_000 });
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
  await Promise.all([worker(), worker()]);
  const rooms = Array.from({ length: 20 }, (_, index) => room(`room-${index}`));
  await Promise.all(Array.from({ length: 100 }, (_, index) => ask(rooms[index % 20] ?? '', size)));
  await waitFor('100 answers', () => workers.reduce((sum, each) => sum + answers(each), 0) >= 100, {
    timeoutMs: 15_000,
  });
  const each = workers.map(answers);
  expect([each[0] === 0, each[1] === 0, (each[0] ?? 0) + (each[1] ?? 0)]).toEqual([false, false, 100]);
  expect(rooms.map((channel) => standing(slack.channel(channel)))).toEqual(
    rooms.map(() => Array(5).fill('answered, 1 reply')),
  );
  expect(postedTwice(slack)).toEqual([]);
}, 30_000);

test('a request that has ended eleven workers is not tried again, and is said to have failed', async () => {
  const { slack, channel, config } = conversation;
  await ask(channel, size);
  const client = new Redis(redis.url);
  const [key = ''] = await client.keys(`${config.redis.prefix}:tickets:ticket-*`);
  await client.hset(key, 'stc', 11);
  client.disconnect();
  await shortWorker();
  const [thread] = await slack.waitFor(() => slack.channel(channel).length === 1 && slack.channel(channel));
  expect(thread?.text).toMatch(
    /^Failed, id ticket-[0-9a-f]{20}: a fault in Quorum, not an answer about your systems\.$/,
  );
});

test('SIGTERM lets what runs be finished and ends the process with exit code 0', async () => {
  const { slack, channel } = conversation;
  const only = await worker();
  slack.fault({ method: 'chat.postMessage', channel, kind: 'slow', ms: 300 });
  await ask(channel, size);
  await waitFor('the answer is under way', () => failed('chat.postMessage', channel, 'pending'));
  const askedAt = performance.now();
  expect(await only.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(5000);
  expect(standing(slack.channel(channel))).toEqual(['answered, 1 reply']);
  expect(loggedBy(only).at(-1)).toMatchObject({ event: 'stopped', running: 'finished' });
}, 20_000);

test('a signed request on which Bolt itself stumbles does not end the process', async () => {
  const { slack, channel, config } = conversation;
  if (config.slack === undefined) throw new Error('there is no slack in the config');
  writeConfig(configPath, { ...config, slack: { ...config.slack, mode: 'http' } });
  const both = await startQuorum('start', configPath);
  workers.push(both);
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
  await ask(channel, size);
  await waitFor('the answer', () => answers(both) === 1);
  expect(loggedBy(both).filter(({ event, id }) => event === 'fault' && id === 'unhandled')).toHaveLength(2);
}, 20_000);
