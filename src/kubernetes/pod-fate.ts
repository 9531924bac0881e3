import { containersOf } from './containers.ts';
import type { Pod } from './objects.ts';

/** Killed for memory once is enough; what ends with an error may find its database the next time. */
export function hasDied(pod: Pod, container: string | undefined): boolean {
  return containersOf(pod)
    .filter(({ name, role }) => (container === undefined ? role !== 'init' : name === container))
    .some(({ ended, status }) => {
      if (ended?.reason === 'OOMKilled') return true;
      if (status?.state.waiting?.reason === 'CrashLoopBackOff') return true;
      return (status?.restartCount ?? 0) >= 2 && (ended?.exitCode ?? 0) !== 0;
    });
}

/** When its containers began to run, in milliseconds; later than any time where one does not. */
export function startOf(pod: Pod): number {
  const starts = containersOf(pod)
    .filter(({ role }) => role === 'app')
    .map(({ status }) => Date.parse(status?.state.running?.startedAt ?? ''));
  return starts.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...starts);
}

/** What the new pods wait for, where they say so: an image that cannot be pulled, a place on a node. */
export function waitingText(pods: readonly Pod[]): string {
  for (const pod of pods) {
    const waiting = containersOf(pod).find(({ status }) => status?.state.waiting?.reason !== undefined)?.status?.state
      .waiting;
    const unscheduled = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
    const why = unscheduled?.message ?? waiting?.reason;
    if (why !== undefined && why !== 'ContainerCreating' && why !== 'PodInitializing')
      return `; ${pod.metadata.name ?? ''}: ${why.slice(0, 160)}`;
  }
  return '';
}
