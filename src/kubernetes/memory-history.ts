/** What a container used over time, from whoever kept it. Pure: times are milliseconds since the epoch, sizes bytes. */

/** One value at one moment. */
export type Sample = readonly [atMs: number, bytes: number];

/** What was read about a container's memory over a range of time. */
export type MemoryHistory = {
  /** Prometheus, or the samples of metrics.k8s.io that Quorum keeps. */
  readonly source: 'prometheus' | 'samples';
  readonly fromMs: number;
  readonly toMs: number;
  /** The usual distance of two values: between them a spike is not seen. */
  readonly everyMs: number;
  /** The working set, oldest first, in parts: between two of them the container did not run, or nobody looked. */
  readonly runs: readonly (readonly Sample[])[];
  /** When runs were last seen that had come to their end by the next value. */
  readonly endsMs: readonly number[];
  /** The heap in use as the JVM itself tells it, in the same way. */
  readonly heapRuns: readonly (readonly Sample[])[];
  /** The largest heap as the JVM itself tells it. */
  readonly heapMaxBytes?: number;
  /** The memory limit over time, where it is known to have been another one. */
  readonly limits: readonly Sample[];
};

/** The range of time worth looking at, and how far apart values are asked for. */
export type MemoryRange = { readonly fromMs: number; readonly toMs: number; readonly stepMs: number };

const minuteMs = 60_000;
const shortestRangeMs = 60 * minuteMs;
const longestRangeMs = 7 * 24 * 60 * minuteMs;
/** CrashLoopBackOff waits this long at most between two runs. */
const longestBackoffMs = 5 * minuteMs;
const runsShown = 4;
/** About as many values as a picture has room for. */
const wantedValues = 360;
const stepsMs = [15, 30, 60, 120, 300, 600, 900, 1800].map((seconds) => seconds * 1000);
/** Clocks differ: an end that is told a little after our own time is one. */
const clockSkewMs = 10 * minuteMs;

/** When a container's present run began, and when the one before it began and ended; what is not known is undefined. */
export type RunTimes = {
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly endedRunStartedMs: number | undefined;
};

/**
 * The last runs of a container: as long as four runs like the one that ended, else since the present one began; an hour at least,
 * seven days at most. It ends now, or soon after an end that is long past.
 */
export function memoryRange({ startedMs, endedMs, endedRunStartedMs }: RunTimes, nowMs: number): MemoryRange {
  const ranMs =
    endedMs !== undefined && endedRunStartedMs !== undefined && endedMs > endedRunStartedMs
      ? endedMs - endedRunStartedMs
      : undefined;
  const wanted =
    ranMs !== undefined
      ? runsShown * (ranMs + longestBackoffMs)
      : startedMs === undefined
        ? shortestRangeMs
        : nowMs - startedMs;
  const spanMs = Math.min(longestRangeMs, Math.max(shortestRangeMs, wanted));
  const isAhead = endedMs !== undefined && endedMs > nowMs && endedMs - nowMs < clockSkewMs;
  const isLongPast = endedMs !== undefined && nowMs - endedMs > spanMs * 0.75;
  const toMs = isAhead ? endedMs + minuteMs : isLongPast ? endedMs + spanMs / 4 : nowMs;
  const stepMs = stepsMs.find((step) => spanMs / step <= wantedValues) ?? stepsMs.at(-1) ?? minuteMs;
  // On whole steps, so that the same question gives the same moments.
  const lastMs = Math.ceil(toMs / stepMs) * stepMs;
  return { fromMs: lastMs - Math.ceil(spanMs / stepMs) * stepMs, toMs: lastMs, stepMs };
}

/** Values of one run in order of time, without what is no size or lies outside; two at one moment become the larger. */
export function cleaned(samples: readonly Sample[], { fromMs, toMs }: Pick<MemoryRange, 'fromMs' | 'toMs'>): Sample[] {
  const byTime = new Map<number, number>();
  for (const [atMs, bytes] of samples) {
    if (!Number.isFinite(bytes) || bytes < 0 || !Number.isFinite(atMs) || atMs < fromMs || atMs > toMs) continue;
    byTime.set(atMs, Math.max(bytes, byTime.get(atMs) ?? 0));
  }
  return [...byTime].sort(([a], [b]) => a - b);
}

/** Values in parts, and the last moments of those parts that ended with a run of the container. */
export type Runs = Pick<MemoryHistory, 'runs' | 'endsMs'>;

/** Starts of a container that are known from elsewhere, and how often it was started again in all. */
export type KnownStarts = { readonly startsMs: readonly number[]; readonly restarts: number };

/**
 * Takes values apart where the container cannot have run through: at starts that are known, and where values are missing. Of
 * further restarts only their number is known: they are taken to be where the working set fell most, to less than half.
 */
export function splitIntoRuns(samples: readonly Sample[], everyMs: number, known: KnownStarts): Runs {
  const gaps: number[] = [];
  const starts: number[] = [];
  const falls: { readonly index: number; readonly share: number }[] = [];
  for (let index = 1; index < samples.length; index++) {
    const [beforeMs, before] = samples[index - 1] ?? [0, 0];
    const [atMs, bytes] = samples[index] ?? [0, 0];
    if (known.startsMs.some((startMs) => startMs > beforeMs && startMs <= atMs)) starts.push(index);
    else if (bytes < before / 2) falls.push({ index, share: bytes / before });
    if (atMs - beforeMs > 2.5 * everyMs) gaps.push(index);
  }
  const further = Math.max(0, known.restarts - starts.length);
  const fallen = falls.sort((a, b) => a.share - b.share).slice(0, further);
  const begun = inOrder([...starts, ...fallen.map(({ index }) => index)]);
  const cuts = inOrder([...begun, ...gaps]);
  return {
    runs: [0, ...cuts]
      .map((start, index) => samples.slice(start, cuts[index] ?? samples.length))
      .filter(({ length }) => length > 0),
    endsMs: begun.map((index) => samples[index - 1]?.[0] ?? 0),
  };
}

function inOrder(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** The largest working set that was seen; undefined where none was. */
export function peakOf({ runs }: Pick<MemoryHistory, 'runs'>): Sample | undefined {
  return largest(runs.flat());
}

/** The first of the largest values. */
export function largest(samples: readonly Sample[]): Sample | undefined {
  return samples.reduce<Sample | undefined>(
    (best, each) => (best === undefined || each[1] > best[1] ? each : best),
    undefined,
  );
}

/** At most so many values, the largest of each stretch of time and the first and the last: what was thinned out was smaller. */
export function thinned(samples: readonly Sample[], most: number): readonly Sample[] {
  const first = samples[0];
  const last = samples.at(-1);
  if (samples.length <= most || first === undefined || last === undefined) return samples;
  const inner = samples.slice(1, -1);
  const stretches = Math.max(1, most - 2);
  const widthMs = (last[0] - first[0] + 1) / stretches;
  const kept = new Map<number, Sample>();
  for (const sample of inner) {
    const stretch = Math.floor((sample[0] - first[0]) / widthMs);
    const known = kept.get(stretch);
    if (known === undefined || sample[1] > known[1]) kept.set(stretch, sample);
  }
  return [first, ...kept.values(), last];
}
