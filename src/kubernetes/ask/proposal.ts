import type { Context, Proposal } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import type { KubernetesCluster } from '../cluster.ts';
import { usageBytes } from '../memory-limit.ts';
import type { PodReference } from '../pod-reference.ts';
import { answerWhy } from '../why-answer.ts';
import type { Answer } from '../why-findings.ts';
import { commandsByHand } from './by-hand.ts';
import { askChecks, permissionCheck } from './checks.ts';
import { type AskPlan, askWords, type Question } from './plan.ts';
import { roomForJcmd } from './room.ts';

export type AskQuestion = {
  readonly clusterName: string;
  readonly reference: PodReference;
  readonly container: string | undefined;
  readonly questions: readonly Question[];
};

/**
 * Finds the container and says what would be run in it. Nothing is run yet.
 * @throws Refusal where nothing may be run there: with the same questions as commands to run by hand
 */
export async function proposeAsk(
  cluster: KubernetesCluster,
  { clusterName, reference, container, questions }: AskQuestion,
  context: Context,
): Promise<Proposal<AskPlan>> {
  const { exec } = cluster;
  if (exec === undefined)
    throw new Refusal('A recording has no containers to ask.', 'Ask at a live cluster, without --recorded.');
  const { answer } = await answerWhy(cluster, clusterName, reference, container, context);
  const plan = planFor(answer, clusterName, questions);
  const byHand = commandsByHand(plan, cluster.context);
  if (!exec.allowsExec)
    throw new Refusal(
      `kubernetes.clusters.${clusterName}.allowExec is not set, so Quorum runs nothing in containers of this cluster.`,
      `Set it to true and grant what \`quorum rbac --cluster ${clusterName}\` then prints. By hand (look at the memory first: jcmd is a second JVM):\n${byHand.join('\n')}`,
    );
  const room = roomForJcmd(workingSetsOf(answer), [answer.limit.limitBytes]);
  return {
    target: { kind: 'workload', name: clusterName, identity: `${plan.uid}/${plan.container}` },
    plan,
    checks: [...askChecks(answer, plan, room), await permissionCheck(cluster, plan)],
    words: askWords(plan),
    sections: [
      {
        kind: 'text',
        title: 'What is run in the container',
        text: whatIsRun(plan),
      },
      { kind: 'code', title: 'The same by hand', text: byHand.join('\n'), more: true },
    ],
  };
}

function planFor({ evidence }: Answer, cluster: string, questions: readonly Question[]): AskPlan {
  const { metadata } = evidence.pod;
  return {
    cluster,
    namespace: metadata.namespace ?? 'default',
    pod: metadata.name ?? '',
    uid: metadata.uid ?? '',
    container: evidence.container.name,
    questions: [...questions],
  };
}

/** Of all containers where they share the limit; of one of them alone it would tell too little. */
function workingSetsOf({ evidence, limit }: Answer): (number | undefined)[] {
  const { metrics, container } = evidence;
  if (limit.scope !== 'pod') return [usageBytes(metrics, container.name)];
  const names = metrics?.containers.map(({ name }) => name) ?? [];
  const amounts = names.map((name) => usageBytes(metrics, name));
  if (amounts.length < evidence.pod.spec.containers.length || amounts.includes(undefined)) return [];
  return [amounts.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0)];
}

function whatIsRun({ questions }: AskPlan): string {
  const lines = [
    'sh and cat: /proc of the java process (status, limits, command line) and the memory files of its cgroup. No environment is read.',
    'jcmd VM.flags, GC.heap_info, VM.native_memory: only where the image has it, and only with 128 MiB of the limit to spare, looked at before each.',
    ...(questions.includes('threads')
      ? ['kill -3, once: the JVM writes its threads into the log. Only to a process that is java and catches it.']
      : []),
    'jcmd leaves its socket in /tmp, as it does by hand; nothing else is written, copied or installed. What comes back is masked.',
  ];
  return lines.map((line) => `• ${line}`).join('\n');
}
