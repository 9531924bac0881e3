import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { verifyAudit } from '../../src/audit.ts';
import { isEnded } from '../../src/change-record.ts';
import { connectChanges } from '../../src/redis/change-client.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, type SpareEtcdMember, startEtcd } from '../support/etcd.ts';
import { postedTwice } from '../support/posts-made.ts';
import { makeFolder, type RunningProcess, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { loggedBy, startShortWorker, writeConfig } from '../support/worker-process.ts';

let redis: RedisServer;
let etcd: EtcdTestCluster;
let spare: SpareEtcdMember;
let folder: string;
let conversation: Conversation;
let configPath: string;
let worker: RunningProcess;
let kills = 0;

/** The bot runs here; each worker is a process that is killed with SIGKILL as soon as it has finished a step. */
beforeAll(async () => {
  folder = makeFolder('quorum-change');
  [redis, etcd] = await Promise.all([startRedis({ appendonly: true, own: true }), startEtcd({ own: true })]);
  spare = await etcd.prepareSpare('etcd-4');
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd },
    halves: ['bot'],
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
  });
  configPath = join(folder, 'quorum.yaml');
  writeConfig(configPath, conversation.config);
  worker = await nextWorker();
}, 30_000);

afterAll(async () => {
  await worker.kill();
  await conversation.stop();
  await Promise.all([redis.stop(), etcd.stop()]);
  removeFolder(folder);
});

async function nextWorker(): Promise<RunningProcess> {
  return await startShortWorker(configPath, { lockMs: 1000, stalledCheckMs: 250 });
}

const stepsDone = (running: RunningProcess) => loggedBy(running).filter(({ event }) => event === 'step done').length;

test('a member joins although the worker is killed after every step: added once, promoted once, told once', async () => {
  const { slack, channel, ann, bob } = conversation;
  const changes = connectChanges(
    { url: redis.url, prefix: redis.prefix },
    () => {},
    () => {},
  );
  // The server refuses new members until all have been connected for five seconds: asked for again until the checks pass.
  const asked = await waitFor(
    'an approval to give',
    async () => {
      await slack.slash(ann.id, channel, `/etcd add etcd-4 ${spare.peerUrl}`);
      const told = await waitFor('an answer', () =>
        slack.channel(channel).find(({ ts, replies }) => Number(ts) > lastSeen && replies.length > 0),
      );
      lastSeen = Number(told.ts);
      const [record] = await changes.open();
      return record !== undefined && { thread: told, record };
    },
    { timeoutMs: 15_000, everyMs: 700 },
  );
  const buttons = asked.thread.replies.find(({ blocks }) => JSON.stringify(blocks).includes('change-approve'));
  await slack.click(bob.id, channel, buttons?.ts ?? '', 'change-approve', asked.record.id);

  let isStarted = false;
  await waitFor(
    'the end of the change',
    async () => {
      if (stepsDone(worker) > 0) {
        await worker.kill();
        kills++;
        worker = await nextWorker();
      }
      const record = await changes.read(asked.record.id);
      if (!isStarted && record?.steps[0]?.state === 'done') {
        isStarted = true;
        await spare.join([...etcd.members, spare]);
      }
      return record !== undefined && isEnded(record);
    },
    { timeoutMs: 90_000, everyMs: 50 },
  ).catch(async (error: Error) => {
    const left = await changes.read(asked.record.id);
    throw new Error(
      `${error.message}\n${JSON.stringify(left?.steps, null, 1)}\n${left?.state} after ${kills} kills\n${worker.log()}`,
    );
  });
  const record = await changes.read(asked.record.id);
  expect([record?.state, record?.ending]).toEqual(['done', record?.ending]);
  expect(kills).toBeGreaterThanOrEqual(5);

  const thread = await waitFor('the end in the thread', () => {
    const found = slack.thread(channel, asked.thread.ts);
    return found.replies.some(({ text }) => text.startsWith('<@U0ANN> Done')) && found;
  });
  const { members } = JSON.parse((await etcd.etcdctl(['member', 'list', '-w', 'json'])).stdout);
  expect(members.map(({ name }: { name: string }) => name).sort()).toEqual(['etcd-1', 'etcd-2', 'etcd-3', 'etcd-4']);
  expect(members.some(({ isLearner }: { isLearner?: boolean }) => isLearner === true)).toBe(false);
  expect(thread.replies.filter(({ text }) => text.startsWith('<@U0ANN> Done'))).toHaveLength(1);
  expect(postedTwice(slack)).toEqual([]);
  const entries: string[] = [];
  for await (const page of changes.audit())
    entries.push(
      ...page
        .map((text) => JSON.parse(text))
        .filter(({ changeId }) => changeId === record?.id)
        .map(({ action, details }) => (action === 'step' ? details.step : action)),
    );
  expect(entries).toEqual([
    'requested',
    'approved',
    'started',
    ...(record?.steps.map(({ title }) => title) ?? []),
    'done',
  ]);
  expect((await verifyAudit(changes.audit())).kind).toBe('whole');
  await changes.close();
}, 120_000);

let lastSeen = 0;
