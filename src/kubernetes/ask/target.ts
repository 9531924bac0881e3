import { Refusal } from '../../refusal.ts';
import type { KubernetesCluster } from '../cluster.ts';
import { containersOf } from '../containers.ts';
import type { ExecClient } from '../exec.ts';
import { memoryLimit, usageBytes } from '../memory-limit.ts';
import type { Pod } from '../objects.ts';
import type { AskPlan } from './plan.ts';

/** The container that was meant, as it runs now. */
export type AskTarget = {
  readonly pod: Pod;
  /** When it was started: another run of it is another JVM. */
  readonly run: string;
  readonly limitBytes: number | undefined;
  /** Whether the limit counts the other containers too. */
  readonly scope: 'container' | 'pod' | 'none';
  /** Whether processes of other containers, or of the node, can be seen from it. */
  readonly visible: 'own' | 'shared';
};

/** @throws Refusal where a recording answers, or the config does not allow it any more */
export function demandExec(cluster: KubernetesCluster, clusterName: string): ExecClient {
  const { exec } = cluster;
  if (exec === undefined)
    throw new Refusal('A recording has no containers to ask.', 'Ask at a live cluster, without --recorded.');
  if (!exec.allowsExec)
    throw new Refusal(
      `kubernetes.clusters.${clusterName}.allowExec is not set, so Quorum runs nothing in containers here.`,
      'Nothing was run.',
    );
  return exec;
}

/** @throws Refusal where the pod is another one by now, or its container does not run */
export async function readAskTarget(
  cluster: KubernetesCluster,
  { namespace, pod: name, uid, container }: Pick<AskPlan, 'namespace' | 'pod' | 'uid' | 'container'>,
): Promise<AskTarget> {
  const pod = await cluster.getPod(namespace, name);
  if (pod === undefined)
    throw new Refusal(`The pod ${namespace}/${name} is gone.`, 'Ask again with one that there is.');
  if (pod.metadata.uid !== uid)
    throw new Refusal(`The pod ${namespace}/${name} was made anew: it is another one now.`, 'Ask again.');
  const view = containersOf(pod).find((each) => each.name === container);
  const running = view?.status?.state.running;
  if (view === undefined || running === undefined)
    throw new Refusal(
      `Container ${container} of ${namespace}/${name} does not run now.`,
      'Ask again once it runs; `/oom why` tells how it ended.',
    );
  const { limitBytes, scope } = memoryLimit(pod, view.spec, view.status);
  return { pod, run: running.startedAt ?? '', limitBytes, scope, visible: visibleFrom(pod) };
}

export function visibleFrom({ spec }: Pod): AskTarget['visible'] {
  return spec.hostPID || spec.shareProcessNamespace ? 'shared' : 'own';
}

/** The working set by metrics.k8s.io of whatever the limit counts; undefined where it is not told, or only of a part. */
export async function metricsWorkingSet(
  cluster: KubernetesCluster,
  { namespace, pod, container }: Pick<AskPlan, 'namespace' | 'pod' | 'container'>,
  target: AskTarget,
): Promise<number | undefined> {
  const metrics = await cluster.podMetrics(namespace, pod).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
  if (target.scope !== 'pod') return usageBytes(metrics, container);
  const running = containersOf(target.pod).filter(({ status }) => status?.state.running !== undefined);
  const amounts = running.map(({ name }) => usageBytes(metrics, name));
  const told = amounts.filter((bytes) => bytes !== undefined);
  return told.length < amounts.length ? undefined : told.reduce((sum, bytes) => sum + bytes, 0);
}
