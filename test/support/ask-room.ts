import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oomAsk } from '../../jobs/oom/ask.ts';
import type { Context, Proposal } from '../../src/job.ts';
import type { AskPlan } from '../../src/kubernetes/ask/plan.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { type JvmContainer, type JvmContainerOptions, openJvmContainer } from './jvm-container.ts';
import { type KubernetesApi, type KubernetesOptions, startKubernetes } from './kubernetes/api.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { type DrivenChange, driveChange } from './step-driver.ts';
import { contextOf } from './why.ts';

const mebi = 1024 ** 2;

export type AskPodOptions = {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly container?: Readonly<Record<string, unknown>>;
  readonly state?: Readonly<Record<string, unknown>>;
  readonly uid?: string;
};

/** A pod that runs a JVM in 512 MiB. */
export function askPod({ spec, container, state, uid = 'uid-orders-1' }: AskPodOptions = {}): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'orders-1', namespace: 'shop', uid },
    spec: {
      nodeName: 'node-1',
      containers: [
        {
          name: 'app',
          image: 'eclipse-temurin:17.0.15_6-jdk',
          command: ['java', '-Xmx64m', '-jar', '/app.jar'],
          env: [{ name: 'DB_PASSWORD', value: 'correct-horse-battery' }],
          resources: { limits: { memory: '512Mi' }, requests: { memory: '512Mi' } },
          ...container,
        },
      ],
      ...spec,
    },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'app',
          ready: true,
          restartCount: 0,
          state: state ?? { running: { startedAt: '2026-11-03T09:00:00Z' } },
        },
      ],
    },
  };
}

export type AskRoom = {
  readonly api: KubernetesApi;
  readonly cluster: KubernetesCluster;
  readonly jvm: JvmContainer;
  context(more?: Partial<Context>): Context;
  propose(input?: Partial<Parameters<typeof oomAsk.propose>[0]>, more?: Partial<Context>): Promise<Proposal<AskPlan>>;
  /** Proposes, and is ready to carry it out. */
  asked(input?: Partial<Parameters<typeof oomAsk.propose>[0]>): Promise<DrivenChange>;
  stop(): Promise<void>;
};

export async function openAskRoom(
  options: KubernetesOptions & {
    readonly jvm?: JvmContainerOptions;
    readonly pod?: AskPodOptions;
    readonly allowExec?: boolean;
    readonly user?: string;
    readonly workingSetBytes?: number | null;
  } = {},
): Promise<AskRoom> {
  const { jvm: kind = {}, pod, allowExec = true, user, workingSetBytes = 120 * mebi, ...server } = options;
  const folder = await mkdtemp(join(tmpdir(), 'quorum-ask-'));
  const api = await startKubernetes({ ...server, objects: [askPod(pod), ...(server.objects ?? [])] });
  const jvm = openJvmContainer(kind);
  api.setExec(jvm.answers);
  if (workingSetBytes !== null)
    api.setMetrics('shop', 'orders-1', { app: { cpu: '10m', memory: String(workingSetBytes) } });
  const kubeconfig = join(folder, 'kubeconfig');
  await api.writeKubeconfig(kubeconfig, user);
  const cluster = await connectKubernetes({ name: 'prod', kubeconfig, namespaces: ['shop'], allowExec });
  const context = (more: Partial<Context> = {}) => contextOf(cluster, more);
  const propose: AskRoom['propose'] = async (input = {}, more = {}) =>
    await oomAsk.propose(
      { cluster: 'prod', pod: 'orders-1', namespace: 'shop', container: null, threads: false, ...input },
      context(more),
    );
  return {
    api,
    cluster,
    jvm,
    context,
    propose,
    asked: async (input) => driveChange(oomAsk, (await propose(input)).plan, context().clients),
    async stop() {
      await cluster.close();
      await api.stop();
      jvm.remove();
      await rm(folder, { recursive: true });
    },
  };
}
