import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { verifyAudit } from '../../src/audit.ts';
import { isEnded } from '../../src/change-record.ts';
import { connectChanges } from '../../src/redis/change-client.ts';
import { startConversation } from '../support/conversation.ts';
import { startKubernetes } from '../support/kubernetes/api.ts';
import { runControllers } from '../support/kubernetes/controllers.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { postedTwice } from '../support/posts-made.ts';
import { makeFolder, type RunningProcess, removeFolder, waitFor } from '../support/process.ts';
import { startRedis } from '../support/redis.ts';
import { shortTimes, startShortWorker, writeConfig } from '../support/worker-process.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test('a worker that is killed between the patch and its answer has patched once, and another one tells the end', async () => {
  const folder = makeFolder('quorum-fix-killed');
  ends.push(() => removeFolder(folder));
  const redis = await startRedis({ appendonly: true, own: true });
  ends.push(() => redis.stop());
  const api = await startKubernetes(loadRecorded({ now: new Date() }));
  ends.push(() => api.stop());
  const controllers = runControllers(api);
  ends.push(() => controllers.stop());
  const kubeconfig = join(folder, 'kubeconfig');
  await api.writeKubeconfig(kubeconfig);
  const talk = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    kubeconfigs: { prod: kubeconfig },
    allowFixes: true,
    halves: ['bot'],
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
  });
  ends.push(() => talk.stop());
  const { url, prefix } = talk.config.redis;
  const quiet = () => {};
  const changes = connectChanges({ url, prefix }, quiet, quiet);
  ends.push(() => changes.close());
  const configPath = join(folder, 'quorum.yaml');
  writeConfig(configPath, talk.config);
  let worker: RunningProcess = await startShortWorker(configPath, shortTimes);
  ends.push(() => worker.kill());

  // The API server has carried the patch out, and has not answered yet.
  let killed: number | undefined;
  const stopListening = api.onWrite(({ kind, metadata }) => {
    if (killed !== undefined || kind !== 'Deployment' || metadata.name !== 'checkout') return;
    killed = worker.pid;
    process.kill(worker.pid, 'SIGKILL');
  });
  ends.push(stopListening);

  await talk.slack.slash('U0ANN', talk.channel, '/oom fix shop/deploy/checkout');
  const asked = await waitFor(
    'the buttons',
    () =>
      talk.slack
        .channel(talk.channel)
        .flatMap(({ replies }) => replies)
        .find(({ blocks }) => JSON.stringify(blocks).includes('change-approve')),
    { timeoutMs: 30_000 },
  );
  const [proposed] = await changes.recent(1);
  const id = proposed?.id ?? '';
  await talk.slack.click('U0BOB', talk.channel, asked.ts, 'change-approve', id);
  await waitFor('the kill', () => killed !== undefined, { timeoutMs: 30_000 });
  worker = await startShortWorker(configPath, shortTimes);

  const record = await waitFor(
    'the end',
    async () => {
      const known = await changes.read(id);
      return known !== undefined && isEnded(known) && known.toldAt !== undefined && known;
    },
    { timeoutMs: 60_000 },
  );
  expect([record.state, record.ending]).toEqual([
    'done',
    'The new pods of shop/deploy/checkout run with -Xmx292m -XX:MaxDirectMemorySize=16m -XX:+ExitOnOutOfMemoryError: a heap of at most 292 MiB in 512 MiB.',
  ]);
  const patches = api.requests().filter(({ method, query }) => method === 'PATCH' && query.dryRun === undefined);
  expect(patches.map(({ path }) => path)).toEqual(['/apis/apps/v1/namespaces/shop/deployments/checkout']);
  expect(api.get('Deployment', 'shop', 'checkout').metadata.generation).toBe(3);
  expect(postedTwice(talk.slack)).toEqual([]);
  expect((await verifyAudit(changes.audit())).kind).toBe('whole');
}, 150_000);
