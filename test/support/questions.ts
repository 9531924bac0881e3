import { oomList } from '../../jobs/oom/list.ts';
import type { Context } from '../../src/job.ts';
import type { KubernetesCluster } from '../../src/kubernetes/client.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Report } from '../../src/report/report.ts';
import { recordedPods } from './kubernetes/recorded.ts';
import { askWhy, contextOf } from './why.ts';

/** A question as it is typed: `/oom why` of a pod, `/oom list` without one. */
export type Question = { readonly pod?: string; readonly namespace?: string };

/** A pod of a DaemonSet, and one whose flags stand in a config map; both were OOM-killed. */
export const questionPods = [
  podOf('agent-x7k2p', { kind: 'DaemonSet', name: 'agent' }, { env: [] }),
  podOf(
    'flags-5f6d8c9b7-p2x4k',
    { kind: 'ReplicaSet', name: 'flags-5f6d8c9b7' },
    {
      envFrom: [{ configMapRef: { name: 'jvm-flags' } }],
    },
  ),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'shop', name: 'jvm-flags' },
    data: { JAVA_TOOL_OPTIONS: '-Xmx300m' },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { namespace: 'shop', name: 'agent' },
    spec: { selector: { matchLabels: { app: 'agent-x7k2p' } } },
    status: { desiredNumberScheduled: 2, numberReady: 1 },
  },
];

/** A running pod in `shop` that was OOM-killed two minutes ago. */
export function podOf(name: string, owner: { kind: string; name: string }, container: Record<string, unknown>) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'shop',
      name,
      labels: { app: name },
      ownerReferences: [{ apiVersion: 'apps/v1', uid: name, controller: true, ...owner }],
    },
    spec: {
      nodeName: 'node-1',
      containers: [
        {
          name: 'app',
          image: 'eclipse-temurin:17.0.12_7-jre',
          command: ['java', '-jar', 'a.jar'],
          resources: { limits: { memory: '512Mi' } },
          ...container,
        },
      ],
    },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'app',
          restartCount: 1,
          state: { running: { startedAt: '2026-11-03T09:59:00Z' } },
          lastState: {
            terminated: {
              containerID: 'docker://1',
              reason: 'OOMKilled',
              exitCode: 137,
              startedAt: '2026-11-03T09:00:00Z',
              finishedAt: '2026-11-03T09:58:00Z',
            },
          },
        },
      ],
    },
  };
}

/** Every way to name a pod, and both commands. With fewer than all namespaces configured a beginning needs its namespace. */
export function askedQuestions(namespaces: readonly string[]): Question[] {
  const job = 'job/nightly-report-1793671200';
  const isJobsSeen = namespaces.length === 0 || namespaces.includes('jobs');
  return [
    { pod: recordedPods.unaware },
    { pod: recordedPods.web },
    { pod: 'checkout-7d9f8b6c54-x2x9k' },
    { pod: 'web-6b8f5d9c7-qv6lt' },
    { pod: 'shop/flags-5f6d8c9b7-p2x4k' },
    { pod: 'shop/cart' },
    { pod: 'shop/search-0' },
    { pod: 'shop/agent-x7k2p' },
    ...['deploy/worker', 'sts/search', 'ds/agent', 'rs/checkout-7d9f8b6c54'].flatMap((pod) => [
      { pod, namespace: 'shop' },
      ...(pod === 'sts/search' && isJobsSeen ? [] : [{ pod }]),
    ]),
    ...(isJobsSeen ? [{ pod: job, namespace: 'jobs' }, { pod: job }, { namespace: 'jobs' }] : []),
    { pod: 'job/none', namespace: 'shop' },
    { pod: 'sts/none' },
    {},
    { namespace: 'shop' },
  ];
}

/** What is said to a question: every claim of the answer with its evidence, or the refusal; and the answer itself. */
export async function answerOf(
  cluster: KubernetesCluster,
  { pod: name, namespace }: Question,
  more: Partial<Context> = {},
): Promise<{ readonly said: readonly string[]; readonly report: Report | undefined }> {
  try {
    const report =
      name === undefined
        ? await oomList.run(
            { cluster: 'prod', namespace: namespace ?? null, sinceMs: 86_400_000 },
            contextOf(cluster, more),
          )
        : await askWhy(cluster, name, namespace === undefined ? {} : { namespace }, more);
    return { said: report.findings.map(({ claim, evidence }) => `${claim} ${evidence}`), report };
  } catch (error) {
    if (error instanceof Refusal) return { said: [error.message], report: undefined };
    throw error;
  }
}

/** Of what was said that which a missing permission costs. */
export function forbiddenIn(said: readonly string[]): string[] {
  return said.filter((text) => text.includes('forbidden'));
}
