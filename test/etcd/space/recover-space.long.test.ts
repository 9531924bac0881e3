import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { etcdRecoverSpace } from '../../../jobs/etcd/recover-space.ts';
import { connectEtcd } from '../../../src/etcd/client.ts';
import { progressOf } from '../../../src/etcd/space/progress.ts';
import { startConversation } from '../../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../../support/etcd.ts';
import { overwriteUntilRefused } from '../../support/etcd-fill.ts';
import { makeFolder, removeFolder, waitFor } from '../../support/process.ts';
import { startRedis } from '../../support/redis.ts';
import { snapshotsTo, withSnapshots } from '../../support/snapshots.ts';
import { driveChange } from '../../support/step-driver.ts';

const quotaBytes = 8 * 1024 ** 2;
/** Each wait is a second or three; a busy machine takes its time. */
const patienceMs = 90_000;
jest.setTimeout(240_000);

let folder: string;
let etcd: EtcdTestCluster;

beforeAll(async () => {
  folder = makeFolder('quorum-recover-long');
  etcd = await startEtcd({ own: true, quotaBytes });
});
afterAll(async () => {
  await etcd?.stop();
  removeFolder(folder);
});

const alarmsNow = async () => (await etcd.etcdctl(['alarm', 'list'])).stdout.trim();
const sizesNow = async (): Promise<number[]> =>
  JSON.parse((await etcd.etcdctl(['endpoint', 'status', '-w', 'json'])).stdout).map(
    ({ Status }: { Status: { dbSize: number } }) => Status.dbSize,
  );

test('a worker that is killed once in each step before it acts, and before each defragmentation, still recovers it', async () => {
  await overwriteUntilRefused(etcd);
  const cluster = await connectEtcd({
    name: 'prod',
    endpoints: etcd.endpoints,
    tls: etcd.tls,
    quotaBytes,
    requestTimeoutMs: 5000,
  });
  try {
    const clients = {
      etcd: async () => cluster,
      kubernetes: async () => Promise.reject(new Error('There is no Kubernetes cluster `prod`')),
    };
    const context = { clients, now: () => new Date(), signal: new AbortController().signal, progress() {} };
    const { plan } = await etcdRecoverSpace.propose({ cluster: 'prod', snapshot: 'none', care: 'careful' }, context);
    const driven = driveChange(etcdRecoverSpace, plan, clients);
    const killedAt = new Set<string>();
    for (let ended = false; !ended; ) {
      try {
        const outcome = await driven.run({
          async fence() {
            const { compactTo, defragmenting } = progressOf({
              intent: { value: driven.intent, write: async () => undefined },
            });
            const at = JSON.stringify(
              defragmenting?.memberId ?? [compactTo, driven.log.filter((line) => line.endsWith(': done')).length],
            );
            if (killedAt.has(at)) return;
            killedAt.add(at);
            throw new Error('killed');
          },
        });
        expect(outcome).toEqual({ kind: 'done' });
        ended = true;
      } catch (error) {
        if (!(error instanceof Error) || error.message !== 'killed') throw error;
      }
    }
    // A compaction, three defragmentations, the leadership, the alarms, the proving write.
    expect(killedAt.size).toBeGreaterThan(5);
    expect(await alarmsNow()).toBe('');
    expect(Math.max(...(await sizesNow()))).toBeLessThan(quotaBytes / 4);
  } finally {
    cluster.close();
  }
});

test('the bot’s own Redis gone in the middle for five seconds: it goes on where it was, and ends once', async () => {
  await overwriteUntilRefused(etcd);
  const redis = await startRedis({ appendonly: true, own: true });
  const talk = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd },
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
    configure: (config) => {
      const { prod } = withSnapshots(config, 'prod', snapshotsTo(join(folder, 'snapshots'))).etcd.clusters;
      if (prod === undefined) throw new Error('there is a cluster prod');
      return { ...config, etcd: { clusters: { prod: { ...prod, requestTimeout: 5000, quotaBytes } } } };
    },
  });
  try {
    await talk.slack.slash(talk.ann.id, talk.channel, '/etcd recover-space');
    const root = () => talk.slack.channel(talk.channel).at(-1)?.ts ?? '';
    const read = () => talk.slack.threadText(talk.channel, root());
    await waitFor('the plan', () => read().includes('[Approve]'), { timeoutMs: patienceMs });
    const message = talk.slack
      .thread(talk.channel, root())
      .replies.find(({ blocks }) => JSON.stringify(blocks).includes('change-approve'));
    const [, id = ''] = /"action_id":"change-approve".*?"value":"([^"]+)"/.exec(JSON.stringify(message?.blocks)) ?? [];
    await talk.slack.click(talk.bob.id, talk.channel, message?.ts ?? '', 'change-approve', id);
    await waitFor('a step', () => read().includes('[x] Snapshot taken'), { timeoutMs: patienceMs, everyMs: 5 });
    await redis.kill();
    const killedAt = Date.now();
    await waitFor('five seconds', () => Date.now() - killedAt > 5000, { timeoutMs: 10_000 });
    await redis.restart();
    await waitFor('the end', () => read().includes('@ann Done: recover the space'), { timeoutMs: patienceMs });
    expect(read().split('@ann Done: recover the space')).toHaveLength(2);
    expect(await alarmsNow()).toBe('');
    expect(Math.max(...(await sizesNow()))).toBeLessThan(quotaBytes / 4);
  } finally {
    await talk.stop();
    await redis.stop();
  }
});
