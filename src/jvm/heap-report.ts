import { formatQuantity } from '../kubernetes/quantity.ts';
import { redact } from '../redact.ts';
import { type Finding, type JsonObject, type Report, type Section, verdictOf, worstFirst } from '../report/report.ts';
import { formatBytes, listed } from '../report/text.ts';
import { fatalAdvice } from './fatal.ts';
import { flagText, flagValue } from './flags.ts';
import { type Heap, type HeapInput, predictHeap } from './heap.ts';
import { type Recommendation, recommendHeap } from './recommendation.ts';

/** What was asked, and what stands in for what was not said. */
export type HeapQuestion = HeapInput & {
  /** Assumptions made for what was left out, as sentences. */
  readonly assumed: readonly string[];
};

const quarterMebi = 249.6;

/**
 * The heap that a JVM takes, as a report: no cluster is asked.
 * @throws Refusal for what is not modelled
 */
export function reportHeap(question: HeapQuestion, now: Date): Report {
  const { limitBytes } = question;
  const heap = predictHeap(question);
  const recommendation = limitBytes === null || heap.fatal !== null ? null : recommend(question, heap, limitBytes);
  const findings = worstFirst(findingsOf(question, heap, recommendation));
  const where = limitBytes === null ? '' : ` in ${formatQuantity(limitBytes)}`;
  return {
    command: '/oom heap',
    verdict: verdictOf(findings),
    title: `JDK ${heap.jdk}${where}`,
    summary: summary(question, heap, recommendation),
    asOf: now.toISOString(),
    findings,
    sections: sections(question, heap, recommendation),
    data: heapData(question, heap, recommendation),
  };
}

function recommend(question: HeapQuestion, heap: Heap, limitBytes: number): Recommendation | null {
  // The model of what lies beside the heap is HotSpot's.
  if (heap.gc === 'Gencon' || question.jdk.vendor === 'graalvm-native') return null;
  return recommendHeap({
    jdk: question.jdk,
    limitBytes,
    gc: heap.gc,
    containerAware: heap.containerAware,
    knownFlags: heap.flags,
    heapBytes: heap.maxHeapBytes,
    ...(typeof question.pageBytes === 'number' ? { pageBytes: question.pageBytes } : {}),
    wasKilled: false,
  });
}

function summary(question: HeapQuestion, heap: Heap, recommendation: Recommendation | null): string {
  const { limitBytes } = question;
  const jdk = `JDK ${heap.jdk}`;
  if (heap.fatal !== null) return `${jdk} refuses to start with these flags: ${redact(heap.fatal)}`;
  const takes = `takes a heap of up to ${formatBytes(heap.maxHeapBytes)}`;
  if (limitBytes === null) return `${jdk} without a limit ${takes} on a node of ${formatBytes(question.nodeBytes)}`;
  const start = `${jdk} in ${formatQuantity(limitBytes)} ${takes}`;
  if (heap.maxHeapBytes > limitBytes) return `${start}: past the limit; ${setXmx(heap)}`;
  if (heap.otherwiseMaxHeapBytes !== null)
    return `${start}, or ${formatBytes(heap.otherwiseMaxHeapBytes)}: it is not known whether it sees the limit; set -Xmx`;
  const left = formatBytes(limitBytes - heap.maxHeapBytes);
  if (recommendation?.verdict === 'B')
    return `${start}: only ${left} left for the rest of the JVM; lower -Xmx or raise the limit`;
  return `${start}: within the limit, ${left} left for the rest of the JVM`;
}

function setXmx(heap: Heap): string {
  return flagValue(heap.flags, 'MaxHeapSize') === undefined ? 'set -Xmx' : 'lower -Xmx';
}

function findingsOf(question: HeapQuestion, heap: Heap, recommendation: Recommendation | null): Finding[] {
  const { limitBytes } = question;
  if (heap.fatal !== null) {
    return [
      {
        severity: 'critical',
        grade: heap.fatalGrade,
        claim: `JDK ${heap.jdk} refuses to start with these flags.`,
        evidence: redact(heap.fatal),
        advice: fatalAdvice(heap.fatal),
        impact: 'The container exits with 1 at once, again and again.',
      },
    ];
  }
  const findings: Finding[] = [...inputFindings(heap)];
  if (limitBytes === null || recommendation === null) return findings;
  const limit = formatQuantity(limitBytes);
  const max = formatBytes(heap.maxHeapBytes);
  const flags = recommendation.flags[0];
  const { neededLimitBytes } = recommendation;
  const set =
    flags === undefined
      ? `Raise the limit to ${formatQuantity(neededLimitBytes ?? limitBytes)}: no heap worth running with fits into ${limit}.`
      : `Set ${flags}${recommendation.replaces.length === 0 ? '' : ` in place of ${redact(listed(recommendation.replaces))}`}.`;
  const isByFlag = flagValue(heap.flags, 'MaxHeapSize') !== undefined || flagValue(heap.flags, 'MaxRAM') !== undefined;
  if (heap.maxHeapBytes > limitBytes) {
    const largest = heap.arithmetic.at(-1)?.why ?? '';
    findings.push({
      severity: 'critical',
      grade: isByFlag ? 'fact' : heap.awareness.grade,
      claim: `The heap may grow to ${max}, past the limit of ${limit}.`,
      evidence: isByFlag ? `Set by ${largest}` : `${heap.awareness.why}; ${largest}`,
      advice: [set, ...(isByFlag ? [] : upgrade(heap))].join(' '),
      impact: 'The kernel kills the container (OOMKilled, exit 137) before the JVM collects its garbage.',
    });
  } else if (recommendation.verdict === 'B') {
    findings.push({
      severity: 'warning',
      grade: 'inferred',
      claim: `The heap of ${max} leaves ${formatBytes(limitBytes - heap.maxHeapBytes)} of ${limit} for the rest of the JVM.`,
      evidence: `Reckoned beside the heap: ${formatBytes(besideHeap(recommendation))}`,
      advice: neededLimitBytes === null ? `${set} Or raise the limit.` : set,
      impact: 'The container may be killed (OOMKilled, exit 137) while the heap is within its bounds.',
    });
  }
  if (heap.otherwiseMaxHeapBytes !== null) {
    findings.push({
      severity: 'warning',
      grade: 'unknown',
      claim: `It is not known whether this JVM sees the limit: the heap may also be ${formatBytes(heap.otherwiseMaxHeapBytes)}.`,
      evidence: heap.awareness.why,
      advice: heap.awareness.mend ?? 'Set -Xmx.',
    });
  }
  if (heap.withLargePages !== null) findings.push(largePagesFinding(heap.withLargePages, limitBytes));
  return [...findings, ...remarks(heap, recommendation, limitBytes)];
}

function largePagesFinding({ maxHeapBytes }: NonNullable<Heap['withLargePages']>, limitBytes: number): Finding {
  return {
    severity: maxHeapBytes > limitBytes ? 'warning' : 'info',
    grade: 'inferred',
    claim: `On a kernel with 64 KiB pages the heap may grow to ${formatBytes(maxHeapBytes)}.`,
    evidence: 'arm64 kernels have pages of 4 or 64 KiB; with the larger ones both sizes are rounded up to 32 MiB',
    advice: 'getconf PAGESIZE tells; name it with --page-size.',
  };
}

/** How to make the JVM see its limit, beside setting -Xmx. */
function upgrade({ awareness }: Heap): string[] {
  const mend = upgradeOnly(awareness.mend ?? '');
  return mend === '' ? [] : [mend];
}

/** What makes a JVM see its limit, without the other way, a size of its own; empty where there is no such thing. */
export function upgradeOnly(mend: string): string {
  const left = mend.replace(/(?:(?:,|^) ?or set -Xmx|^Set -Xmx)\.$/i, '.');
  return left.length > 1 ? left : '';
}

/** What stands in the reckoning between the limit and the heap: nothing of it may go to the heap. */
function besideHeap({ arithmetic }: Recommendation): number {
  return arithmetic
    .filter(({ name }) => name !== 'Limit' && name !== 'Heap' && name !== 'Kept free')
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

function inputFindings(heap: Heap): Finding[] {
  return [
    ...heap.ignored.map(
      ({ name, why, text }): Finding => ({
        severity: 'info',
        grade: 'fact',
        claim: `${redact(name)} does not count.`,
        evidence: why,
        advice: text === undefined ? 'Put JVM options into JAVA_TOOL_OPTIONS.' : `Remove ${redact(text)}.`,
      }),
    ),
    ...heap.unread.map(
      (file): Finding => ({
        severity: 'warning',
        grade: 'unknown',
        claim: `The file ${redact(file)} was not read: what it sets is not counted.`,
        evidence: 'Only its name is known here.',
        advice: 'Write its options out after --.',
      }),
    ),
    ...heap.suspicious.map(
      ({ name, near }): Finding => ({
        severity: 'warning',
        grade: 'inferred',
        claim: `The JVM may refuse to start: ${redact(name)} is not a flag known here.`,
        evidence: `The nearest known one is ${near}.`,
        advice: `Write -XX:…${near}, if that was meant.`,
      }),
    ),
  ];
}

function remarks(heap: Heap, recommendation: Recommendation, limitBytes: number): Finding[] {
  const findings: Finding[] = [];
  const percentage = heap.flags.find(({ name }) => name === 'MaxRAMPercentage');
  const isSmall = heap.physicalBytes < quarterMebi * 1024 ** 2;
  if (percentage !== undefined && isSmall && flagValue(heap.flags, 'MaxHeapSize') === undefined) {
    findings.push({
      severity: 'info',
      grade: 'fact',
      claim: `${flagText(percentage)} does nothing here.`,
      evidence: 'Below 249.6 MiB of memory the JVM goes by MinRAMPercentage, 50% by default.',
      advice: 'Set -Xmx at such a limit.',
    });
  }
  if (heap.maxHeapBytes < 0.6 * recommendation.heapBytes && recommendation.verdict === 'fits') {
    findings.push({
      severity: 'info',
      grade: 'inferred',
      claim: `The heap could be ${formatBytes(recommendation.heapBytes)} within this limit.`,
      evidence: `It takes ${Math.round((100 * heap.maxHeapBytes) / limitBytes)}% of the limit.`,
      advice: `Set ${recommendation.flags[0] ?? '-Xmx'} if the program runs out of heap.`,
    });
  }
  return findings;
}

function sections(question: HeapQuestion, heap: Heap, recommendation: Recommendation | null): Section[] {
  const rows = [
    ...(question.limitBytes === null
      ? []
      : [['Limit', formatBytes(question.limitBytes), String(question.limitBytes), 'of the container']]),
    ['Node', formatBytes(question.nodeBytes), String(question.nodeBytes), 'memory of the node'],
    ...heap.arithmetic.map(({ name, bytes, why }) => [name, formatBytes(bytes), String(bytes), why]),
  ];
  const settings = heap.flags.map((flag) => [redact(flagText(flag)), flag.source]);
  return [
    { kind: 'table', title: 'The reckoning', columns: ['What', 'Size', 'Bytes', 'Why'], rows },
    ...(settings.length === 0
      ? []
      : [{ kind: 'table' as const, title: 'Flags in effect', columns: ['Flag', 'From'], rows: settings }]),
    ...(recommendation === null || recommendation.flags.length === 0
      ? []
      : [{ kind: 'code' as const, title: 'Flags to set', text: recommendation.flags.join('\n') }]),
    { kind: 'text', title: 'Assumed', text: [...question.assumed, ...heap.notes].map(redact).join('\n') },
  ];
}

/** The contract for scripts, with more behind it. */
function heapData(question: HeapQuestion, heap: Heap, recommendation: Recommendation | null): JsonObject {
  const { limitBytes, nodeBytes, cpus, architecture, cgroup, kernel } = question;
  return {
    jdk: heap.jdk,
    containerAware: heap.containerAware,
    physicalBytes: heap.physicalBytes,
    initialHeapBytes: heap.initialHeapBytes,
    maxHeapBytes: heap.maxHeapBytes,
    gc: heap.gc,
    compressedOops: heap.compressedOops,
    fatal: heap.fatal === null ? null : redact(heap.fatal),
    flags: heap.flags.map(({ name, value, source }) => ({ name, value: redact(value), source })),
    limitBytes,
    nodeBytes,
    cpus,
    architecture,
    cgroup,
    kernel,
    otherwiseMaxHeapBytes: heap.otherwiseMaxHeapBytes,
    pageBytes: question.pageBytes ?? null,
    withLargePages: heap.withLargePages,
    arithmetic: heap.arithmetic.map(({ name, bytes, why }) => ({ name, bytes, why })),
    notes: [...question.assumed, ...heap.notes].map(redact),
    recommendedFlags: recommendation === null ? [] : [...recommendation.flags],
  };
}
