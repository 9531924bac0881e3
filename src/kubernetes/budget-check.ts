import type { Check } from '../job.ts';
import { count, listed } from '../report/text.ts';
import { fine, unseen } from './checks.ts';
import type { Owner } from './owner.ts';
import { replacementOf, rolloutOf } from './rollout.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * A rollout deletes pods without asking any PodDisruptionBudget: those guard evictions. So the rollout’s own strategy is held against
 * them here: it may take no more ready pods down than they allow. Source: Kubernetes, "Disruptions": workload controllers are not
 * limited by budgets during rolling upgrades.
 */
export function budgetCheck(owner: Owner, { budgets }: Surroundings): Check {
  const name = 'The disruption budgets hold';
  if (budgets.value === undefined) return unseen(name, budgets.unseen, 'poddisruptionbudgets');
  if (budgets.value.length === 0) return fine(name, 'No PodDisruptionBudget holds these pods.');
  const names = listed(budgets.value.map(({ metadata }) => metadata.name ?? '?'));
  const { strategy, unavailable } = replacementOf(owner.kind, owner.workload);
  const { ready, wanted } = rolloutOf(owner.kind, owner.workload);
  if (strategy === 'on-delete') return fine(name, `${names}: no pod is taken down by this.`);
  // Pods that are not ready are replaced first, and count as unavailable already; a StatefulSet that works in parallel goes by ordinals alone.
  const isByOrdinal = owner.kind === 'StatefulSet' && owner.workload.spec.podManagementPolicy === 'Parallel';
  const taken = isByOrdinal ? Math.min(ready, unavailable) : Math.max(0, ready - Math.max(0, wanted - unavailable));
  const allowed = Math.min(...budgets.value.map(({ status }) => status?.disruptionsAllowed ?? 0));
  const figures = `${count(allowed, 'disruption')} allowed`;
  if (taken === 0)
    return fine(
      name,
      `${names}: ${figures}; the rollout takes no ready pod down before its successor is ready. It asks no budget by itself: those guard evictions.`,
    );
  if (taken <= allowed)
    return fine(name, `${names}: ${figures}; the rollout takes down ${taken} at a time. It asks no budget by itself.`);
  return {
    name,
    status: 'blocking',
    seen: `${names}: ${figures}, and the rollout would take down ${count(taken, 'ready pod')} at once: it asks no budget, for those guard evictions only.`,
    advice:
      owner.kind === 'Deployment'
        ? 'Set maxUnavailable: 0 and maxSurge: 1 in its strategy, or scale it up by one, and ask again.'
        : 'Scale it up by one, or let the budget allow a disruption, and ask again.',
  };
}
