import type { Grade } from '../report/report.ts';
import { shortened } from '../report/text.ts';
import type { ContainerView } from './containers.ts';
import { type JvmCause, jvmClaims, jvmComplaint, shownLine } from './java-log.ts';
import type { MemoryLimit } from './memory-limit.ts';
import { eventTimeMs, type KubernetesEvent, type Node, type Pod, type Terminated, timeMs } from './objects.ts';

/** Why a container ended, as a word of the contract for scripts. */
export type Cause =
  | 'limit'
  | 'pod-limit'
  | 'child-process'
  | 'node-oom'
  | 'evicted'
  | JvmCause
  | 'probe-kill'
  | 'sigterm'
  | 'sigkill-unknown'
  | 'error-exit'
  | 'completed'
  | 'none'
  | 'unknown';

export type Explanation = {
  readonly cause: Cause;
  readonly grade: Grade;
  /** What happened: one sentence about the container, without its name. */
  readonly claim: string;
  /** What was seen, redacted. */
  readonly evidence: string;
  /** The JVM complained and the container lives on. */
  readonly livesOn: boolean;
};

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
};

/** A node's memory trouble counts when it was told within a minute of the container's end. */
const nearMs = 60_000;

/** Walks the decision tree; the first that fits wins. */
export function explainTermination(scene: Scene): Explanation {
  const { pod, container } = scene;
  if (pod.status.phase === 'Failed' && pod.status.reason === 'Evicted') return evicted(pod);
  const { ended } = container;
  if (ended === undefined) return neverEnded(scene);
  if (ended.reason === 'OOMKilled') return oomKilled(scene, ended);
  const complaint = complaintOf(scene);
  const livesOn = container.status?.state.running !== undefined && (ended.exitCode === 0 || ended.exitCode === 143);
  if (livesOn && complaint !== undefined && ended.reason !== 'OOMKilled') return neverEnded(scene, ended);
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
      return complaint ?? errorExit(scene, ended);
  }
}

function explained(cause: Cause, grade: Grade, claim: string, evidence: string): Explanation {
  return { cause, grade, claim, evidence, livesOn: false };
}

function told({ reason, exitCode, signal, message }: Terminated): string {
  const said = message === undefined || message === '' ? '' : `, ${shownLine(message)}`;
  return `reason ${reason ?? 'not given'}, exit code ${exitCode ?? 'not given'}${signal === undefined || signal === 0 ? '' : `, signal ${signal}`}${said}`;
}

function evicted(pod: Pod): Explanation {
  const message = pod.status.message ?? '';
  const isMemory = /memory/i.test(message);
  return explained(
    'evicted',
    'fact',
    isMemory ? 'The node ran low on memory and evicted the pod.' : 'The node evicted the pod.',
    `status Failed, reason Evicted${message === '' ? '' : `: ${shownLine(message)}`}`,
  );
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
  if (pressure !== undefined)
    return explained(
      'node-oom',
      'inferred',
      'The node is short of memory; it may have killed the container before the limit did.',
      `${told(ended)}; the node’s condition MemoryPressure is True since ${pressure.lastTransitionTime ?? 'an unknown time'}`,
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

/** `System OOM encountered, victim process: java, pid: 4242` on the node, near the container's end. */
function nodeOomEvent(events: readonly KubernetesEvent[], ended: Terminated): KubernetesEvent | undefined {
  const endMs = timeMs(ended.finishedAt);
  return events.find((event) => {
    // The kubelet says SystemOOM; the node problem detector OOMKilling, also for a kill at a container's own limit.
    const isNodes =
      event.reason === 'SystemOOM' || (event.reason === 'OOMKilling' && !/Memory cgroup/.test(event.message ?? ''));
    if (!isNodes) return false;
    const seenMs = eventTimeMs(event);
    return endMs === undefined || seenMs === undefined || Math.abs(seenMs - endMs) <= nearMs;
  });
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
  const ender = scene.events?.find(
    ({ reason }) => reason !== undefined && /^(?:Preempt|TaintManagerEviction|Evict|Drain)/.test(reason),
  );
  if (ender !== undefined)
    return explained(
      'sigkill-unknown',
      'inferred',
      `It was killed with its pod: ${ender.reason}. This is no memory problem.`,
      `${told(ended)}; ${shownLine(ender.message ?? '')}`,
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
    );
  if (scene.pod.metadata.deletionTimestamp !== undefined)
    return explained(
      'sigkill-unknown',
      'inferred',
      'The pod is being deleted, and the container did not stop within its grace period. This is no memory problem.',
      `${told(ended)}; deleted at ${scene.pod.metadata.deletionTimestamp}`,
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

/** The kubelet stops a container whose liveness or startup probe fails: SIGTERM, then SIGKILL after the grace period. */
function probeKill({ events, container }: Scene, ended: Terminated): Explanation | undefined {
  const killing = events?.find(
    ({ reason, message }) =>
      (reason === 'Killing' || reason === 'Unhealthy') &&
      /failed (?:liveness|startup) probe|(?:Liveness|Startup) probe (?:failed|errored)/i.test(message ?? '') &&
      mentionsContainer(message ?? '', container.name),
  );
  if (killing === undefined) return undefined;
  const probe = /startup/i.test(killing.message ?? '') ? 'startup' : 'liveness';
  return explained(
    'probe-kill',
    killing.reason === 'Killing' ? 'fact' : 'inferred',
    `The kubelet stopped it because its ${probe} probe failed. The kernel did not kill it for memory.`,
    `${told(ended)}; ${shownLine(killing.message ?? '')}`,
  );
}

/** `Container app failed liveness probe, will be restarted`; a message that names no container may be about any. */
function mentionsContainer(message: string, name: string): boolean {
  const named = /^Container (\S+) failed/.exec(message)?.[1];
  return named === undefined || named === name;
}

function complaintOf(scene: Scene): Explanation | undefined {
  const { log, container, isJava } = scene;
  const { ended } = container;
  if (isJava === false) return undefined;
  const found = jvmComplaint([log ?? '', ended?.message ?? ''].join('\n'));
  if (found === undefined) return undefined;
  const grade: Grade = found.isTheEnd || /^Exception in thread "main"/.test(found.line) ? 'fact' : 'inferred';
  const isKilled = ended?.exitCode === 137;
  const probe = isKilled && ended !== undefined ? probeKill(scene, ended) : undefined;
  const after =
    probe !== undefined
      ? 'Then its probe failed, and the kubelet stopped it.'
      : isKilled
        ? 'Then something killed it with SIGKILL; Kubernetes does not say that it was the kernel.'
        : 'The kernel did not kill it.';
  return explained(
    found.cause,
    isKilled ? 'inferred' : grade,
    `${capital(jvmClaims[found.cause])}. ${after}`,
    `${ended === undefined ? '' : `${told(ended)}; `}log: ${found.line}`,
  );
}

function errorExit({ log, isJava }: Scene, ended: Terminated): Explanation {
  if (ended.exitCode === 134 || ended.exitCode === 139)
    return explained(
      isJava === true ? 'native-crash' : 'error-exit',
      'inferred',
      `It crashed with signal ${ended.exitCode === 134 ? 'SIGABRT' : 'SIGSEGV'}. The kernel did not kill it for memory.`,
      told(ended),
    );
  if (ended.reason === 'StartError' || ended.reason === 'ContainerCannotRun')
    return explained('error-exit', 'fact', 'Its program could not be started.', told(ended));
  const lastLine = (log ?? '').trimEnd().split('\n').at(-1) ?? '';
  const exitOnOutOfMemory =
    ended.exitCode === 3 && isJava === true
      ? ' Exit code 3 is what -XX:+ExitOnOutOfMemoryError ends with; the log that would tell is not there.'
      : '';
  return explained(
    'error-exit',
    'fact',
    `It ended by itself with exit code ${ended.exitCode ?? 'unknown'}. The kernel did not kill it for memory.${exitOnOutOfMemory}`,
    `${told(ended)}${lastLine === '' ? '' : `; last line of the log: ${shownLine(lastLine)}`}`,
  );
}

function completed(ended: Terminated): Explanation {
  return explained('completed', 'fact', 'It finished its work (exit code 0).', told(ended));
}

function neverEnded(scene: Scene, ended?: Terminated): Explanation {
  const { container, pod, log, isJava } = scene;
  const { state } = container.status ?? {};
  const complaint = complaintOf(scene);
  if (complaint !== undefined && state?.running !== undefined)
    return {
      ...complaint,
      grade: 'fact',
      livesOn: true,
      claim: `${complaint.claim.split('. ')[0]}. The container lives on: only a thread failed.`,
    };
  if (state?.waiting !== undefined && container.ended === undefined) {
    const { reason, message } = state.waiting;
    return explained(
      'none',
      'fact',
      `It has not started: ${reason ?? 'waiting'}. This is no memory problem.`,
      message === undefined || message === '' ? `state waiting, reason ${reason ?? 'not given'}` : shownLine(message),
    );
  }
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
  if (state?.running !== undefined)
    return explained(
      'none',
      log === undefined ? 'inferred' : 'fact',
      ended === undefined
        ? 'It was not killed: it runs.'
        : 'It was not killed: it ended with exit code 0 once and runs again.',
      `running since ${state.running.startedAt ?? 'an unknown time'}, ${container.status?.restartCount ?? 0} restarts${log === undefined || isJava !== true ? '' : ', and the JVM complains of nothing in the log that was read'}`,
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
