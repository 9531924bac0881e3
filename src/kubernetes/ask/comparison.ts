import { collectorCost, estimateNonHeap } from '../../jvm/non-heap.ts';
import type { JsonObject } from '../../report/report.ts';
import { formatBytes } from '../../report/text.ts';
import { heapSizeFlag } from '../java-container.ts';
import type { Answer } from '../why-findings.ts';
import type { JvmSeen, ProcessSeen, ThreadsSeen } from './seen.ts';

export type Measured = {
  readonly seen: ProcessSeen;
  readonly jvm: JvmSeen | undefined;
  readonly threads: ThreadsSeen | undefined;
  /** What Quorum knows of the container from outside; undefined where that could not be read again. */
  readonly answer: Answer | undefined;
  readonly limitBytes: number | null;
  /** The largest heap by the arithmetic; null where there was none. */
  readonly reckonedHeapBytes: number | null;
};

export type Comparison = {
  /** One or two sentences, the largest heap first. */
  readonly verdict: string;
  readonly findings: readonly string[];
  /** What, measured, reckoned. */
  readonly rows: readonly (readonly string[])[];
  /** For scripts and for the record: all sizes in bytes, null where not to be had. */
  readonly data: JsonObject;
};

/** Puts what was measured beside what was reckoned. */
export function compare(measured: Measured): Comparison {
  const { seen, jvm, threads, limitBytes, reckonedHeapBytes } = measured;
  const { process, cgroup } = seen;
  const maxHeapBytes = jvm?.maxHeapBytes ?? null;
  const agrees = maxHeapBytes === null || reckonedHeapBytes === null ? null : maxHeapBytes === reckonedHeapBytes;
  const workingSetBytes = jvm?.room.workingSetBytes ?? cgroup.workingSetBytes;
  return {
    verdict: verdictOf(measured, maxHeapBytes, agrees, workingSetBytes),
    findings: findingsOf(measured, maxHeapBytes, agrees),
    rows: rowsOf(measured, maxHeapBytes, workingSetBytes),
    data: {
      limitBytes,
      workingSetBytes,
      peakBytes: cgroup.peakBytes,
      oomKills: cgroup.oomKills,
      pid: process?.pid ?? null,
      rssBytes: process?.rssBytes ?? null,
      anonymousBytes: process?.anonymousBytes ?? null,
      peakRssBytes: process?.peakRssBytes ?? null,
      swapBytes: process?.swapBytes ?? null,
      threads: process?.threads ?? null,
      maxHeapBytes,
      reckonedHeapBytes,
      agrees,
      initialHeapBytes: jvm?.initialHeapBytes ?? null,
      collector: jvm?.collector ?? null,
      heapUsedBytes: jvm?.heapUsedBytes ?? null,
      heapCommittedBytes: jvm?.heapCommittedBytes ?? null,
      metaspaceUsedBytes: jvm?.metaspaceUsedBytes ?? null,
      native: jvm?.native ?? null,
      threadStates: threads?.states ?? null,
      hasDeadlock: threads?.hasDeadlock ?? null,
      askedJvm: maxHeapBytes !== null,
    },
  };
}

function verdictOf(
  { seen: { process }, jvm, limitBytes, reckonedHeapBytes }: Measured,
  maxHeapBytes: number | null,
  agrees: boolean | null,
  workingSetBytes: number | null,
): string {
  const size = (bytes: number) => formatBytes(bytes);
  const limit = limitBytes === null ? '' : ` of ${size(limitBytes)}`;
  const rss =
    process?.rssBytes != null
      ? [`RSS ${size(process.rssBytes)}${limit}`]
      : workingSetBytes === null
        ? []
        : [`working set ${size(workingSetBytes)}${limit}`];
  const count = process?.threads == null ? [] : [`${process.threads} threads`];
  const used = jvm?.heapUsedBytes == null ? [] : [`${size(jvm.heapUsedBytes)} of it in use`];
  if (maxHeapBytes === null) {
    const why =
      jvm === undefined || jvm.room.isEnough
        ? 'The JVM itself told nothing'
        : 'The JVM itself was not asked: too little memory is free';
    const known = [...rss, ...count];
    return known.length === 0 ? `${why}.` : `${known.join(', ')}. ${why}.`;
  }
  const against =
    agrees === null
      ? ', and Quorum had reckoned none'
      : agrees
        ? ', as reckoned'
        : `, not the ${size(reckonedHeapBytes ?? 0)} that Quorum reckoned`;
  return `Largest heap ${size(maxHeapBytes)}${against}; ${[...used, ...rss, ...count].join(', ')}.`;
}

function findingsOf(
  { seen: { process, cgroup }, jvm, threads, answer, limitBytes, reckonedHeapBytes }: Measured,
  maxHeapBytes: number | null,
  agrees: boolean | null,
): string[] {
  const found: string[] = [];
  const flags = process?.words.filter((word) => heapSizeFlag.test(word)) ?? [];
  const isOver = maxHeapBytes !== null && limitBytes !== null && maxHeapBytes > limitBytes;
  if (isOver)
    found.push(
      `The heap may grow to ${formatBytes(maxHeapBytes)} in ${formatBytes(limitBytes)}: the kernel kills it before it is full. Bound it: \`/oom fix\`.`,
    );
  if (agrees === false)
    found.push(
      `MaxHeapSize is ${formatBytes(maxHeapBytes ?? 0)} (${maxHeapBytes}), and the arithmetic gives ${formatBytes(reckonedHeapBytes ?? 0)} (${reckonedHeapBytes}). ${
        flags.length === 0
          ? 'Something that is not seen from outside decides: variables from a secret or an image, another JDK, or a limit that was changed after it started.'
          : `On its command line stands ${flags.join(' ')}.`
      } What the JVM says counts.`,
    );
  const reckonedCollector = answer?.analysis?.heap?.gc;
  if (jvm?.collector != null && reckonedCollector !== undefined && jvm.collector !== reckonedCollector)
    found.push(
      `It collects with ${jvm.collector}, and ${reckonedCollector} was reckoned: something that is not seen from outside chose it.`,
    );
  const unseen = flags.filter((flag) => answer?.java.args.every((arg) => arg !== flag));
  if (agrees !== false && answer !== undefined && unseen.length > 0)
    found.push(`Its command line holds ${unseen.join(' ')}, which the pod does not show: a script adds it.`);
  const committed = jvm?.heapCommittedBytes;
  const anonymous = process?.anonymousBytes;
  if (committed != null && anonymous != null && anonymous > committed)
    found.push(
      `At least ${formatBytes(anonymous - committed)} of its memory are not heap (RssAnon less what the heap holds).`,
    );
  if (limitBytes !== null && process?.rssBytes != null && process.rssBytes > 0.9 * limitBytes)
    found.push(`RSS is at ${Math.round((100 * process.rssBytes) / limitBytes)} % of the limit.`);
  if ((process?.swapBytes ?? 0) > 0)
    found.push(`${formatBytes(process?.swapBytes ?? 0)} of it are swapped out: collections that touch them take long.`);
  if ((cgroup.oomKills ?? 0) > 0)
    found.push(
      `The kernel has killed ${cgroup.oomKills} in this container for its limit since it was started (memory.events).`,
    );
  if (threads?.hasDeadlock === true) found.push('The JVM found a deadlock: it stands at the end of the thread dump.');
  return found;
}

/** Areas of native memory tracking that stand for a part of the arithmetic, by JDK: metaspace is a part of Class until 16. */
const areasOf: Readonly<Record<string, readonly string[]>> = {
  Metaspace: ['Class', 'Metaspace'],
  'Compiled code': ['Code'],
  Threads: ['Thread'],
  'Direct memory': ['Other'],
};

function rowsOf(
  { seen: { process, cgroup }, jvm, answer, limitBytes, reckonedHeapBytes }: Measured,
  maxHeapBytes: number | null,
  workingSetBytes: number | null,
): string[][] {
  const size = (bytes: number | null | undefined) => (bytes == null ? '–' : formatBytes(bytes));
  const estimate = limitBytes === null ? undefined : estimateNonHeap(limitBytes, answer?.analysis?.heap?.flags ?? []);
  const areas = jvm?.native?.areas;
  const committedIn = (names: readonly string[]) => {
    const found = areas?.filter(({ name }) => names.includes(name)) ?? [];
    return found.length === 0 ? null : found.reduce((sum, { committedBytes }) => sum + committedBytes, 0);
  };
  const gc = answer?.analysis?.heap?.gc;
  const parts = Object.entries(areasOf).map(([part, names]) => [
    part === 'Threads' ? 'Thread stacks' : part,
    size(part === 'Metaspace' && areas === undefined ? jvm?.metaspaceUsedBytes : committedIn(names)),
    size(estimate?.parts.find(({ name }) => name === part)?.bytes),
  ]);
  const collector =
    gc === undefined || gc === 'Gencon' || reckonedHeapBytes === null
      ? null
      : Math.round(collectorCost(gc).fixedBytes + collectorCost(gc).perHeapByte * reckonedHeapBytes);
  const rows: (readonly string[])[] = [
    ['Largest heap', size(maxHeapBytes), size(reckonedHeapBytes)],
    ['Heap in use', size(jvm?.heapUsedBytes), '–'],
    ['Heap held', size(jvm?.heapCommittedBytes), '–'],
    ...parts,
    ['Collector', size(committedIn(['GC'])), size(collector)],
    ['RSS', size(process?.rssBytes), '–'],
    ['RSS without files', size(process?.anonymousBytes), '–'],
    ['Largest RSS', size(process?.peakRssBytes), '–'],
    ['Swapped out', size(process?.swapBytes), '–'],
    ['Working set', size(workingSetBytes), '–'],
    ['Peak of the cgroup', size(cgroup.peakBytes), '–'],
    ['Limit', size(cgroup.limitBytes ?? limitBytes), size(limitBytes)],
    ['Threads', process?.threads == null ? '–' : String(process.threads), '–'],
    ['Processes at most', process?.processesLimit ?? '–', '–'],
    ['Open files at most', process?.openFilesLimit ?? '–', '–'],
  ];
  return rows.filter((row) => row[1] !== '–' || (row[0] === 'Largest heap' && row[2] !== '–')).map((row) => [...row]);
}
