import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { demoQuotaBytes, prepareStore } from '../../demo/store.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { makeFolder, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { snapshotsTo, withSnapshots } from '../support/snapshots.ts';

/** Each wait is a second or three; a busy machine takes its time. */
const patienceMs = 60_000;
jest.setTimeout(120_000);

let folder: string;
let redis: RedisServer;
let etcd: EtcdTestCluster;
let talk: Conversation;

beforeAll(async () => {
  folder = makeFolder('quorum-store');
  [redis, etcd] = await Promise.all([
    startRedis({ appendonly: true, own: true }),
    startEtcd({ own: true, quotaBytes: demoQuotaBytes }),
  ]);
  talk = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd },
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
    configure: (config) => {
      const { prod } = withSnapshots(config, 'prod', snapshotsTo(join(folder, 'snapshots'))).etcd.clusters;
      if (prod === undefined) throw new Error('there is a cluster prod');
      // Here it is not measured how soon a busy machine answers.
      return { ...config, etcd: { clusters: { prod: { ...prod, requestTimeout: 5000 } } } };
    },
  });
});

afterAll(async () => {
  await talk?.stop();
  await Promise.all([redis?.stop(), etcd?.stop()]);
  removeFolder(folder);
});

test('the quota incident: one button fills the store, health names the way out, Bob approves, and it takes writes', async () => {
  const store = prepareStore(etcd);
  const fill = store.acts.find(({ id }) => id === 'fill');
  if (fill === undefined || !('run' in fill)) throw new Error('there is a button that fills the store');
  try {
    expect(store.state()).toEqual({ mood: 'on', text: 'takes writes' });
    await fill.run();
    expect(store.state()).toMatchObject({ mood: 'bad', text: 'full' });
    expect(store.state().says).toContain('mvcc: database space exceeded');

    const health = await talk.ask('/etcd health');
    const said = talk.slack.threadText(talk.channel, health.ts);
    expect(said).toContain('no space, reads and deletes only (NOSPACE on');
    expect(said).toContain('/etcd recover-space');

    const before = talk.slack.channel(talk.channel).at(-1)?.ts;
    await talk.slack.slash(talk.ann.id, talk.channel, '/etcd recover-space');
    const newest = () => talk.slack.channel(talk.channel).at(-1);
    const read = () => talk.slack.threadText(talk.channel, newest()?.ts ?? '');
    await waitFor('the plan', () => newest()?.ts !== before && read().includes('[Approve]'), { timeoutMs: patienceMs });
    expect(read()).toContain('recover the space of prod: take a snapshot, drop all of the history');
    const replies = talk.slack.thread(talk.channel, newest()?.ts ?? '').replies;
    const message = replies.find(({ blocks }) => JSON.stringify(blocks).includes('change-approve'));
    const [, id = ''] = /"action_id":"change-approve".*?"value":"([^"]+)"/.exec(JSON.stringify(message?.blocks)) ?? [];
    await talk.slack.click(talk.bob.id, talk.channel, message?.ts ?? '', 'change-approve', id);

    await waitFor('the end', () => /@ann Done: recover the space/.test(read()), { timeoutMs: patienceMs });
    expect(read()).toMatch(/prod takes writes again: \d+(\.\d)? MiB before, \d+(\.\d)? (KiB|MiB) now of 32 MiB/);
    const alarms = await talk.ask('/etcd alarms');
    expect(talk.slack.threadText(talk.channel, alarms.ts)).toContain('prod: no alarm is on');
    await waitFor('the store to say so', () => store.state().text === 'takes writes again', { timeoutMs: patienceMs });
  } finally {
    await store.stop();
  }
});
