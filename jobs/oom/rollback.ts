import { z } from 'zod';
import { intended } from '../../src/etcd/patience.ts';
import { change } from '../../src/job.ts';
import { overOutages } from '../../src/kubernetes/ask/outage.ts';
import { findNamedOwner, fullWordOf } from '../../src/kubernetes/owner.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import {
  proposeRollback,
  type RollbackPlan,
  rollbackChange,
  rollbackPlanSchema,
  rollbackUndo,
} from '../../src/kubernetes/rollback-plan.ts';
import { ensureRolledOut, ensureSettled } from '../../src/kubernetes/rollout-watch.ts';
import { ensureChanged } from '../../src/kubernetes/template-change.ts';
import type { Section } from '../../src/report/report.ts';

/** Puts the pod template of an earlier revision back, and follows the rollout to its end. */
export const oomRollback = change({
  name: 'oom rollback',
  input: z.strictObject({
    cluster: z.string(),
    workload: z.string(),
    namespace: z.string().nullable(),
    /** Null: the one before the present one. */
    toRevision: z.number().nullable(),
    /** The revision that is to be left, where it was named; null: whichever is in force. */
    fromRevision: z.number().nullable().default(null),
  }),
  plan: rollbackPlanSchema,
  planVersion: 1,

  async propose({ cluster: clusterName, workload, namespace, toRevision, fromRevision }, { clients }) {
    const cluster = await clients.kubernetes(clusterName);
    const owner = await findNamedOwner(cluster, parsePodReference(workload, namespace ?? undefined));
    return await proposeRollback(cluster, clusterName, owner, { toRevision, fromRevision });
  },

  undo: (plan, record) => rollbackUndo(plan, record),

  steps: (plan: RollbackPlan) => [
    {
      title: 'Template changed',
      async ensure(_plan, context) {
        const cluster = await context.clients.kubernetes(plan.cluster);
        return await overOutages(context, () => ensureChanged(cluster, rollbackChange(cluster, plan), context));
      },
    },
    {
      title: 'Rolled out',
      async ensure(_plan, context) {
        const cluster = await context.clients.kubernetes(plan.cluster);
        const change = rollbackChange(cluster, plan);
        return await ensureRolledOut(cluster, { change, clusterName: plan.cluster, container: undefined }, context);
      },
    },
    {
      title: 'New pods keep running',
      async ensure(_plan, context) {
        const cluster = await context.clients.kubernetes(plan.cluster);
        const change = rollbackChange(cluster, plan);
        const watched = { change, clusterName: plan.cluster, container: undefined };
        return await ensureSettled(cluster, watched, context, async () => {
          const text = intended(context, 'difference');
          const sections: Section[] = text === undefined ? [] : [{ kind: 'code', title: 'Before and after', text }];
          return { note: `${fullWordOf(plan)} is back at what revision ${plan.toRevision} was.`, sections };
        });
      },
    },
  ],
});
