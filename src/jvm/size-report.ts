import { formatQuantity } from '../kubernetes/quantity.ts';
import { Refusal } from '../refusal.ts';
import { type Finding, type Report, verdictOf } from '../report/report.ts';
import { formatBytes } from '../report/text.ts';
import { containerAwareness } from './awareness.ts';
import { type Collector, chooseCollector } from './collector.ts';
import { type HeapVerdict, type Recommendation, recommendHeap } from './recommendation.ts';
import { formatJdkVersion, type JdkVersion } from './version.ts';

export type SizeQuestion = {
  readonly jdk: JdkVersion;
  readonly limitBytes: number;
  /** Null: the collector that this JVM takes by itself at 2 CPUs. */
  readonly gc: Collector | null;
  /** The largest working set seen; null when unknown. */
  readonly peakBytes: number | null;
  /** The largest heap that is set now; null when unknown. */
  readonly heapBytes: number | null;
};

/**
 * The heap to set for a limit, as a report.
 * @throws Refusal for JVMs that are not modelled
 */
export function reportSize(question: SizeQuestion, now: Date): Report {
  const { jdk, limitBytes, peakBytes, heapBytes } = question;
  refuseUnmodelled(jdk);
  const aware = containerAwareness({ jdk, flags: [], cgroup: 'v2', kernel: null });
  const gc = question.gc ?? chooseCollector({ major: jdk.major, flags: [], cpus: 2, osBytes: limitBytes }).gc;
  const recommendation = recommendHeap({
    jdk,
    limitBytes,
    gc,
    containerAware: aware.aware,
    knownFlags: [],
    ...(peakBytes === null ? {} : { peakBytes }),
    ...(heapBytes === null ? {} : { heapBytes }),
    wasKilled: false,
  });
  const findings = findingsOf(question, recommendation);
  const assumed =
    question.gc === null
      ? [`Collector: ${gc}, which JDK ${jdk.major} takes by itself at 2 CPUs; --gc names another.`]
      : [];
  const notes = [
    ...assumed,
    'cgroup v2 and a kernel older than 6.12 assumed.',
    recommendation.meaning,
    ...recommendation.notes,
  ];
  return {
    command: '/oom size',
    verdict: verdictOf(findings),
    title: `JDK ${formatJdkVersion(jdk)} in ${formatQuantity(limitBytes)}`,
    summary: summary(question, recommendation),
    asOf: now.toISOString(),
    findings,
    sections: [
      {
        kind: 'table',
        title: 'The reckoning',
        columns: ['What', 'Size', 'Why'],
        rows: recommendation.arithmetic.map(({ name, bytes, why }) => [name, formatBytes(bytes), why]),
      },
      ...(recommendation.flags.length === 0
        ? []
        : [{ kind: 'code' as const, title: 'Flags to set', text: recommendation.flags.join('\n') }]),
      { kind: 'text', title: 'Notes', text: notes.join('\n') },
    ],
    data: {
      limitBytes,
      heapBytes: recommendation.heapBytes,
      flags: [...recommendation.flags],
      verdict: recommendation.verdict,
      arithmetic: recommendation.arithmetic.map(({ name, bytes, why }) => ({ name, bytes, why })),
      neededLimitBytes: recommendation.neededLimitBytes,
      jdk: formatJdkVersion(jdk),
      gc,
      notes,
    },
  };
}

function refuseUnmodelled(jdk: JdkVersion): void {
  if (jdk.vendor === 'openj9')
    throw new Refusal(
      'What OpenJ9 needs beside its heap was not measured, so no size is reckoned for it.',
      'Set -Xmx to half of the limit in JAVA_TOOL_OPTIONS or OPENJ9_JAVA_OPTIONS, and watch the working set. /oom heap tells what it takes by itself.',
    );
  if (jdk.vendor === 'graalvm-native')
    throw new Refusal(
      'What a native image needs beside its heap was not measured, so no size is reckoned for it.',
      'It takes up to 80% of the limit by itself. Give the program -Xmx of half the limit as an argument of its own (it reads no JAVA_TOOL_OPTIONS), and watch the working set.',
    );
  if (jdk.major < 8 || jdk.major > 27)
    throw new Refusal(
      `JDK ${jdk.major} is not modelled yet; 8 to 27 are.`,
      'Set -Xmx to half of the limit and watch the working set.',
    );
}

const meanings: Readonly<Record<HeapVerdict, string>> = {
  A: 'The heap may grow past the limit.',
  B: 'The heap leaves too little for the rest of the JVM.',
  C: 'The heap is not the trouble.',
  D: 'The heap may be larger within this limit.',
  E: 'The limit is too small for this program, or it leaks.',
  F: 'The start needs more heap than there is.',
  fits: 'A heap fits.',
  'limit-too-small': 'No heap worth running with fits into this limit.',
};

function summary({ jdk, limitBytes }: SizeQuestion, recommendation: Recommendation): string {
  const name = `JDK ${formatJdkVersion(jdk)} in ${formatQuantity(limitBytes)}`;
  const { flags, neededLimitBytes, heapBytes, verdict } = recommendation;
  if (flags.length === 0)
    return `${name}: too small a limit; raise it to ${formatQuantity(neededLimitBytes ?? limitBytes)}`;
  const share = Math.round((100 * heapBytes) / limitBytes);
  const now =
    verdict === 'A'
      ? 'the heap may grow past the limit; '
      : verdict === 'B'
        ? 'the heap leaves too little for the rest; '
        : '';
  return `${name}: ${now}set ${flags[0]}, a heap of ${formatBytes(heapBytes)} (${share}%)`;
}

function findingsOf({ limitBytes, peakBytes, heapBytes }: SizeQuestion, recommendation: Recommendation): Finding[] {
  const { verdict, flags, neededLimitBytes } = recommendation;
  if (verdict === 'fits') return [];
  const seen = [
    ...(heapBytes === null ? [] : [`heap ${formatBytes(heapBytes)}`]),
    ...(peakBytes === null ? [] : [`peak ${formatBytes(peakBytes)}`]),
    `limit ${formatBytes(limitBytes)}`,
  ];
  const raise = neededLimitBytes === null ? '' : `Raise the limit to ${formatQuantity(neededLimitBytes)}.`;
  return [
    {
      severity: verdict === 'A' ? 'critical' : 'warning',
      grade: verdict === 'A' ? 'fact' : 'inferred',
      claim: meanings[verdict],
      evidence: seen.join(', '),
      advice: [...(flags[0] === undefined ? [] : [`Set ${flags[0]}.`]), ...(raise === '' ? [] : [raise])].join(' '),
    },
  ];
}
