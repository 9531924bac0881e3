import { z } from 'zod';
import { change } from '../../src/job.ts';
import { fixEnding } from '../../src/kubernetes/fix-ending.ts';
import { changeOf, type FixPlan, fixPlanSchema } from '../../src/kubernetes/fix-plan.ts';
import { proposeApprovedFix, proposeFix } from '../../src/kubernetes/fix-proposal.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { rollbackUndo } from '../../src/kubernetes/rollback-plan.ts';
import { ensureRolledOut, ensureSettled } from '../../src/kubernetes/rollout-watch.ts';
import { ensureChanged } from '../../src/kubernetes/template-change.ts';

/** Sets the flags that `/oom why` recommends in the workload that makes the pod, and follows the rollout to its end. */
export const oomFix = change({
  name: 'oom fix',
  input: z.strictObject({
    cluster: z.string(),
    /** As typed: deploy/name, a pod's name or its beginning, each with its namespace or without. */
    workload: z.string(),
    namespace: z.string().nullable(),
    container: z.string().nullable(),
    limitBytes: z.number().nullable(),
    resources: z.enum(['as-recommended', 'keep']),
  }),
  plan: fixPlanSchema,
  planVersion: 1,

  async propose({ cluster: clusterName, workload, namespace, container, limitBytes, resources }, context) {
    const reference = parsePodReference(workload, namespace ?? undefined);
    const cluster = await context.clients.kubernetes(clusterName);
    const approved = fixPlanSchema.safeParse(context.approved);
    if (approved.success) return await proposeApprovedFix(cluster, approved.data);
    const wish = { limitBytes, resources };
    return await proposeFix(cluster, { clusterName, reference, container: container ?? undefined, wish }, context);
  },

  undo: (plan, record) => rollbackUndo(plan, record),

  steps: (plan: FixPlan) => {
    const watched = { change: changeOf(plan), clusterName: plan.cluster, container: plan.edit.container };
    return [
      {
        title: 'Template changed',
        ensure: async (_plan, context) =>
          ensureChanged(await context.clients.kubernetes(plan.cluster), watched.change, context),
      },
      {
        title: 'Rolled out',
        ensure: async (_plan, context) =>
          ensureRolledOut(await context.clients.kubernetes(plan.cluster), watched, context),
      },
      {
        title: 'New pods keep running',
        ensure: async (_plan, context) => {
          const cluster = await context.clients.kubernetes(plan.cluster);
          return ensureSettled(cluster, watched, context, (pod) => fixEnding(cluster, plan, pod, context));
        },
      },
    ];
  },
});
