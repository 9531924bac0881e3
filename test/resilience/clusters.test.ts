import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { makeFolder, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let etcd: EtcdTestCluster;
let kubernetes: KubernetesApi;
let folder: string;
let conversation: Conversation;

beforeAll(async () => {
  folder = makeFolder('quorum-clusters');
  [redis, etcd, kubernetes] = await Promise.all([
    startRedis(),
    startEtcd({ own: true, members: 1 }),
    startKubernetes(loadRecorded({ now: new Date() })),
  ]);
  const kubeconfig = join(folder, 'kubeconfig');
  await kubernetes.writeKubeconfig(kubeconfig);
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd },
    kubeconfigs: { prod: kubeconfig },
  });
}, 30_000);

afterAll(async () => {
  await conversation.stop();
  await Promise.all([redis.stop(), etcd.stop(), kubernetes.stop()]);
  removeFolder(folder);
});

test('an etcd and a Kubernetes API that hang delay no ack and no other answer, and are said to hang', async () => {
  const { slack, ann, channel, logged } = conversation;
  for (const member of etcd.members) member.pause();
  kubernetes.fault({ kind: 'hang', times: Number.POSITIVE_INFINITY });
  const lines = [
    ...Array.from({ length: 10 }, () => '/etcd health'),
    ...Array.from({ length: 10 }, () => `/oom why ${recordedPods.unaware}`),
    '/oom size --limit 1Gi --jdk 17',
  ];
  const acks = await Promise.all(lines.map((line) => slack.slash(ann.id, channel, line)));
  expect(acks.map(({ status, shown }) => [status, shown])).toEqual(lines.map(() => ['ok', null]));
  expect(Math.max(...acks.map(({ tookMs }) => tookMs))).toBeLessThan(1500);

  const answers = () => logged.filter(({ event }) => event === 'answered');
  await waitFor('all answers', () => answers().length === 21, { timeoutMs: 12_000 });
  // What asks nobody does not wait for those that do.
  const order = answers().map(({ command }) => command);
  expect(order.indexOf('oom size')).toBeLessThan(order.indexOf('oom why'));
  const roots = slack.channel(channel).map(({ text }) => text);
  expect(roots.filter((text) => text.startsWith('prod: '))).toEqual(
    // A connection that was open hangs; one that is made now is not answered.
    Array.from({ length: 10 }, () => expect.stringMatching(/hung|no answer to the connection/)),
  );
  expect(roots.filter((text) => text.startsWith('The Kubernetes API of prod did not answer within 3 s'))).toHaveLength(
    10,
  );
  for (const member of etcd.members) member.resume();
  kubernetes.clearFaults();
  expect((await conversation.ask('/etcd health')).text).toContain('1 of 1 healthy');
}, 25_000);
