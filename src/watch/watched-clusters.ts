import type { Config } from '../config.ts';
import type { WatchedCluster } from './watching.ts';

/** The Kubernetes clusters that a rule names, or all where one names none. */
export function watchedClusters({ watch, kubernetes }: Pick<Config, 'watch' | 'kubernetes'>): WatchedCluster[] {
  return Object.entries(kubernetes.clusters)
    .filter(([name]) => watch.some(({ cluster }) => cluster === undefined || cluster === name))
    .map(([name, { namespaces }]) => ({ name, namespaces }));
}

/** Whose pods of a cluster are watched: undefined where the cluster is not; empty: all namespaces. */
export function watchedNamespaces(
  name: string,
  config: Pick<Config, 'watch' | 'kubernetes'>,
): readonly string[] | undefined {
  return watchedClusters(config).find((cluster) => cluster.name === name)?.namespaces;
}
