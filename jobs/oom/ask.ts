import { z } from 'zod';
import { change, type Step } from '../../src/job.ts';
import { askTimeLimitMs, ensureJvmAsked } from '../../src/kubernetes/ask/ask-jvm.ts';
import { ensureCompared } from '../../src/kubernetes/ask/ending.ts';
import { overOutages } from '../../src/kubernetes/ask/outage.ts';
import { type AskPlan, askPlanSchema, questionsFor } from '../../src/kubernetes/ask/plan.ts';
import { proposeAsk } from '../../src/kubernetes/ask/proposal.ts';
import { ensureProcessRead } from '../../src/kubernetes/ask/read-process.ts';
import { ensureThreadsTaken } from '../../src/kubernetes/ask/take-threads.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';

/**
 * Asks a JVM in its container what it takes. It alters nothing in the API, and runs programs in somebody's container: so it is a change, with a
 * plan and a second person's yes.
 */
export const oomAsk = change({
  name: 'oom ask',
  input: z.strictObject({
    cluster: z.string(),
    /** As typed: a name, its beginning, namespace/pod or deploy/name. */
    pod: z.string(),
    namespace: z.string().nullable(),
    container: z.string().nullable(),
    threads: z.boolean(),
  }),
  plan: askPlanSchema,
  planVersion: 1,

  async propose({ cluster: clusterName, pod, namespace, container, threads }, context) {
    const typed = parsePodReference(pod, namespace ?? undefined);
    const cluster = await context.clients.kubernetes(clusterName);
    // A workload's worst pod is another one in a minute: as it starts, the one that was approved is meant.
    const approved = askPlanSchema.safeParse(context.approved);
    const reference = approved.success
      ? ({ kind: 'pod', namespace: approved.data.namespace, name: approved.data.pod } as const)
      : typed;
    const named = approved.success ? approved.data.container : (container ?? undefined);
    const questions = questionsFor(threads ? 'threads' : 'none');
    return await proposeAsk(cluster, { clusterName, reference, container: named, questions }, context);
  },

  steps: (plan: AskPlan) => {
    const step = (title: string, ensure: typeof ensureProcessRead, timeLimitMs?: number): Step<AskPlan> => ({
      title,
      ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
      ensure: async (_plan, context) =>
        await overOutages(context, async () => ensure(await context.clients.kubernetes(plan.cluster), plan, context)),
    });
    return [
      step('Process read', ensureProcessRead, askTimeLimitMs),
      step('JVM asked', ensureJvmAsked, askTimeLimitMs),
      ...(plan.questions.includes('threads') ? [step('Thread dump taken', ensureThreadsTaken)] : []),
      step('Compared with the arithmetic', ensureCompared),
    ];
  },
});
