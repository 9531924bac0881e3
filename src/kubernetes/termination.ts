import { fatalAdvice } from '../jvm/fatal.ts';
import type { Grade } from '../report/report.ts';
import { shortened } from '../report/text.ts';
import { ago } from './age.ts';
import type { ContainerView } from './containers.ts';
import { errorExit } from './error-exit.ts';
import { type Details, type Explanation, explained, told } from './explanation.ts';
import { type JvmComplaint, jvmClaims, jvmComplaint, shownLine } from './java-log.ts';
import { nodeOomEvent, probeEvent, removalEvent } from './kill-events.ts';
import type { MemoryLimit } from './memory-limit.ts';
import { type KubernetesEvent, type Node, type Pod, type Terminated, timeMs } from './objects.ts';
import { podEnd } from './pod-end.ts';
import { waitingAdvice } from './waiting.ts';

export type Scene = {
  readonly pod: Pod;
  readonly container: ContainerView;
  readonly limit: MemoryLimit;
  /** About the pod; undefined where they could not be read. */
  readonly events: readonly KubernetesEvent[] | undefined;
  /** About the node. */
  readonly nodeEvents: readonly KubernetesEvent[] | undefined;
  readonly node: Node | undefined;
  /** The end of the log of the container that died, else of the one that runs. */
  readonly log: string | undefined;
  readonly isJava: boolean | undefined;
  readonly now: Date;
};

/** A node's memory pressure counts when it had begun by a minute after the container's end. */
const nearMs = 60_000;

/** Walks the decision tree; the first that fits wins. */
export function explainTermination(scene: Scene): Explanation {
  const { pod, container } = scene;
  const { ended } = container;
  const whole = podEnd(pod);
  // What the kernel did to a container of the pod says more than that the pod then failed or was lost.
  if (whole !== undefined && (whole.cause === 'evicted' || ended?.reason !== 'OOMKilled')) return whole;
  if (ended === undefined) return neverEnded(scene);
  if (ended.reason === 'OOMKilled') return oomKilled(scene, ended);
  if (ended.reason === 'ContainerStatusUnknown') return lostTrack(ended);
  const livesOn = container.status?.state.running !== undefined && (ended.exitCode === 0 || ended.exitCode === 143);
  if (livesOn && complaintSeen(scene) !== undefined) return neverEnded(scene, ended);
  const complaint = complaintOf(scene, ended);
  switch (ended.exitCode) {
    case 0:
      return container.endedWhen === 'before' && container.role === 'app' ? neverEnded(scene, ended) : completed(ended);
    case 137:
      return complaint ?? killed(scene, ended);
    case 143:
      return (
        probeKill(scene, ended) ?? explained('sigterm', 'fact', 'It was asked to stop (SIGTERM) and did.', told(ended))
      );
    default:
      return complaint ?? errorExit(scene, ended, complaintSeen(scene)?.line);
  }
}

function oomKilled(scene: Scene, ended: Terminated): Explanation {
  const { limit, container, node } = scene;
  const systemOom = nodeOomEvent(scene.nodeEvents ?? [], ended) ?? nodeOomEvent(scene.events ?? [], ended);
  if (systemOom !== undefined)
    return explained(
      'node-oom',
      'fact',
      'The node itself ran out of memory, and its kernel chose this container.',
      `${told(ended)}; the node says: ${shownLine(systemOom.message ?? 'System OOM encountered')}`,
    );
  if (limit.limitBytes === undefined)
    return explained(
      'node-oom',
      'inferred',
      'It has no memory limit, so it was the node that ran out of memory.',
      `${told(ended)}; no limit of container or pod`,
    );
  const pressure = node?.status.conditions.find(({ type, status }) => type === 'MemoryPressure' && status === 'True');
  const sinceMs = timeMs(pressure?.lastTransitionTime);
  const endMs = timeMs(ended.finishedAt);
  if (pressure !== undefined && (sinceMs === undefined || endMs === undefined || sinceMs <= endMs + nearMs))
    return explained(
      'node-oom',
      'inferred',
      'The node is short of memory; it may have killed the container before the limit did.',
      `${told(ended)}; the node’s condition MemoryPressure is True since ${ago(pressure.lastTransitionTime, scene.now)}`,
    );
  if (ended.exitCode !== undefined && ended.exitCode !== 137 && ended.exitCode !== 0)
    return explained(
      'child-process',
      'inferred',
      'The kernel killed a process of the container for memory, and not its first one: that ended by itself.',
      `${told(ended)}: a first process killed by the kernel ends with 137`,
    );
  if (limit.scope === 'pod')
    return explained(
      'pod-limit',
      'fact',
      'The kernel killed it at the pod’s memory limit.',
      `${told(ended)}; pod limit ${limit.written ?? ''}`,
    );
  return explained(
    'limit',
    'fact',
    'The kernel killed it at its memory limit.',
    `${told(ended)}; limit ${limit.written ?? ''} of container ${container.name}`,
  );
}

function killed(scene: Scene, ended: Terminated): Explanation {
  const probe = probeKill(scene, ended);
  if (probe !== undefined) return probe;
  const systemOom = nodeOomEvent([...(scene.nodeEvents ?? []), ...(scene.events ?? [])], ended);
  if (systemOom !== undefined)
    return explained(
      'node-oom',
      'inferred',
      'It was killed while the node itself was out of memory.',
      `${told(ended)}; the node says: ${shownLine(systemOom.message ?? 'System OOM encountered')}`,
    );
  const ender = removalEvent(scene.events ?? [], ended);
  if (ender !== undefined)
    return explained(
      'sigkill-unknown',
      'inferred',
      `It was killed with its pod: ${ender.reason}. This is no memory problem.`,
      `${told(ended)}; ${shownLine(ender.message ?? '')}`,
      gaveWay,
    );
  const disruption = scene.pod.status.conditions.find(
    ({ type, status }) => type === 'DisruptionTarget' && status === 'True',
  );
  if (disruption !== undefined)
    return explained(
      'sigkill-unknown',
      'inferred',
      'It was killed with its pod, which had to give way. This is no memory problem of its own.',
      `${told(ended)}; condition DisruptionTarget: ${disruption.reason ?? ''} ${shownLine(disruption.message ?? '')}`,
      gaveWay,
    );
  if (scene.pod.metadata.deletionTimestamp !== undefined)
    return explained(
      'sigkill-unknown',
      'inferred',
      'The pod is being deleted, and the container did not stop within its grace period. This is no memory problem.',
      `${told(ended)}; deletion asked ${ago(scene.pod.metadata.deletionTimestamp, scene.now)}`,
      gaveWay,
    );
  const eventsKnown =
    scene.events === undefined ? 'events could not be read' : 'no event tells who (events are kept for an hour)';
  return explained(
    'sigkill-unknown',
    'unknown',
    'Something killed it with SIGKILL; Kubernetes does not say that it was for memory.',
    `${told(ended)}; ${eventsKnown}`,
  );
}

/** For a container that went with its pod: the node's kernel has nothing to tell of it. */
const gaveWay: Details = {
  short: 'killed with its pod; no memory problem',
  advice:
    'See why the pod had to go (its priority, a drain, a deletion), and why it did not stop within its grace period.',
};

/** What the kubelet fills in where it no longer finds the container: 137 is no signal that anybody saw. */
function lostTrack(ended: Terminated): Explanation {
  return explained('unknown', 'unknown', 'Its node lost track of it: how it ended cannot be told.', told(ended), {
    short: 'cannot be told: its node lost track of it',
    advice:
      'See how the node was at that time (kubectl describe node): Kubernetes fills in exit code 137 where it finds no container.',
  });
}

/** The kubelet stops a container whose liveness or startup probe fails: SIGTERM, then SIGKILL after the grace period. */
function probeKill({ events, container, pod }: Scene, ended: Terminated): Explanation | undefined {
  const found = probeEvent(events ?? [], pod, container, ended);
  if (found === undefined) return undefined;
  const message = found.event.message ?? '';
  const probe = /startup/i.test(message) ? 'startup' : 'liveness';
  return explained(
    'probe-kill',
    found.isCertain ? 'fact' : 'inferred',
    `The kubelet stopped it because its ${probe} probe failed. The kernel did not kill it for memory.`,
    `${told(ended)}; ${shownLine(message)}`,
  );
}

/** What the JVM complained of in the log that was read; undefined for what is not Java. */
function complaintSeen({ log, isJava }: Scene): JvmComplaint | undefined {
  return isJava === false ? undefined : jvmComplaint(log ?? '');
}

/** What the JVM ended of: its complaint, unless it lived on and something else came later. */
function complaintOf(scene: Scene, ended: Terminated): Explanation | undefined {
  if (scene.isJava === false) return undefined;
  const said = [complaintSeen(scene), jvmComplaint(ended.message ?? '')];
  const found = said.find((complaint) => complaint !== undefined && complaint.overtakenBy === undefined);
  if (found === undefined) return undefined;
  const grade: Grade = found.isTheEnd || /^Exception in thread "main"/.test(found.line) ? 'fact' : 'inferred';
  const isKilled = ended.exitCode === 137;
  const after = !isKilled
    ? 'The kernel did not kill it.'
    : probeKill(scene, ended) !== undefined
      ? 'Then its probe failed, and the kubelet stopped it.'
      : 'Then something killed it with SIGKILL; Kubernetes does not say that it was the kernel.';
  return explained(
    found.cause,
    isKilled ? 'inferred' : grade,
    `${capital(jvmClaims[found.cause])}. ${after}`,
    `${told(ended)}; log: ${found.line}`,
    found.cause === 'bad-flags' ? { advice: fatalAdvice(found.line) } : {},
  );
}

function completed(ended: Terminated): Explanation {
  return explained('completed', 'fact', 'It finished its work (exit code 0).', told(ended));
}

function neverEnded(scene: Scene, ended?: Terminated): Explanation {
  const { container, pod, log, isJava } = scene;
  const { state } = container.status ?? {};
  const complaint = complaintSeen(scene);
  if (complaint !== undefined && state?.running !== undefined)
    return {
      ...explained(
        complaint.cause,
        'fact',
        `${capital(jvmClaims[complaint.cause])}. The container lives on: only a thread failed.`,
        `${ended === undefined ? '' : `${told(ended)}; `}log: ${complaint.line}`,
      ),
      livesOn: true,
    };
  if (state?.waiting !== undefined && container.ended === undefined) {
    const { reason, message } = state.waiting;
    return explained(
      'none',
      'fact',
      `It has not started: ${reason ?? 'waiting'}. This is no memory problem.`,
      message === undefined || message === '' ? `state waiting, reason ${reason ?? 'not given'}` : shownLine(message),
      { advice: waitingAdvice(reason) },
    );
  }
  const ready = scene.node?.status.conditions.find(({ type }) => type === 'Ready');
  if (state?.running !== undefined && ready?.status === 'Unknown')
    return explained(
      'unknown',
      'unknown',
      'Its node does not report: whether it still runs cannot be told.',
      `the node’s condition Ready is Unknown since ${ago(ready.lastTransitionTime, scene.now)}${ready.message === undefined ? '' : `: ${shownLine(ready.message)}`}`,
      {
        short: 'cannot be told: its node does not report',
        advice: 'See how the node is: kubectl get nodes; its kubelet or its network is down.',
      },
    );
  const childKill = scene.events?.find(
    ({ reason, message }) => reason === 'OOMKilling' || /oom-kill|Memory cgroup out of memory/.test(message ?? ''),
  );
  if (state?.running !== undefined && childKill !== undefined)
    return explained(
      'child-process',
      'inferred',
      'The kernel killed a process of it for memory, and not its first one: the container lives on.',
      shownLine(childKill.message ?? ''),
    );
  const childExit = /^.*\bexit(?:ed)?(?: with)?(?: (?:code|status|value))?:? 137\b(?! ?(?:m?s|bytes)\b).*$/im.exec(
    log ?? '',
  );
  if (state?.running !== undefined && childExit !== null)
    return explained(
      'child-process',
      'inferred',
      'A process that it started ended with 137, which is SIGKILL, most likely for memory; the container lives on.',
      `log: ${shownLine(childExit[0])}`,
    );
  if (state?.running !== undefined)
    return explained(
      'none',
      log === undefined ? 'inferred' : 'fact',
      ended === undefined
        ? 'It was not killed: it runs.'
        : 'It was not killed: it ended with exit code 0 once and runs again.',
      `started ${ago(state.running.startedAt, scene.now)}, ${container.status?.restartCount ?? 0} restarts so far${log === undefined || isJava !== true ? '' : ', and the JVM complains of nothing in the log that was read'}`,
    );
  const scheduling = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (scheduling !== undefined)
    return explained(
      'none',
      'fact',
      'It has not started: no node takes the pod.',
      shownLine(scheduling.message ?? scheduling.reason ?? ''),
    );
  if (pod.status.phase === 'Pending')
    return explained('none', 'fact', 'It has not started. This is no memory problem.', 'phase Pending');
  return explained(
    'unknown',
    'unknown',
    'The pod does not tell what became of it.',
    shortened(`phase ${pod.status.phase ?? 'not given'}, no status of the container`, 200),
  );
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
