import type { ContainerView } from './containers.ts';
import { eventTimeMs, type KubernetesEvent, type Pod, type Terminated, timeMs } from './objects.ts';

/** An event counts for an end when it was told within a minute of it. */
const nearMs = 60_000;
/** The kubelet's default between SIGTERM and SIGKILL. */
const defaultGraceMs = 30_000;
const marginMs = 30_000;

/** Whether an event belongs to an end; undefined where one of them carries no time. */
function isNear(event: KubernetesEvent, ended: Terminated, earlierMs = nearMs): boolean | undefined {
  const endMs = timeMs(ended.finishedAt);
  const seenMs = eventTimeMs(event);
  if (endMs === undefined || seenMs === undefined) return undefined;
  return seenMs >= endMs - earlierMs && seenMs <= endMs + nearMs;
}

/** `System OOM encountered, victim process: java, pid: 4242` on the node, near the container's end. */
export function nodeOomEvent(events: readonly KubernetesEvent[], ended: Terminated): KubernetesEvent | undefined {
  return events.find((event) => {
    // The kubelet says SystemOOM; the node problem detector OOMKilling, also for a kill at a container's own limit.
    const isNodes =
      event.reason === 'SystemOOM' || (event.reason === 'OOMKilling' && !/Memory cgroup/.test(event.message ?? ''));
    return isNodes && isNear(event, ended) !== false;
  });
}

/** Who made the whole pod give way, near the container's end. */
export function removalEvent(events: readonly KubernetesEvent[], ended: Terminated): KubernetesEvent | undefined {
  return events.find(
    (event) =>
      /^(?:Preempt|TaintManagerEviction|Evict|Drain)/.test(event.reason ?? '') && isNear(event, ended) !== false,
  );
}

/**
 * The failed probe for which the kubelet stopped this container. `certain`: the kubelet says that it stops it; else it only says
 * that the probe failed, or does not say when.
 */
export function probeEvent(
  events: readonly KubernetesEvent[],
  pod: Pod,
  container: ContainerView,
  ended: Terminated,
): { readonly event: KubernetesEvent; readonly isCertain: boolean } | undefined {
  const seconds = pod.spec.terminationGracePeriodSeconds;
  const graceMs = seconds === undefined ? defaultGraceMs : seconds * 1000;
  const found = events.flatMap((event) => {
    const message = event.message ?? '';
    const isProbe =
      (event.reason === 'Killing' || event.reason === 'Unhealthy') &&
      /failed (?:liveness|startup) probe|(?:Liveness|Startup) probe (?:failed|errored)/i.test(message);
    if (!isProbe || !isAbout(event, container.name)) return [];
    // Between the kubelet's word and the end lies the grace period.
    const near = isNear(event, ended, Math.max(nearMs, graceMs + marginMs));
    return near === false ? [] : [{ event, isCertain: event.reason === 'Killing' && near === true }];
  });
  return found.find(({ isCertain }) => isCertain) ?? found[0];
}

/** By `spec.containers{app}`; else by the message, and one that names no container may be about any. */
function isAbout({ involvedObject, message }: KubernetesEvent, name: string): boolean {
  const named =
    /\{([^}]+)\}/.exec(involvedObject.fieldPath ?? '')?.[1] ?? /^Container (\S+) failed/.exec(message ?? '')?.[1];
  return named === undefined || named === name;
}
