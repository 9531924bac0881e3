import type { Context } from '../job.ts';
import { hintFor } from '../jvm/hint.ts';
import { Refusal } from '../refusal.ts';
import type { KubernetesCluster } from './cluster.ts';
import { containerEnvironment } from './container-environment.ts';
import { gatherEvidence } from './evidence.ts';
import { analyseJava } from './java-analysis.ts';
import { readJavaContainer } from './java-container.ts';
import { memoryLimit, nodeMemoryBytes } from './memory-limit.ts';
import { memoryQuestion } from './memory-reader.ts';
import type { PodReference } from './pod-reference.ts';
import { type FoundPod, findPod } from './pod-search.ts';
import { nextRestart } from './restart-backoff.ts';
import { explainTermination } from './termination.ts';
import type { Answer } from './why-findings.ts';
import { knownKills } from './why-history.ts';

/** API requests that one answer may cost, whatever the cluster's size. */
const budget = { withNamespace: 6, without: 8 } as const;

/** What was found out about a container, and how its pod was found. */
export type FoundAnswer = { readonly answer: Answer; readonly found: FoundPod };

/**
 * Finds the pod, reads what is known of it within the budget of API requests, and finds out why it died and what its JVM takes.
 * @param clusterName in the config: whose history and Prometheus are asked too
 * @throws Refusal where there is no such pod or container, or it cannot be read
 */
export async function answerWhy(
  cluster: KubernetesCluster,
  clusterName: string,
  reference: PodReference,
  container: string | undefined,
  context: Pick<Context, 'clients' | 'kills' | 'now'>,
): Promise<FoundAnswer> {
  const found = await findPod(cluster, reference);
  const requests = reference.namespace === undefined ? budget.without : budget.withNamespace;
  const now = cluster.recordedAt ?? context.now();
  const evidence = await gatherEvidence(cluster, found, container, requests, async (view) => {
    const reader = await context.clients.memory?.(clusterName);
    const question = memoryQuestion(found.pod, view, now);
    return await reader?.memory(question.container, question.range, question.known);
  });
  if (evidence === undefined)
    throw new Refusal(
      `The pod ${found.pod.metadata.name ?? reference.name} lists no containers.`,
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
  const answer: Answer = {
    evidence,
    history,
    limit,
    nodeBytes: nodeMemoryBytes(node),
    java,
    explanation,
    analysis: java.isJava === true ? analyseJava(evidence, limit, java, explanation, hint) : undefined,
    now,
    context: cluster.context,
    ...(cluster.workloads?.allowsFixes === true ? { fixesIn: clusterName } : {}),
    ...(cluster.exec?.allowsExec === true ? { execIn: clusterName } : {}),
    nextRestart: nextRestart(view.status?.state.waiting, view.ended?.finishedAt, view.status?.restartCount ?? 0, now),
  };
  return { answer, found };
}
