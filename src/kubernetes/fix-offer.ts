import type { JsonObject } from '../report/report.ts';
import { canBeSet, variableFor, variableSource } from './heap-flags.ts';
import { type Answer, areFlagsUnseen, rolloutBefore } from './why-findings.ts';
import { workloadNameOf } from './workloads.ts';

/** The workload to change: a ReplicaSet's owner where it was read. */
export function workloadOf({ evidence }: Answer): string | undefined {
  const named = workloadNameOf(evidence.pod);
  const known = evidence.replicas?.workload;
  return named?.startsWith('rs/') === true && known !== undefined ? known : named;
}

/** What `/oom fix` could set of this, for the button and its line; null where it may not, or would only be refused. */
export function fixOffer(answer: Answer): JsonObject | null {
  const { fixesIn, analysis, evidence, limit, java } = answer;
  const recommendation = analysis?.recommendation;
  const workload = workloadOf(answer);
  const namespace = evidence.pod.metadata.namespace ?? 'default';
  if (fixesIn === undefined || recommendation === undefined || workload === undefined || !canBeSet(workload))
    return null;
  if (recommendation.verdict === 'C' || areFlagsUnseen(answer)) return null;
  const { name: container } = evidence.container;
  const raises = recommendation.flags.length === 0;
  if (raises && (recommendation.neededLimitBytes === null || limit.scope !== 'container')) return null;
  const setting = { java, jdk: analysis?.jdk, recommendation, container, namespace, workload, context: answer.context };
  const variable = raises ? undefined : variableFor(setting);
  if (!raises && (variable === undefined || variableSource(java, variable) !== undefined)) return null;
  return { cluster: fixesIn, workload: `${namespace}/${workload}`, container, sets: raises ? 'limit' : 'flags' };
}

/** What `/oom rollback` could take back: the rollout with which it began; null where it began with none. */
export function rollbackOffer(answer: Answer): JsonObject | null {
  const { fixesIn, evidence } = answer;
  const rollout = rolloutBefore(answer);
  if (fixesIn === undefined || rollout === undefined || rollout.firstSeenMs < rollout.sinceMs) return null;
  if (!canBeSet(rollout.workload)) return null;
  const namespace = evidence.pod.metadata.namespace ?? 'default';
  return { cluster: fixesIn, workload: `${namespace}/${rollout.workload}`, revision: rollout.revision };
}

/** The container whose JVM could be asked: null where nothing may be run in it, or it is not Java, or does not run. */
export function askOffer({ execIn, evidence, java }: Answer): JsonObject | null {
  const { container, pod } = evidence;
  if (execIn === undefined || java.isJava !== true || container.status?.state.running === undefined) return null;
  const namespace = pod.metadata.namespace ?? 'default';
  return { cluster: execIn, pod: `${namespace}/${pod.metadata.name ?? ''}`, container: container.name };
}
