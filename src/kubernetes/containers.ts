import { Refusal } from '../refusal.ts';
import { listed } from '../report/text.ts';
import type { Container, ContainerStatus, Pod, Terminated } from './objects.ts';
import { timeMs } from './objects.ts';

/** One container of a pod with all that is known of it: what was asked for and what became of it. */
export type ContainerView = {
  readonly name: string;
  /** A sidecar is an init container that keeps running (restartPolicy Always). */
  readonly role: 'app' | 'init' | 'sidecar' | 'ephemeral';
  readonly spec: Container | undefined;
  readonly status: ContainerStatus | undefined;
  /** How it ended: this time, else the last time. Undefined where it never did, as far as the pod tells. */
  readonly ended: Terminated | undefined;
  /** `now`: it stands still since; `before`: it was started again. */
  readonly endedWhen: 'now' | 'before' | undefined;
};

/** All containers of a pod: the app's first, then sidecars, init and ephemeral ones. */
export function containersOf(pod: Pod): ContainerView[] {
  const { spec, status } = pod;
  const app = viewsOf(spec.containers, status.containerStatuses, () => 'app');
  const init = viewsOf(spec.initContainers, status.initContainerStatuses, (container) =>
    container?.restartPolicy === 'Always' ? 'sidecar' : 'init',
  );
  const ephemeral = viewsOf(spec.ephemeralContainers, status.ephemeralContainerStatuses, () => 'ephemeral');
  const early = init.filter(({ role }) => role === 'init');
  return [...app, ...init.filter(({ role }) => role === 'sidecar'), ...early, ...ephemeral];
}

function viewsOf(
  specs: readonly Container[],
  statuses: readonly ContainerStatus[],
  roleOf: (container: Container | undefined) => ContainerView['role'],
): ContainerView[] {
  const names = [...new Set([...specs.map(({ name }) => name), ...statuses.map(({ name }) => name)])];
  return names.map((name) => {
    const spec = specs.find((container) => container.name === name);
    const status = statuses.find((container) => container.name === name);
    const isRestarted = status?.state.terminated === undefined;
    const ended = status?.state.terminated ?? status?.lastState.terminated;
    const isWaiting = status?.state.waiting !== undefined;
    const endedWhen = ended === undefined ? undefined : isRestarted && !isWaiting ? 'before' : 'now';
    return { name, role: roleOf(spec), spec, status, ended, endedWhen };
  });
}

/**
 * The container that the question is about: the one named, else the one that was OOM-killed last, else the one that ended
 * badly last, else the one kubectl takes by default, else the first.
 * @param looksLikeJava preferred among equals
 * @throws Refusal that lists the containers when there is none of the name asked for
 */
export function chooseContainer(
  pod: Pod,
  wanted: string | undefined,
  looksLikeJava: (container: ContainerView) => boolean,
): ContainerView | undefined {
  const containers = containersOf(pod);
  if (wanted !== undefined) {
    const found = containers.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    const names = containers.map(({ name }) => name);
    throw new Refusal(
      `The pod ${pod.metadata.name ?? ''} has no container of that name.`,
      names.length === 0 ? 'It lists no containers at all.' : `Take one of ${listed(names, 'or')} after -c.`,
      names,
    );
  }
  const byDefault = pod.metadata.annotations['kubectl.kubernetes.io/default-container'];
  const weights = containers.map((container, index) => ({
    container,
    weight: [
      badness(container),
      container.role === 'app' || badness(container) > 0 ? 1 : 0,
      badness(container) > 0 ? (timeMs(container.ended?.finishedAt) ?? 0) : 0,
      looksLikeJava(container) ? 1 : 0,
      container.name === byDefault ? 1 : 0,
      -index,
    ],
  }));
  return weights.sort((a, b) => compareWeights(b.weight, a.weight))[0]?.container;
}

/** How much a container needs looking at: 4 OOM-killed, 3 ended with an error, 2 cannot start, 1 was restarted, 0 nothing. */
export function badness({ ended, status, role }: ContainerView): number {
  if (ended?.reason === 'OOMKilled') return 4;
  if (ended !== undefined && (ended.exitCode ?? 0) !== 0) return 3;
  const waiting = status?.state.waiting?.reason;
  if (waiting !== undefined && waiting !== 'ContainerCreating' && waiting !== 'PodInitializing') return 2;
  return role === 'app' && (status?.restartCount ?? 0) > 0 ? 1 : 0;
}

/**
 * The pod of a workload that needs looking at most: OOM-killed before failed before unready, then the one with more restarts,
 * then the one that died last, then the name, so that the same state gives the same pod.
 */
export function worstPod(pods: readonly Pod[]): Pod | undefined {
  const weights = pods.map((pod) => {
    const containers = containersOf(pod);
    const isEvicted = pod.status.phase === 'Failed' && pod.status.reason === 'Evicted';
    return {
      pod,
      weight: [
        isEvicted ? 3 : Math.max(0, ...containers.map(badness)),
        Math.max(0, ...containers.map(({ status }) => status?.restartCount ?? 0)),
        Math.max(0, ...containers.map(({ ended }) => timeMs(ended?.finishedAt) ?? 0)),
        isReady(pod) ? 0 : 1,
      ],
    };
  });
  return weights.sort(
    (a, b) =>
      compareWeights(b.weight, a.weight) || (a.pod.metadata.name ?? '').localeCompare(b.pod.metadata.name ?? '', 'en'),
  )[0]?.pod;
}

/** Whether the pod takes requests: its condition Ready. */
export function isReady(pod: Pod): boolean {
  return pod.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function compareWeights(a: readonly number[], b: readonly number[]): number {
  for (const [index, weight] of a.entries()) {
    const difference = weight - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
