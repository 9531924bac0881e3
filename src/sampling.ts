import type { KubernetesCluster } from './kubernetes/cluster.ts';
import { type SampleStore, samplesIn } from './kubernetes/memory-samples.ts';
import { Refusal } from './refusal.ts';
import { messageOf } from './thrown.ts';

/** A cluster whose memory is sampled, and where in it. */
export type Sampled = { readonly cluster: string; readonly namespaces: readonly string[]; readonly everyMs: number };

export type SamplingParts = {
  kubernetes(cluster: string): Promise<KubernetesCluster>;
  readonly store: SampleStore;
  /** Told when the sampling of a namespace stops or works again, and not at every round in between. */
  tell(event: 'memory not sampled' | 'memory sampled again', details: Readonly<Record<string, unknown>>): void;
};

/**
 * Keeps what containers use now, a round an interval: one list request a namespace, whatever the number of pods, by one of the workers.
 * @returns a round over all namespaces of a cluster; it never fails
 */
export function createSampling(parts: SamplingParts): (sampled: Sampled) => Promise<void> {
  const troubles = new Map<string, string>();

  async function sample({ cluster, everyMs }: Sampled, namespace: string): Promise<void> {
    if (!(await parts.store.takeTurn(cluster, namespace, everyMs))) return;
    const api = await parts.kubernetes(cluster);
    const metrics = await api.listPodMetrics(namespace);
    if (metrics === undefined)
      throw new Refusal('There is no metrics API (metrics.k8s.io).', 'Install metrics-server, or name a Prometheus.');
    await parts.store.keep(cluster, samplesIn(namespace, metrics), everyMs);
    // Only whoever had the turn knows that it works.
    if (troubles.delete(`${cluster} ${namespace}`)) parts.tell('memory sampled again', { cluster, namespace });
  }

  return async (sampled) => {
    await Promise.all(
      sampled.namespaces.map((namespace) =>
        sample(sampled, namespace).catch((error: unknown) => {
          const place = `${sampled.cluster} ${namespace}`;
          const message = messageOf(error);
          if (troubles.get(place) === message) return;
          troubles.set(place, message);
          const advice = error instanceof Refusal ? { advice: error.advice } : {};
          parts.tell('memory not sampled', { cluster: sampled.cluster, namespace, error: message, ...advice });
        }),
      ),
    );
  };
}
