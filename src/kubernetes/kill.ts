import { z } from 'zod';
import { containersOf } from './containers.ts';
import { memoryLimit } from './memory-limit.ts';
import { type Pod, timeMs } from './objects.ts';
import { workloadNameOf } from './workloads.ts';

/**
 * One end of one container for memory, as plain data: what a look or a watch saw, and what the history keeps.
 * Times are RFC 3339 UTC.
 */
export const killSchema = z.object({
  /** `killed`: the kernel did it (OOMKilled). `heap`: the JVM ended for want of heap; only its log tells. */
  end: z.enum(['killed', 'heap']),
  namespace: z.string(),
  /** As kubectl takes it: `deploy/checkout`; `pod/x` for a bare pod. */
  workload: z.string(),
  pod: z.string(),
  podUid: z.string(),
  container: z.string(),
  /** How many runs of this container had ended before this one, in this pod. */
  run: z.number().int().nonnegative(),
  startedAt: z.string().nullable(),
  finishedAt: z.string(),
  podStartedAt: z.string().nullable(),
  /** The limit that it had; null where there was none. */
  limitBytes: z.number().nullable(),
});

export type Kill = z.infer<typeof killSchema>;

/** Kills that were seen, by cluster: bounded, and each kept once whoever saw it and how often. */
export type KillStore = {
  /** Keeps what is not known yet; recording a kill again changes nothing. */
  record(cluster: string, kills: readonly Kill[]): Promise<void>;
  /** Those that ended since, oldest first. */
  since(cluster: string, from: Date): Promise<readonly Kill[]>;
};

/** How long a kill is remembered. */
export const killsKeptMs = 14 * 86_400_000;

/**
 * What makes a kill this one, within its cluster. A container ends once at a time, so its pod and its end suffice; the restart
 * count is no part of it, for the API counts the same end differently before and after the restart that follows.
 */
export function killKey({ podUid, container, finishedAt }: Kill): string {
  return `${podUid}/${container}/${finishedAt}`;
}

/** The kills that a pod still shows: of each container at most its present end and the one before. */
export function killsOf(pod: Pod): Kill[] {
  return containersOf(pod).flatMap((container) => {
    const { status } = container;
    const { state, lastState } = status ?? {};
    return [state?.terminated, lastState?.terminated].flatMap((ended) =>
      ended?.reason === 'OOMKilled'
        ? (killOf(pod, container, ended, ended === state?.terminated ? 'present' : 'before') ?? [])
        : [],
    );
  });
}

type View = ReturnType<typeof containersOf>[number];
type Ended = NonNullable<View['ended']>;

/** How a process ends that the kernel or the JVM may have ended for memory without Kubernetes calling it so: only logs and events tell. */
const javaExitCodes: ReadonlySet<number> = new Set([
  // An OutOfMemoryError that nobody caught; ExitOnOutOfMemoryError; CrashOnOutOfMemoryError.
  1, 3, 134,
]);
const killedExitCode = 137;

/**
 * Ends that may have been for memory, although nothing in the pod says so.
 * @param mayBeJava whether a container may run a JVM
 */
export function suspectedEndsOf(pod: Pod, mayBeJava: (view: View) => boolean): SuspectedEnd[] {
  // A pod that is taken away is ended by its kubelet: with 137, where it does not end by itself in time.
  if (pod.metadata.deletionTimestamp !== undefined) return [];
  return containersOf(pod).flatMap((container) => {
    const { state, lastState } = container.status ?? {};
    return [state?.terminated, lastState?.terminated].flatMap((ended): SuspectedEnd[] => {
      const exitCode = ended?.exitCode;
      if (ended === undefined || exitCode === undefined || ended.reason === 'OOMKilled') return [];
      const isSuspected = exitCode === killedExitCode || (javaExitCodes.has(exitCode) && mayBeJava(container));
      if (!isSuspected) return [];
      const end = killOf(pod, container, ended, ended === state?.terminated ? 'present' : 'before');
      return end === undefined ? [] : [{ kill: end, exitCode }];
    });
  });
}

/** An end of which only the log tells whether it was for memory. */
export type SuspectedEnd = { readonly kill: Kill; readonly exitCode: number };

/** The end of a JVM that ran out of heap, where the analysis says that it did. */
export function heapEndOf(pod: Pod, container: View): Kill | undefined {
  const { ended, status } = container;
  if (ended === undefined) return undefined;
  const kill = killOf(pod, container, ended, ended === status?.state.terminated ? 'present' : 'before');
  return kill === undefined ? undefined : { ...kill, end: 'heap' };
}

function killOf(pod: Pod, container: View, ended: Ended, which: 'present' | 'before'): Kill | undefined {
  const { metadata, status } = pod;
  if (timeMs(ended.finishedAt) === undefined || ended.finishedAt === undefined) return undefined;
  const name = metadata.name ?? '';
  const namespace = metadata.namespace ?? 'default';
  const restarts = container.status?.restartCount ?? 0;
  // While it waits for its next start the count is still that of the run that ended.
  const hasBegunAgain =
    which === 'before' &&
    (container.status?.state.running !== undefined || container.status?.state.terminated !== undefined);
  return {
    end: 'killed',
    namespace,
    workload: workloadNameOf(pod) ?? `pod/${name}`,
    pod: name,
    podUid: metadata.uid ?? `${namespace}/${name}`,
    container: container.name,
    run: Math.max(0, hasBegunAgain ? restarts - 1 : restarts),
    startedAt: ended.startedAt ?? null,
    finishedAt: ended.finishedAt,
    podStartedAt: status.startTime ?? metadata.creationTimestamp ?? null,
    limitBytes: memoryLimit(pod, container.spec, container.status).limitBytes ?? null,
  };
}

/** Each once, oldest first; of two that are the same the first stands. */
export function mergedKills(...lists: readonly (readonly Kill[])[]): Kill[] {
  const known = new Map<string, Kill>();
  for (const kill of lists.flat()) if (!known.has(killKey(kill))) known.set(killKey(kill), kill);
  return [...known.values()].sort((a, b) => (timeMs(a.finishedAt) ?? 0) - (timeMs(b.finishedAt) ?? 0));
}
