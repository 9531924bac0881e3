import type { ContainerView } from './containers.ts';
import { type KnownStarts, type MemoryHistory, type MemoryRange, memoryRange } from './memory-history.ts';
import { type Pod, timeMs } from './objects.ts';

/** A container as labels and keys name it. */
export type ContainerName = { readonly namespace: string; readonly pod: string; readonly container: string };

/** Whoever knows what a container used before now: a Prometheus, or the samples that Quorum keeps. */
export type MemoryReader = {
  /**
   * Undefined where nothing is known of this container.
   * @throws Refusal where it cannot be read
   */
  memory(name: ContainerName, range: MemoryRange, known: KnownStarts): Promise<MemoryHistory | undefined>;
};

/** What is asked about a container of a pod: its name, the range worth looking at, and what the pod tells of its starts. */
export function memoryQuestion(pod: Pod, { name, status, ended }: ContainerView, now: Date) {
  const startedMs = timeMs(status?.state.running?.startedAt);
  const endedMs = timeMs(ended?.finishedAt);
  const endedRunStartedMs = timeMs(ended?.startedAt);
  const range = memoryRange(
    { startedMs: startedMs ?? timeMs(pod.status.startTime), endedMs, endedRunStartedMs },
    now.getTime(),
  );
  const known: KnownStarts = {
    startsMs: [startedMs, endedRunStartedMs].filter((ms) => ms !== undefined),
    restarts: status?.restartCount ?? 0,
  };
  const container = { namespace: pod.metadata.namespace ?? 'default', pod: pod.metadata.name ?? '', container: name };
  return { container, range, known };
}
