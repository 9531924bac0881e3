import { intended, tryLook } from '../etcd/patience.ts';
import type { StepContext } from '../job.ts';
import { redactWords } from '../redact.ts';
import type { Section } from '../report/report.ts';
import { formatBytes } from '../report/text.ts';
import type { KubernetesCluster } from './cluster.ts';
import type { FixPlan } from './fix-plan.ts';
import { largestHeapBytes } from './heap-room.ts';
import { jdkName } from './java-analysis.ts';
import type { Pod } from './objects.ts';
import { fullWordOf, wordOf } from './owner.ts';
import { answerWhy } from './why-answer.ts';

/**
 * What is said once the new pods run: what was changed, what their JVM takes now, and how to look.
 * @param pod one of the new ones; undefined where none was made
 */
export async function fixEnding(
  cluster: KubernetesCluster,
  plan: FixPlan,
  pod: Pod | undefined,
  context: StepContext,
): Promise<{ readonly note: string; readonly sections: readonly Section[] }> {
  const { namespace, edit } = plan;
  const word = fullWordOf(plan);
  const difference = intended(context, 'difference');
  const heap = pod === undefined ? undefined : await newHeap(cluster, plan, pod, context);
  const flags = redactWords(edit.flags).join(' ');
  const look = [
    `\`/oom why ${word}\` if it dies again`,
    `kubectl rollout status ${wordOf(plan)} -n ${namespace}`,
    `kubectl logs ${wordOf(plan)} -n ${namespace} -c ${edit.container} | grep -m3 'Picked up'`,
  ];
  const sections: Section[] = [
    ...(difference === undefined ? [] : [{ kind: 'code', title: 'Before and after', text: difference } as const]),
    ...(heap === undefined ? [] : [heap.section]),
    { kind: 'text', title: 'How to look', text: look.map((line) => `• ${line}`).join('\n') },
  ];
  const set = flags === '' ? '' : ` with ${flags}`;
  const byHand = `${word} is changed${set}; its pods get it as they are made anew.`;
  return { note: pod === undefined ? byHand : `The new pods of ${word} run${set}${heap?.words ?? ''}.`, sections };
}

type NewHeap = { readonly words: string; readonly section: Section };

/** What the JVM in a new pod takes, reckoned as `/oom why` does; undefined where that cannot be told. */
async function newHeap(
  cluster: KubernetesCluster,
  { cluster: clusterName, namespace, edit }: FixPlan,
  pod: Pod,
  context: StepContext,
): Promise<NewHeap | undefined> {
  const reference = { kind: 'pod', namespace, name: pod.metadata.name ?? '' } as const;
  const looked = await tryLook(() => answerWhy(cluster, clusterName, reference, edit.container, context));
  const answer = looked.value?.answer;
  const limitBytes = answer?.limit.limitBytes;
  const heapBytes = answer === undefined ? undefined : largestHeapBytes(answer);
  if (answer === undefined || limitBytes === undefined || heapBytes === undefined) return undefined;
  const jdk = jdkName(answer.analysis?.jdk);
  return {
    words: `: a heap of at most ${formatBytes(heapBytes)} in ${formatBytes(limitBytes)}`,
    section: {
      kind: 'table',
      title: 'What the new JVM takes',
      columns: ['What', 'Size', 'Why'],
      rows: [
        ['Limit', formatBytes(limitBytes), `of container ${edit.container} in ${pod.metadata.name ?? ''}`],
        ['Largest heap', formatBytes(heapBytes), jdk === null ? 'by its flags' : `JDK ${jdk} with its flags`],
        ['Left for the rest', formatBytes(limitBytes - heapBytes), 'metaspace, code, threads, buffers'],
      ],
    },
  };
}
