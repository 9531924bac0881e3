import { tryLook } from '../../etcd/patience.ts';
import type { Outcome, StepContext } from '../../job.ts';
import type { JsonObject, Section } from '../../report/report.ts';
import { formatBytes } from '../../report/text.ts';
import type { KubernetesCluster } from '../cluster.ts';
import { largestHeapBytes } from '../heap-room.ts';
import { answerWhy } from '../why-answer.ts';
import type { Answer } from '../why-findings.ts';
import { demandProcessSeen } from './ask-jvm.ts';
import { commandsByHand } from './by-hand.ts';
import { compare } from './comparison.ts';
import type { AskPlan } from './plan.ts';
import { jvmSeenSchema, seenIn, threadsSeenSchema } from './seen.ts';

/**
 * Puts what was measured beside what Quorum reckons for the same container: the verdict first, then the numbers, then what was not to be had.
 * The numbers are kept in the record, as `data`.
 */
export async function ensureCompared(
  cluster: KubernetesCluster,
  plan: AskPlan,
  context: StepContext,
): Promise<Outcome> {
  const seen = demandProcessSeen(context);
  const jvm = seenIn(context.intent.value, 'jvm', jvmSeenSchema);
  const threads = seenIn(context.intent.value, 'threads', threadsSeenSchema);
  const reference = { kind: 'pod', namespace: plan.namespace, name: plan.pod } as const;
  const looked = await tryLook(() => answerWhy(cluster, plan.cluster, reference, plan.container, context));
  const answer: Answer | undefined = looked.value?.answer;
  const compared = compare({
    seen,
    jvm,
    threads,
    answer,
    limitBytes: answer?.limit.limitBytes ?? jvm?.room.limitBytes ?? seen.cgroup.limitBytes ?? null,
    reckonedHeapBytes: answer === undefined ? null : (largestHeapBytes(answer) ?? null),
  });
  await context.intent.write({ data: compared.data as JsonObject });
  const missing = [...seen.missing, ...(jvm?.missing ?? []), ...(threads?.missing ?? [])];
  const notHad = missing.filter((each, index) => missing.indexOf(each) === index);
  // Whoever types jcmd where Quorum did not dare to gets the container killed.
  const question = jvm?.room.isEnough === true ? 'flags' : 'process';
  const [first = ''] = commandsByHand({ ...plan, questions: [question] }, cluster.context, seen.process?.pid);
  const byHand = `By hand: ${first}${question === 'process' ? ' (and no jcmd before there is room for it)' : ''}`;
  const sections: Section[] = [
    ...(compared.findings.length === 0
      ? []
      : [
          {
            kind: 'text',
            title: 'What it means',
            text: compared.findings.map((line) => `• ${line}`).join('\n'),
          } as const,
        ]),
    { kind: 'table', title: 'Measured and reckoned', columns: ['What', 'Measured', 'Reckoned'], rows: compared.rows },
    ...(jvm?.native === null || jvm === undefined
      ? []
      : [
          {
            kind: 'table',
            title: 'Native memory by area',
            columns: ['Area', 'Committed', 'Reserved'],
            rows: jvm.native.areas.map(({ name, committedBytes, reservedBytes }) => [
              name,
              formatBytes(committedBytes),
              formatBytes(reservedBytes),
            ]),
          } as const,
        ]),
    ...(seen.process === null || seen.process.words.length === 0
      ? []
      : [
          { kind: 'code', title: 'Arguments of the JVM, secrets masked', text: seen.process.words.join('\n') } as const,
        ]),
    ...(notHad.length === 0
      ? []
      : [
          {
            kind: 'text',
            title: 'What was not to be had',
            text: [...notHad.map((line) => `• ${line}`), byHand].join('\n'),
          } as const,
        ]),
  ];
  return { kind: 'done', note: compared.verdict, sections };
}
