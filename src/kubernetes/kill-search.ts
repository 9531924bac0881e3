import { Refusal } from '../refusal.ts';
import type { KubernetesCluster } from './cluster.ts';
import { type Kill, killsOf } from './kill.ts';

/** The kills that pods show now, and how far was looked. */
export type KillsSeen = {
  readonly kills: readonly Kill[];
  readonly pods: number;
  /** Whether every pod that was asked about was looked at. */
  readonly isComplete: boolean;
  /** Why some could not be. */
  readonly failures: readonly Refusal[];
};

const pageSize = 500;
/** The budgets of API requests: with the namespace given, and without. */
const mostPages = { withNamespace: 6, without: 8 } as const;

/**
 * Looks through pods a page of 500 at a time, within the budget of API requests: 6 where one namespace is asked for, else 8.
 * A page that is refused costs the rest of its namespace, never the answer.
 * @param namespaces empty: all of them
 */
export async function findKills(cluster: KubernetesCluster, namespaces: readonly string[]): Promise<KillsSeen> {
  const kills: Kill[] = [];
  const failures: Refusal[] = [];
  let pods = 0;
  let left: number = namespaces.length === 1 ? mostPages.withNamespace : mostPages.without;
  for (const namespace of namespaces.length === 0 ? [undefined] : namespaces) {
    let next: string | undefined;
    do {
      if (left === 0) return { kills, pods, isComplete: false, failures };
      left -= 1;
      try {
        const page = await cluster.listPods({ namespace, limit: pageSize, continue: next });
        pods += page.pods.length;
        kills.push(...page.pods.flatMap(killsOf));
        next = page.continue;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        failures.push(error);
        next = undefined;
      }
    } while (next !== undefined);
  }
  return { kills, pods, isComplete: failures.length === 0, failures };
}
