import type { KubernetesCluster } from '../../src/kubernetes/cluster.ts';
import type { Pod } from '../../src/kubernetes/objects.ts';
import type { PodWatch } from '../../src/kubernetes/pod-watch.ts';
import type { WatchTiming } from '../../src/kubernetes/watch-pace.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { waitFor } from './process.ts';

/** Waits that a test can afford. */
export const quick: Partial<WatchTiming> = {
  stableMs: 20,
  firstMs: 20,
  mostMs: 100,
  slowFirstMs: 20,
  slowMostMs: 100,
};

/** A pod that was killed so often for its memory; the last time as long after midnight in seconds. */
export function killedPod(namespace: string, name: string, kills: number): KubernetesObject {
  const finishedAt = new Date(Date.UTC(2026, 0, 1) + kills * 1000).toISOString().replace('.000Z', 'Z');
  const terminated = { reason: 'OOMKilled', exitCode: 137, finishedAt, containerID: `containerd://${name}-${kills}` };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app: name }, annotations: { padding: 'x'.repeat(500) } },
    spec: { containers: [{ name: 'app', image: 'shop/app:1', resources: { limits: { memory: '256Mi' } } }] },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'app',
          ready: true,
          restartCount: kills,
          state: { running: {} },
          lastState: kills === 0 ? {} : { terminated },
        },
      ],
    },
  };
}

/** A watch with all that it told, in order, as short lines: `listed shop/web 0`, `= 3`, `! Nobody listens …`, `works`. */
export type Followed = PodWatch & {
  readonly told: readonly string[];
  readonly advice: readonly string[];
  /** Waits until this was told. */
  hears(line: string | RegExp, timeoutMs?: number): Promise<void>;
  /** What was told since the last call. */
  news(): readonly string[];
  readonly counts: ReadonlyMap<string, number>;
};

/** Follows the pods; a pod's line ends with how often it was killed. */
export function follow(
  cluster: KubernetesCluster,
  namespace: string | undefined,
  onPod: (pod: Pod) => void = () => {},
): Followed {
  const told: string[] = [];
  const advice: string[] = [];
  const counts = new Map<string, number>();
  let from = 0;
  const watch = cluster.watchPods(namespace, {
    pod(pod, how) {
      const kills = pod.status.containerStatuses[0]?.restartCount ?? '-';
      const line = `${how} ${pod.metadata.namespace}/${pod.metadata.name} ${kills}`;
      told.push(line);
      counts.set(line, (counts.get(line) ?? 0) + 1);
      onPod(pod);
    },
    listed: (pods) => told.push(`= ${pods}`),
    trouble(refusal) {
      told.push(`! ${refusal.message}`);
      advice.push(refusal.advice);
    },
    working: () => told.push('works'),
  });
  return {
    ...watch,
    told,
    advice,
    counts,
    async hears(line, timeoutMs = 10_000) {
      const isIt = (each: string) => (typeof line === 'string' ? each === line : line.test(each));
      await waitFor(`${line} among ${JSON.stringify(told.slice(-5))}`, () => told.slice(from).some(isIt), {
        timeoutMs,
      });
    },
    news() {
      const news = told.slice(from);
      from = told.length;
      return news;
    },
  };
}
