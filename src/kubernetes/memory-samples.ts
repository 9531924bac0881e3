import {
  cleaned,
  type KnownStarts,
  type MemoryHistory,
  type MemoryRange,
  type Sample,
  splitIntoRuns,
} from './memory-history.ts';
import type { ContainerName, MemoryReader } from './memory-reader.ts';
import { type NamedPodMetrics, timeMs } from './objects.ts';
import { parseQuantity } from './quantity.ts';

/** One value of one container, as metrics.k8s.io told it. */
export type ContainerSample = { readonly name: ContainerName; readonly sample: Sample };

/** Where samples are kept: bounded by age and by number for each container. Calls fail soon where it does not answer. */
export type SampleStore = {
  /** Whether it is this process that asks now: of several workers one does, once an interval. */
  takeTurn(cluster: string, namespace: string, everyMs: number): Promise<boolean>;
  keep(cluster: string, samples: readonly ContainerSample[], everyMs: number): Promise<void>;
  /** Oldest first; empty where nothing is kept of this container. @throws Refusal where it cannot be read */
  read(cluster: string, name: ContainerName): Promise<readonly Sample[]>;
};

/** So long is a sample kept. */
export const samplesKeptMs = 24 * 3_600_000;
/** Of more containers in one namespace only those are kept that use most. */
export const mostContainers = 1000;

/** The samples of a namespace: at most so many containers, those that use most memory. */
export function samplesIn(namespace: string, metrics: readonly NamedPodMetrics[]): ContainerSample[] {
  return metrics
    .flatMap(({ metadata, timestamp, containers }) =>
      containers.flatMap(({ name: container, usage }): ContainerSample[] => {
        const atMs = timeMs(timestamp);
        const bytes = parseQuantity(usage.memory ?? '');
        const pod = metadata.name ?? '';
        if (atMs === undefined || bytes === undefined || bytes < 0 || pod === '' || container === '') return [];
        return [{ name: { namespace, pod, container }, sample: [atMs, bytes] }];
      }),
    )
    .sort((a, b) => b.sample[1] - a.sample[1])
    .slice(0, mostContainers);
}

/** A sample in about a dozen characters: seconds and KiB, in base 36. */
export function packed([atMs, bytes]: Sample): string {
  return `${Math.round(atMs / 1000).toString(36)}:${Math.round(bytes / 1024).toString(36)}`;
}

/** Undefined for what is none. */
export function unpacked(text: string): Sample | undefined {
  const match = /^([0-9a-z]{1,10}):([0-9a-z]{1,10})$/.exec(text);
  if (match === null) return undefined;
  return [Number.parseInt(match[1] ?? '', 36) * 1000, Number.parseInt(match[2] ?? '', 36) * 1024];
}

/** What the samples of a container tell of its memory; undefined where none lies in the range. */
export function sampledMemory(
  samples: readonly Sample[],
  range: MemoryRange,
  known: KnownStarts,
): MemoryHistory | undefined {
  const inRange = cleaned(samples, range);
  if (inRange.length === 0) return undefined;
  const everyMs = usualDistance(inRange);
  const { fromMs, toMs } = range;
  return {
    source: 'samples',
    fromMs,
    toMs,
    everyMs,
    ...splitIntoRuns(inRange, everyMs, known),
    heapRuns: [],
    limits: [],
  };
}

/** The distance that is found most in the middle; a minute where there is none. */
function usualDistance(samples: readonly Sample[]): number {
  const distances = samples.slice(1).map(([atMs], index) => atMs - (samples[index]?.[0] ?? 0));
  return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)] ?? 60_000;
}

/**
 * A cluster's memory before now: from its Prometheus where there is one that knows the container, else from the samples kept.
 * What is wrong with the Prometheus is said where there are no samples either.
 */
export function memoryOf(
  prometheus: () => Promise<MemoryReader | undefined>,
  store: Pick<SampleStore, 'read'>,
  cluster: string,
): MemoryReader {
  return {
    async memory(name, range, known) {
      const [asked] = await Promise.allSettled([prometheus().then((reader) => reader?.memory(name, range, known))]);
      if (asked.status === 'fulfilled' && asked.value !== undefined) return asked.value;
      const kept = await store.read(cluster, name).then(
        (samples) => sampledMemory(samples, range, known),
        (error: unknown) => {
          if (asked.status === 'fulfilled') throw error;
          return undefined;
        },
      );
      if (kept === undefined && asked.status === 'rejected') throw asked.reason;
      return kept;
    },
  };
}
