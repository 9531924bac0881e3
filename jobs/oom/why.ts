import { z } from 'zod';
import { look } from '../../src/job.ts';
import { hintFor } from '../../src/jvm/hint.ts';
import { containerEnvironment } from '../../src/kubernetes/container-environment.ts';
import { gatherEvidence } from '../../src/kubernetes/evidence.ts';
import { analyseJava } from '../../src/kubernetes/java-analysis.ts';
import { readJavaContainer } from '../../src/kubernetes/java-container.ts';
import { memoryLimit, nodeMemoryBytes } from '../../src/kubernetes/memory-limit.ts';
import { memoryQuestion } from '../../src/kubernetes/memory-reader.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { findPod } from '../../src/kubernetes/pod-search.ts';
import { nextRestart } from '../../src/kubernetes/restart-backoff.ts';
import { explainTermination } from '../../src/kubernetes/termination.ts';
import { chartOf } from '../../src/kubernetes/why-chart.ts';
import { knownKills } from '../../src/kubernetes/why-history.ts';
import { whyReport } from '../../src/kubernetes/why-report.ts';
import { Refusal } from '../../src/refusal.ts';

/** API requests that one answer may cost, whatever the cluster's size. */
const budget = { withNamespace: 6, without: 8 } as const;

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
    const found = await findPod(cluster, reference);
    const requests = reference.namespace === undefined ? budget.without : budget.withNamespace;
    const now = cluster.recordedAt ?? context.now();
    const evidence = await gatherEvidence(cluster, found, container ?? undefined, requests, async (view) => {
      const reader = await context.clients.memory?.(clusterName);
      const question = memoryQuestion(found.pod, view, now);
      return await reader?.memory(question.container, question.range, question.known);
    });
    if (evidence === undefined)
      throw new Refusal(
        `The pod ${found.pod.metadata.name ?? typed} lists no containers.`,
        'It may have been made a moment ago: ask again.',
      );

    const { container: view, pod, node, endLog, startLog } = evidence;
    const log = [startLog, endLog].filter((part) => part !== undefined).join('\n');
    const limit = memoryLimit(pod, view.spec, view.status);
    const environment = containerEnvironment(view.spec, { pod, memory: limit, node, configMaps: evidence.configMaps });
    const hint = hintFor(view.spec?.image ?? view.status?.image, context.clients.jvmHints ?? []);
    const java = readJavaContainer(view.spec, environment, log, hint);
    const explanation = explainTermination({ ...evidence, limit, log: endLog, isJava: java.isJava, now });
    const history = await knownKills(evidence, found.read, explanation.cause, {
      store: context.kills,
      cluster: clusterName,
      now,
    });
    const answer = {
      evidence,
      history,
      limit,
      nodeBytes: nodeMemoryBytes(node),
      java,
      explanation,
      analysis: java.isJava === true ? analyseJava(evidence, limit, java, explanation, hint) : undefined,
      now,
      context: cluster.context,
      nextRestart: nextRestart(view.status?.state.waiting, view.ended?.finishedAt, view.status?.restartCount ?? 0, now),
    };
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
