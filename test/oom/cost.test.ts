import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { memoryKills } from '../support/memory-kills.ts';
import { answerOf, askedQuestions, podOf, type Question, questionPods } from '../support/questions.ts';
import { now } from '../support/why.ts';

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;
let configured: KubernetesCluster;

/** A pod whose flags may stand everywhere, and of which nothing is known from its image. */
const scattered = podOf(
  'scattered-5f6d8c9b7-p2x4k',
  { kind: 'ReplicaSet', name: 'scattered-5f6d8c9b7' },
  {
    image: 'registry.example/shop/app:latest',
    command: ['sh', '-c', 'java $JAVA_OPTS -jar app.jar'],
    env: [
      { name: 'JAVA_OPTS', valueFrom: { configMapKeyRef: { name: 'one', key: 'a' } } },
      { name: 'JDK_JAVA_OPTIONS', valueFrom: { configMapKeyRef: { name: 'two', key: 'a' } } },
      { name: 'JAVA_TOOL_OPTIONS', valueFrom: { secretKeyRef: { name: 'keys', key: 'a' } } },
    ],
    envFrom: [
      { configMapRef: { name: 'jvm-flags' } },
      { configMapRef: { name: 'gone' } },
      { secretRef: { name: 'all' } },
    ],
  },
);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-cost-'));
  const recorded = loadRecorded({ now });
  // Small pages: a cluster of twelve pods is a large one.
  api = await startKubernetes({
    ...recorded,
    objects: [...recorded.objects, ...questionPods, scattered],
    now: () => now,
    pageSize: 2,
  });
  await api.writeKubeconfig(join(folder, 'admin'));
  const kubeconfig = join(folder, 'admin');
  cluster = await connectKubernetes({ name: 'prod', kubeconfig, namespaces: [] });
  configured = await connectKubernetes({ name: 'prod', kubeconfig, namespaces: ['default', 'jobs', 'shop'] });
});
afterAll(async () => {
  await Promise.all([cluster.close(), configured.close()]);
  await api.stop();
  await rm(folder, { recursive: true });
});

const questions: Question[] = [
  ...askedQuestions([]),
  { pod: 'shop/scattered-5f6d8c9b7-p2x4k' },
  { pod: 'scattered-5f6d8c9b7-p2x4k' },
  { pod: 'scattered-5f6d8c9b7-p2x4k', namespace: 'shop' },
  { pod: 'cart' },
  { pod: 'cart', namespace: 'shop' },
  { pod: 'no-such-pod' },
  { pod: 'no-such-pod', namespace: 'shop' },
  { pod: 'no-such-pod', namespace: 'empty' },
  { pod: 'search-0' },
  { pod: 'deploy/chekout' },
];

test('no question costs more than 6 API requests where the namespace is given and 8 otherwise, and none lists pods without end', async () => {
  for (const on of [cluster, configured])
    for (const question of questions) {
      const before = api.requests().length;
      await answerOf(on, question, { kills: memoryKills() });
      const asked = api.requests().slice(before);
      const isGiven = question.namespace !== undefined || /^shop\/(?!deploy)/.test(question.pod ?? '');
      expect([question, asked.length <= (isGiven ? 6 : 8)]).toEqual([question, true]);
      const lists = asked.filter(({ path }) => /\/(?:pods|events|\w+sets|deployments|jobs)$/.test(path));
      expect(lists.filter(({ query }) => query.limit === undefined)).toEqual([]);
      const selected = ({ query }: { query: Readonly<Record<string, string>> }) =>
        query.fieldSelector !== undefined || query.labelSelector !== undefined;
      // Whole pages are read for a beginning and for /oom list alone: at most two, and as many as the budget has.
      const pages = lists.filter((request) => !selected(request) && request.path.endsWith('/pods'));
      expect([question, pages.length <= (question.pod === undefined ? 8 : 2)]).toEqual([question, true]);
    }
});

test('flags in config maps come before the events, and the replicas are told all the same', async () => {
  const before = api.requests().length;
  const { report } = await answerOf(cluster, { pod: 'shop/flags-5f6d8c9b7-p2x4k' });
  const asked = api.requests().slice(before);
  expect(asked.map(({ path }) => path.replace(/^.*(?:namespaces\/shop|v1)\//, '')).sort()).toEqual([
    'configmaps/jvm-flags',
    'nodes/node-1',
    'pods/flags-5f6d8c9b7-p2x4k',
    'pods/flags-5f6d8c9b7-p2x4k/log',
    'pods/flags-5f6d8c9b7-p2x4k/log',
    'replicasets/flags-5f6d8c9b7',
  ]);
  expect(report?.data).toMatchObject({ heap: { maxHeapBytes: 314_572_800 } });
});
