import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { standing } from '../support/posts-made.ts';
import { waitFor } from '../support/process.ts';
import { writeConfig } from '../support/worker-process.ts';
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

test('a worker that stood still past its locks, in the middle of posts and of a look, changes nothing when it goes on', async () => {
  const { slack, config } = conversation;
  const prod = config.kubernetes.clusters.prod;
  if (prod === undefined) throw new Error('there is no prod in the config');
  writeConfig(conversation.configPath, {
    ...config,
    kubernetes: { clusters: { prod: { ...prod, requestTimeout: 1500 } } },
  });
  const sleeper = await conversation.shortWorker();
  const rooms = {
    looking: conversation.addRoom('looking'),
    beforeTheRoot: conversation.addRoom('before-the-root'),
    beforeTheEdit: conversation.addRoom('before-the-edit'),
  };
  // The calls that the sleeper has sent are carried out while it sleeps and after it was replaced.
  slack.fault({ method: 'chat.postMessage', channel: rooms.beforeTheRoot, kind: 'slow', ms: 1000 });
  slack.fault({ method: 'chat.update', channel: rooms.beforeTheEdit, kind: 'slow', ms: 1000 });
  const isPending = (method: string, channel: string) => conversation.failed(method, channel, 'pending');
  await conversation.looksInVain(rooms.looking);
  await Promise.all([conversation.types(rooms.beforeTheRoot, size), conversation.types(rooms.beforeTheEdit, size)]);
  await waitFor('three requests are under way', () => {
    return isPending('chat.postMessage', rooms.beforeTheRoot) && isPending('chat.update', rooms.beforeTheEdit);
  });
  sleeper.pause();
  const other = await conversation.shortWorker();
  await waitFor('the other worker has answered all', () => answersOf(other) >= 3, { timeoutMs: 10_000 });
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
