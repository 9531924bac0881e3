import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { standing } from '../support/posts-made.ts';
import { makeFolder, type RunningProcess, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { loggedBy, startShortWorker, writeConfig } from '../support/worker-process.ts';

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

test('a worker that stood still past its locks, in the middle of posts and of a look, changes nothing when it goes on', async () => {
  const { slack, config } = conversation;
  const prod = config.kubernetes.clusters.prod;
  if (prod === undefined) throw new Error('there is no prod in the config');
  writeConfig(configPath, { ...config, kubernetes: { clusters: { prod: { ...prod, requestTimeout: 1500 } } } });
  const sleeper = await shortWorker();
  const rooms = {
    looking: room('looking'),
    beforeTheRoot: room('before-the-root'),
    beforeTheEdit: room('before-the-edit'),
  };
  // The calls that the sleeper has sent are carried out while it sleeps and after it was replaced.
  slack.fault({ method: 'chat.postMessage', channel: rooms.beforeTheRoot, kind: 'slow', ms: 1000 });
  slack.fault({ method: 'chat.update', channel: rooms.beforeTheEdit, kind: 'slow', ms: 1000 });
  const isPending = (method: string, channel: string) => failed(method, channel, 'pending');
  await lookThatHangs(rooms.looking);
  await Promise.all([ask(rooms.beforeTheRoot, size), ask(rooms.beforeTheEdit, size)]);
  await waitFor('three requests are under way', () => {
    return isPending('chat.postMessage', rooms.beforeTheRoot) && isPending('chat.update', rooms.beforeTheEdit);
  });
  sleeper.pause();
  const other = await shortWorker();
  await waitFor('the other worker has answered all', () => answers(other) >= 3, { timeoutMs: 10_000 });
  await waitFor('the slow calls have been carried out', () => {
    return !isPending('chat.postMessage', rooms.beforeTheRoot) && !isPending('chat.update', rooms.beforeTheEdit);
  });
  sleeper.resume();
  await waitFor('the sleeper has put all three away', () => {
    return new Set(sleeper.log().match(/Missing lock for job ticket-\w+/g)).size === 3;
  });
  expect(Object.values(rooms).map((channel) => standing(slack.channel(channel)))).toEqual([
    ['answered, 2 replies'],
    ['answered, 1 reply'],
    ['answered, 1 reply'],
  ]);
  expect(Object.values(rooms).map((channel) => slack.channel(channel)[0]?.text)).toEqual([
    expect.stringContaining('OOM-killed'),
    expect.stringContaining('JDK 17 in 1Gi'),
    expect.stringContaining('JDK 17 in 1Gi'),
  ]);
}, 30_000);
