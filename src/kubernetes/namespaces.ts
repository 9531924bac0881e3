import { Refusal } from '../refusal.ts';
import { listed } from '../report/text.ts';
import type { KubernetesCluster } from './cluster.ts';

/** @throws Refusal for a namespace that Quorum is not set up for, with those that it is */
export function demandNamespace({ name, namespaces }: KubernetesCluster, namespace: string): void {
  if (namespaces.length === 0 || namespaces.includes(namespace)) return;
  throw new Refusal(
    `Quorum is not set up for namespace ${namespace} of ${name}.`,
    `It looks into ${listed(namespaces)}; add others to kubernetes.clusters.${name}.namespaces.`,
    namespaces,
  );
}
