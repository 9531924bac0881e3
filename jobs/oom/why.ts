import { z } from 'zod';
import { look } from '../../src/job.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { answerWhy } from '../../src/kubernetes/why-answer.ts';
import { chartOf } from '../../src/kubernetes/why-chart.ts';
import { whyReport } from '../../src/kubernetes/why-report.ts';

const input = z.strictObject({
  cluster: z.string(),
  /** As typed: a name, its beginning, namespace/pod or deploy/name. */
  pod: z.string(),
  namespace: z.string().nullable(),
  container: z.string().nullable(),
});

/** Why a pod died: finds it, reads what is known of it, and tells the cause and, for Java, the flags to set. */
export const oomWhy = look({
  name: 'oom why',
  input,
  async run({ cluster: clusterName, pod: typed, namespace, container }, context) {
    const reference = parsePodReference(typed, namespace ?? undefined);
    const cluster = await context.clients.kubernetes(clusterName);
    const { answer, found } = await answerWhy(cluster, clusterName, reference, container ?? undefined, context);
    const report = whyReport(answer, {
      command: [
        '/oom why',
        typed,
        ...(namespace === null ? [] : ['-n', namespace]),
        ...(container === null ? [] : ['-c', container]),
      ].join(' '),
      cluster: cluster.name,
      address: cluster.address,
      chosenBecause: found.chosenBecause,
    });
    const chart = chartOf(answer, report);
    return chart === undefined ? report : { ...report, chart };
  },
});
