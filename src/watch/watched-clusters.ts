import type { Config } from '../config.ts';
import type { WatchedCluster } from './watching.ts';

/** The Kubernetes clusters that a rule names, or all where one names none. */
export function watchedClusters({ watch, kubernetes }: Pick<Config, 'watch' | 'kubernetes'>): WatchedCluster[] {
  return Object.entries(kubernetes.clusters)
    .filter(([name]) => watch.some(({ cluster }) => cluster === undefined || cluster === name))
    .map(([name, { namespaces }]) => ({ name, namespaces }));
}
