import {
  cleaned,
  type KnownStarts,
  type MemoryHistory,
  type MemoryRange,
  type Runs,
  type Sample,
  splitIntoRuns,
} from '../kubernetes/memory-history.ts';
import type { ContainerName } from '../kubernetes/memory-reader.ts';
import type { Series } from './matrix.ts';
import { heapMaxMetrics, heapUsedMetrics, limitMetric, workingSetMetric } from './query.ts';

/**
 * A container's memory from series of any pods and metrics: what belongs to others is left out. Series of several scrapes of one
 * run become one; the pools of a heap are summed. Undefined where there is no working set.
 */
export function memoryFigures(
  series: readonly Series[],
  target: ContainerName,
  range: MemoryRange,
  known: KnownStarts,
): MemoryHistory | undefined {
  const own = series.filter(({ labels }) => isOf(labels, target));
  const workingSet = own.filter(({ labels }) => (labels.__name__ ?? workingSetMetric) === workingSetMetric);
  const { runs, endsMs } = runsOf(workingSet, range, known);
  if (runs.length === 0) return undefined;
  const heapUsed = heapSeries(own, heapUsedMetrics, range);
  const heapMax = heapSeries(own, heapMaxMetrics, range);
  const starts = runs.flatMap((run) => run.slice(0, 1)).map(([atMs]) => atMs);
  const limits = own.filter(({ labels }) => labels.__name__ === limitMetric && labels.resource === 'memory');
  const heapMaxBytes = heapMax.at(-1)?.[1];
  return {
    source: 'prometheus',
    fromMs: range.fromMs,
    toMs: range.toMs,
    everyMs: range.stepMs,
    runs,
    endsMs,
    heapRuns: splitIntoRuns(heapUsed, range.stepMs, { startsMs: [...starts, ...known.startsMs], restarts: 0 }).runs,
    ...(heapMaxBytes === undefined ? {} : { heapMaxBytes }),
    limits: cleaned(
      limits.flatMap(({ samples }) => samples),
      range,
    ),
  };
}

/** A label that a scrape does not set says nothing against it. */
function isOf(labels: Series['labels'], target: ContainerName): boolean {
  return (['namespace', 'pod', 'container'] as const).every(
    (name) => labels[name] === undefined || labels[name] === '' || labels[name] === target[name],
  );
}

/** By the cgroup's id where cAdvisor's labels have it: each start of a container makes a new one. */
function runsOf(series: readonly Series[], range: MemoryRange, known: KnownStarts): Runs {
  const groups = [...grouped(series, ({ labels }) => labels.id ?? labels.name ?? '')].map(([id, parts]) => ({
    known: id === '' ? known : { ...known, restarts: 0 },
    samples: cleaned(
      parts.flatMap(({ samples }) => samples),
      range,
    ),
  }));
  const inTime = groups
    .filter(({ samples }) => samples.length > 0)
    .sort((a, b) => (a.samples[0]?.[0] ?? 0) - (b.samples[0]?.[0] ?? 0));
  const parts = inTime.map((group) => splitIntoRuns(group.samples, range.stepMs, group.known));
  return {
    runs: parts.flatMap(({ runs }) => runs),
    endsMs: parts.flatMap(({ runs, endsMs }, index) => {
      const lastMs = runs.at(-1)?.at(-1)?.[0];
      return lastMs === undefined || index === parts.length - 1 ? endsMs : [...endsMs, lastMs];
    }),
  };
}

/** The sum of a heap's pools at each moment; a pool without a maximum tells -1. Of several scrapes of one JVM the larger counts. */
function heapSeries(series: readonly Series[], names: readonly string[], range: MemoryRange): Sample[] {
  const pools = series.filter(({ labels }) => names.includes(labels.__name__ ?? '') && labels.area === 'heap');
  const byScrape = grouped(pools, ({ labels }) => [labels.__name__, labels.job, labels.instance].join('\n'));
  const sums = [...byScrape.values()].flatMap((parts): Sample[] => {
    const sum = new Map<number, number>();
    for (const { samples } of parts)
      for (const [atMs, bytes] of samples) if (bytes > 0) sum.set(atMs, (sum.get(atMs) ?? 0) + bytes);
    return [...sum];
  });
  return cleaned(sums, range);
}

function grouped(series: readonly Series[], keyOf: (one: Series) => string): Map<string, Series[]> {
  const groups = new Map<string, Series[]>();
  for (const one of series) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}
