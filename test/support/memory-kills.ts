import { type Kill, type KillStore, mergedKills } from '../../src/kubernetes/kill.ts';

/** A history in this process: keeps for ever, and each kill once. */
export function memoryKills(): KillStore {
  const kept = new Map<string, readonly Kill[]>();
  return {
    async record(cluster, kills) {
      kept.set(cluster, mergedKills(kept.get(cluster) ?? [], kills));
    },
    async since(cluster, from) {
      return (kept.get(cluster) ?? []).filter(({ finishedAt }) => Date.parse(finishedAt) >= from.getTime());
    },
  };
}
