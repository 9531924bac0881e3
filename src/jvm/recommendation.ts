import { formatBytes, formatDuration } from '../report/text.ts';
import { type Collector, g1RegionBytes } from './collector.ts';
import { flagState } from './flag-history.ts';
import { type FlagSetting, flagText, flagValue } from './flags.ts';
import type { Arithmetic } from './heap.ts';
import { collectorCost, estimateNonHeap, isDirectBounded, type NonHeap } from './non-heap.ts';
import { parseMemorySize } from './option-value.ts';
import { formatJdkVersion, type JdkVersion } from './version.ts';

const mebi = 1024 ** 2;
/** A heap below this, or below a quarter of the limit, is no heap to run with. */
const smallestHeapBytes = 64 * mebi;
const smallestShare = 0.25;
const largestShare = 0.75;
const exitFlag = '-XX:+ExitOnOutOfMemoryError';
/** Kept free of everything: 5% of the limit, at least 16 MiB. */
const spareShare = 0.05;
const smallestSpareBytes = 16 * mebi;

export type RecommendationInput = {
  /** Null when unknown. */
  readonly jdk: JdkVersion | null;
  /** What is there for this container: its own limit, or the pod's less what the others use of it. */
  readonly limitBytes: number;
  /** What other containers use of a limit that is the whole pod's: a percentage would be one of that, so there is none. */
  readonly othersBytes?: number;
  readonly gc: Collector;
  readonly containerAware: true | false | null;
  /** The flags in effect. */
  readonly knownFlags: readonly FlagSetting[];
  /** The largest working set seen. */
  readonly peakBytes?: number;
  /** The largest heap that the JVM may take now. */
  readonly heapBytes?: number;
  /** Killed for its memory: then the peak was the limit, whatever was sampled. */
  readonly wasKilled: boolean;
  /** The JVM itself said that its heap was full. */
  readonly outOfMemory?: 'heap';
  /** There may be flags that are not known: among them -Xmx, which beats any percentage. */
  readonly hasUnseenFlags?: true;
  /** The memory request, where known: one that is the limit already need not be set to it. */
  readonly requestBytes?: number;
  /** How long the process ran that ended, in milliseconds. */
  readonly ranMs?: number;
  /** The kernel's pages; 4 KiB where not given. */
  readonly pageBytes?: number;
};

/**
 * A: the heap may grow past the limit. B: it leaves too little for the rest. C: the heap is not the trouble. D: the heap may be
 * larger within this limit. E: the limit is too small for this program, or it leaks. F: it was full soon after the start, which a
 * leak does not do.
 */
export type HeapVerdict = 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'fits' | 'limit-too-small';

/** What fills a heap sooner than this is what the start needs. */
const startMs = 120_000;

export type Recommendation = {
  /** What it was reckoned from, for another limit. */
  readonly reckonedFrom: RecommendationInput;
  readonly limitBytes: number;
  /** The largest heap to set. */
  readonly heapBytes: number;
  /** In the form that this JVM takes; empty where no heap fits into the limit. */
  readonly flags: readonly string[];
  readonly verdict: HeapVerdict;
  /** The verdict in words, with its figures: sentences. */
  readonly meaning: string;
  readonly arithmetic: readonly Arithmetic[];
  /** The limit to set, where this one is too small. */
  readonly neededLimitBytes: number | null;
  /** The flags that these take the place of, each with where it stands: `-Xmx2g (command line)`. */
  readonly replaces: readonly string[];
  readonly notes: readonly string[];
};

/**
 * The heap to set for a limit: the limit less what the JVM needs beside its heap, at most 75%.
 * In real cgroups, 192 MiB to 8 GiB, JDK 8, 17 and 27: 16 of 16 ended in the JVM's own OutOfMemoryError, none was killed.
 */
export function recommendHeap(input: RecommendationInput): Recommendation {
  const { limitBytes, gc, wasKilled, heapBytes, knownFlags } = input;
  const estimate = estimateNonHeap(limitBytes, knownFlags);
  const observed = observedNonHeap(input);
  const nonHeapBytes = Math.max(estimate.bytes, 1.25 * (observed ?? 0));
  const fitting = fittingHeap(input, limitBytes, nonHeapBytes);
  const fits = isEnough(fitting, limitBytes);
  const verdict = decide(input, estimate, fitting, fits);
  const neededLimitBytes = neededLimit(input, nonHeapBytes, fits, verdict);

  // Where the heap is not the trouble it stays as it is.
  const keeps = verdict === 'C' && heapBytes !== undefined;
  const recommended = keeps ? heapBytes : fitting;
  const isByObservation = observed !== null && 1.25 * observed > estimate.bytes;
  const direct = isByObservation || isDirectBounded(knownFlags) ? null : estimate.directBytes;
  const flags = keeps
    ? ['-XX:NativeMemoryTracking=summary']
    : fits && verdict !== 'E' && verdict !== 'F'
      ? heapFlags(input, limitBytes, recommended, direct)
      : [];
  const others = input.othersBytes ?? 0;
  return {
    reckonedFrom: input,
    limitBytes: limitBytes + others,
    heapBytes: recommended,
    flags,
    verdict,
    meaning: meaning(input, verdict, fitting, nonHeapBytes),
    arithmetic: arithmetic(input, estimate, isByObservation ? nonHeapBytes : null, recommended),
    neededLimitBytes: neededLimitBytes === null ? null : neededLimitBytes + others,
    replaces: flags.length === 0 || keeps ? [] : replacedFlags(input, recommended),
    notes: [
      ...(wasKilled && observed !== null
        ? [
            'Killed at the limit: what was needed beside the heap is a lower bound; confirm it with native memory tracking.',
          ]
        : []),
      ...(neededLimitBytes !== null && !keeps ? [raisedNote(input, neededLimitBytes, observed)] : []),
      ...(keeps ? [] : flagNotes(input, direct)),
      ...(flags.includes(exitFlag)
        ? [
            `${exitFlag} ends the process at its first OutOfMemoryError: a pod that lived on and answered with errors restarts instead. Leave it out where that is worse.`,
          ]
        : []),
      ...(gc === 'CMS' ? ['What CMS needs for itself was not measured: taken as for Parallel.'] : []),
      // Left to whoever asks: a heap dump holds people's data.
      ...(flags.length > 0 && flagValue(input.knownFlags, 'HeapDumpOnOutOfMemoryError') !== 'true'
        ? [
            `For a heap dump, which holds people’s data: -XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=/dumps, and an emptyDir of at least ${formatBytes(recommended)} there.`,
          ]
        : []),
      ...(keeps
        ? [
            'Look for what grows beside the heap: native memory tracking (start it with -XX:NativeMemoryTracking=summary, then jcmd 1 VM.native_memory; a JRE has no jcmd), threads, direct buffers, glibc arenas (MALLOC_ARENA_MAX=2), tmpfs, child processes.',
          ]
        : []),
    ],
  };
}

/** The heap to set for another limit than the one that it ran with. */
export type HeapAtLimit = Pick<Recommendation, 'limitBytes' | 'heapBytes' | 'flags' | 'arithmetic' | 'notes'>;

/**
 * The same reckoning for another limit: what was seen beside the heap is what was seen at the old one.
 * @param limitBytes of the container alone
 * @returns undefined where no heap worth running with fits into it
 */
export function heapAtLimit(input: RecommendationInput, limitBytes: number): HeapAtLimit | undefined {
  const { knownFlags } = input;
  const estimate = estimateNonHeap(limitBytes, knownFlags);
  const observed = observedNonHeap(input);
  const isByObservation = observed !== null && 1.25 * observed > estimate.bytes;
  const nonHeapBytes = isByObservation ? 1.25 * observed : estimate.bytes;
  const heapBytes = fittingHeap(input, limitBytes, nonHeapBytes);
  if (!isEnough(heapBytes, limitBytes)) return undefined;
  const direct = isByObservation || isDirectBounded(knownFlags) ? null : estimate.directBytes;
  const at = { ...input, limitBytes };
  return {
    limitBytes,
    heapBytes,
    flags: heapFlags(input, limitBytes, heapBytes, direct),
    arithmetic: arithmetic(
      // Where it was killed is the old limit: the words say only that it was seen there.
      at,
      estimate,
      isByObservation ? nonHeapBytes : null,
      heapBytes,
    ),
    notes: flagNotes(at, direct),
  };
}

/** Peak less largest heap: a lower bound, as the heap never commits more than its maximum. Null when nothing was seen. */
function observedNonHeap({ limitBytes, peakBytes, heapBytes, wasKilled }: RecommendationInput): number | null {
  const peak = wasKilled ? limitBytes : peakBytes;
  if (peak === undefined || heapBytes === undefined) return null;
  return peak > heapBytes ? peak - heapBytes : null;
}

/** The largest heap that the JVM will not round up; 0 where nothing is left. */
function fittingHeap({ jdk, gc, pageBytes }: RecommendationInput, limitBytes: number, nonHeapBytes: number): number {
  const { fixedBytes, perHeapByte } = collectorCost(gc);
  const left = (limitBytes - nonHeapBytes - spare(limitBytes) - fixedBytes) / (1 + perHeapByte);
  const most = Math.min(largestShare * limitBytes, left);
  if (most <= 0) return 0;
  const region = g1RegionBytes({ major: jdk?.major ?? 17, initialBytes: most, maxBytes: most, asked: 0 });
  const hasCards = gc !== 'Z' && gc !== 'Shenandoah';
  const step = Math.max(2 * mebi, gc === 'G1' ? region : 0, hasCards ? 512 * (pageBytes ?? 4096) : 0);
  return Math.floor(most / step) * step;
}

function spare(limitBytes: number): number {
  return Math.max(smallestSpareBytes, spareShare * limitBytes);
}

function isEnough(heapBytes: number, limitBytes: number): boolean {
  return heapBytes >= smallestHeapBytes && heapBytes >= smallestShare * limitBytes;
}

function collectorBytes(gc: Collector, heapBytes: number): number {
  const { fixedBytes, perHeapByte } = collectorCost(gc);
  return fixedBytes + perHeapByte * heapBytes;
}

function decide(input: RecommendationInput, estimate: NonHeap, fitting: number, fits: boolean): HeapVerdict {
  const { heapBytes, limitBytes, gc, wasKilled, outOfMemory, peakBytes } = input;
  const otherwise = fits ? 'fits' : 'limit-too-small';
  if (heapBytes === undefined) return otherwise;
  if (heapBytes > limitBytes) return 'A';
  // Within 5% of what fits there is nothing to gain from this limit.
  if (outOfMemory === 'heap') {
    if (fits && heapBytes < 0.95 * fitting) return 'D';
    return isStart(input) ? 'F' : 'E';
  }
  // A peak at the limit tells only that something grew: whether it was the heap, the estimate has to say.
  const seen = !wasKilled && peakBytes !== undefined ? 1.25 * (peakBytes - heapBytes) : 0;
  const needed = heapBytes + Math.max(estimate.bytes, seen) + collectorBytes(gc, heapBytes);
  if (limitBytes < needed) return 'B';
  if (!wasKilled) return otherwise;
  const isModest = heapBytes <= largestShare * limitBytes && needed + spare(limitBytes) <= limitBytes;
  return isModest ? 'C' : 'B';
}

function isStart({ ranMs }: RecommendationInput): boolean {
  return ranMs !== undefined && ranMs < startMs;
}

/** The limit at which this very heap fits, and not another one. */
function limitFor({ gc, knownFlags }: RecommendationInput, heapBytes: number, nonHeapBytes: number): number {
  const { fixedBytes, perHeapByte } = collectorCost(gc);
  const limitOf = (beside: number) => (heapBytes * (1 + perHeapByte) + beside + fixedBytes) / (1 - spareShare);
  // The profile is that of the limit to be, as in neededLimit.
  const first = roundLimit(Math.max(limitOf(nonHeapBytes), heapBytes / largestShare));
  return roundLimit(Math.max(first, limitOf(Math.max(nonHeapBytes, estimateNonHeap(first, knownFlags).bytes))));
}

/** What the verdict means here. */
function meaning(input: RecommendationInput, verdict: HeapVerdict, fitting: number, nonHeapBytes: number): string {
  const { heapBytes = 0, limitBytes, gc, ranMs } = input;
  const heap = formatBytes(heapBytes);
  const limit = formatBytes(limitBytes);
  const beside = formatBytes(nonHeapBytes + collectorBytes(gc, heapBytes));
  const words: Readonly<Record<HeapVerdict, string>> = {
    A: `The heap may grow to ${heap}, past the limit of ${limit}: what is wrong is how the heap is sized, and the limit may stay.`,
    B: `A heap of ${heap} leaves ${formatBytes(Math.max(0, limitBytes - heapBytes))} of ${limit} for everything else, which is reckoned to need ${beside}: lower the heap, or keep it and raise the limit to ${formatBytes(limitFor(input, heapBytes, nonHeapBytes))}.`,
    C: `It is not the heap: with at most ${heap} of it, ${formatBytes(limitBytes - heapBytes)} or more grew beside it. Leave -Xmx as it is.`,
    D: `The heap was full at ${heap}, and ${formatBytes(fitting)} fit into this limit: give it more before the limit is raised.`,
    E: `The heap was full at ${heap}, and no more than ${formatBytes(fitting)} fit into this limit: raise the limit once; if it fills again, it leaks, and a heap dump tells more than memory.`,
    F: `The heap was full ${formatDuration(ranMs ?? 0)} after the start: that is what its start needs, not a leak. Raise the limit, or load less at the start.`,
    fits: `A heap of ${formatBytes(fitting)} fits into ${limit}.`,
    'limit-too-small': `No heap worth running with fits into ${limit}: at least 64 MiB and a quarter of the limit.`,
  };
  const start =
    isStart(input) && input.wasKilled && verdict !== 'F'
      ? ` It ran for ${formatDuration(ranMs ?? 0)} only: that is what its start needs, and hardly a leak.`
      : '';
  return `${words[verdict]}${start}`;
}

/** The limit at which the heap fits, rounded up to 32 MiB below 1 GiB and to 64 MiB above; null where this one will do. */
function neededLimit(
  input: RecommendationInput,
  nonHeapBytes: number,
  fits: boolean,
  verdict: HeapVerdict,
): number | null {
  if (fits && verdict !== 'E' && verdict !== 'F') return null;
  const { limitBytes, gc, heapBytes, knownFlags } = input;
  const { fixedBytes, perHeapByte } = collectorCost(gc);
  // A heap that was full needs more by nobody knows how much: half as much again is a step worth taking once.
  const wanted = Math.max(smallestHeapBytes, verdict === 'E' || verdict === 'F' ? 1.5 * (heapBytes ?? 0) : 0);
  let candidate = roundLimit((wanted * (1 + perHeapByte) + nonHeapBytes + fixedBytes) / (1 - spareShare));
  for (;;) {
    // A larger limit stands for a larger program: it may need more beside its heap.
    const needed = Math.max(nonHeapBytes, estimateNonHeap(candidate, knownFlags).bytes);
    const heap = fittingHeap(input, candidate, needed);
    if (candidate > limitBytes && isEnough(heap, candidate) && heap >= wanted) return candidate;
    // By a hundredth at least, so that an absurd flag (a code cache of exabytes) ends too.
    candidate = roundLimit(Math.max(candidate + 1, candidate * 1.01));
  }
}

function roundLimit(bytes: number): number {
  const step = (bytes <= 1024 * mebi ? 32 : 64) * mebi;
  return Math.ceil(bytes / step) * step;
}

/** The heap flag in the form that this JVM takes, and what makes the next failure tell its cause. */
function heapFlags(
  input: RecommendationInput,
  limitBytes: number,
  heapBytes: number,
  directBytes: number | null,
): string[] {
  const { jdk, knownFlags } = input;
  const isMissing = (name: string) =>
    flagValue(knownFlags, name) !== 'true' && (jdk === null || flagState(name, jdk) === 'accepted');
  return [
    heapFlag(input, limitBytes, heapBytes),
    // A larger initial heap would raise the largest one, or keep the JVM from starting.
    ...(initialHeapBytes(input) > heapBytes ? [`-Xms${Math.floor(heapBytes / mebi)}m`] : []),
    ...(directBytes === null ? [] : [`-XX:MaxDirectMemorySize=${Math.ceil(directBytes / mebi)}m`]),
    ...(isMissing('ExitOnOutOfMemoryError') && flagValue(knownFlags, 'CrashOnOutOfMemoryError') !== 'true'
      ? [exitFlag]
      : []),
  ];
}

/** A percentage follows the limit when it changes; it does nothing below 250 MiB, and for a JVM that does not see the limit it is a share of the node. */
function heapFlag(input: RecommendationInput, limitBytes: number, heapBytes: number): string {
  const { jdk, containerAware, knownFlags } = input;
  const isPercentageSafe =
    jdk !== null &&
    containerAware === true &&
    limitBytes >= 250 * mebi &&
    heapBytes >= 126 * mebi &&
    flagState('MaxRAMPercentage', jdk) === 'accepted' &&
    initialHeapBytes(input) <= heapBytes &&
    input.hasUnseenFlags !== true &&
    input.othersBytes === undefined &&
    // -Xmx anywhere beats a percentage anywhere; -XX:MaxRAM would change what it is a share of.
    flagValue(knownFlags, 'MaxHeapSize') === undefined &&
    flagValue(knownFlags, 'MaxRAM') === undefined;
  if (!isPercentageSafe) return `-Xmx${Math.floor(heapBytes / mebi)}m`;
  return `-XX:MaxRAMPercentage=${(Math.floor((heapBytes * 1000) / limitBytes) / 10).toFixed(1)}`;
}

function raisedNote(input: RecommendationInput, neededLimitBytes: number, observed: number | null): string {
  const nonHeap = Math.max(estimateNonHeap(neededLimitBytes, input.knownFlags).bytes, 1.25 * (observed ?? 0));
  const heap = fittingHeap(input, neededLimitBytes, nonHeap);
  return `With a limit of ${formatBytes(neededLimitBytes)}: ${heapFlag(input, neededLimitBytes, heap)}.`;
}

/** The initial heap that is set; 0 where none is. */
function initialHeapBytes({ jdk, knownFlags }: RecommendationInput): number {
  return parseMemorySize(flagValue(knownFlags, 'InitialHeapSize') ?? '', jdk?.major ?? 17) ?? 0;
}

function replacedFlags(input: RecommendationInput, heapBytes: number): string[] {
  return input.knownFlags
    .filter(
      ({ name }) =>
        name === 'MaxHeapSize' ||
        name === 'MaxRAMPercentage' ||
        (name === 'InitialHeapSize' && initialHeapBytes(input) > heapBytes),
    )
    .map((flag) => `${flagText(flag)} (${flag.source})`);
}

function flagNotes(
  { jdk, containerAware, limitBytes, requestBytes }: RecommendationInput,
  directBytes: number | null,
): string[] {
  return [
    ...(directBytes === null
      ? []
      : [
          'A program that uses more direct memory (Netty, NIO) needs a larger -XX:MaxDirectMemorySize and as much less heap.',
        ]),
    ...(containerAware === true || jdk === null
      ? []
      : [
          `-Xmx rather than a percentage: JDK ${formatJdkVersion(jdk)} ${containerAware === null ? 'may not see' : 'does not see'} the limit.`,
        ]),
    ...(requestBytes === limitBytes ? [] : ['Set the memory request to the limit.']),
  ];
}

function arithmetic(
  input: RecommendationInput,
  estimate: NonHeap,
  observedBytes: number | null,
  heapBytes: number,
): Arithmetic[] {
  const { limitBytes, othersBytes, gc, wasKilled, heapBytes: currentHeapBytes = 0 } = input;
  const { fixedBytes, perHeapByte } = collectorCost(gc);
  const peak = wasKilled ? 'the limit, where it was killed' : 'the peak';
  const rest: readonly Arithmetic[] =
    observedBytes === null
      ? estimate.parts
      : [
          {
            name: 'Beside the heap',
            bytes: Math.ceil(observedBytes),
            why: `${peak} less a heap of ${formatBytes(currentHeapBytes)}, and a quarter more`,
          },
        ];
  const gcWhy =
    fixedBytes > 0
      ? `${formatBytes(fixedBytes)} and ${percent(perHeapByte)} of the heap`
      : `${percent(perHeapByte)} of the heap`;
  const isCapped = heapBytes === Math.floor((largestShare * limitBytes) / (2 * mebi)) * 2 * mebi;
  return [
    ...(othersBytes === undefined
      ? [{ name: 'Limit', bytes: limitBytes, why: 'of the container' }]
      : [
          { name: 'Limit', bytes: limitBytes + othersBytes, why: 'of the whole pod' },
          { name: 'Other containers', bytes: othersBytes, why: 'what they use or ask for' },
        ]),
    ...rest,
    { name: 'Kept free', bytes: Math.ceil(spare(limitBytes)), why: 'at least 5% and 16 MiB' },
    { name: `${gc} collector`, bytes: Math.ceil(collectorBytes(gc, heapBytes)), why: gcWhy },
    { name: 'Heap', bytes: heapBytes, why: isCapped ? 'at most 75% of the limit' : 'what is left' },
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}
