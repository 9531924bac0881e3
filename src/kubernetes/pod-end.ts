import { shortened } from '../report/text.ts';
import { type Explanation, explained } from './explanation.ts';
import { shownLine } from './java-log.ts';
import type { Pod } from './objects.ts';

/** What ended, or never began, a whole pod: its own status tells. Undefined where it tells of no such thing. */
export function podEnd(pod: Pod): Explanation | undefined {
  const { phase, reason } = pod.status;
  if (phase === 'Unknown' || reason === 'NodeLost') return nodeLost(pod);
  if (phase !== 'Failed' || reason === undefined || reason === '') return undefined;
  if (reason === 'Evicted') return evicted(pod);
  if (/^OutOf/i.test(reason)) return notAdmitted(pod, reason);
  if (reason === 'DeadlineExceeded')
    return explained('sigterm', 'fact', 'The pod ran longer than it may, and was stopped.', seen(pod), {
      short: 'stopped at its deadline; no memory problem',
      advice: 'See why it took so long, or raise activeDeadlineSeconds.',
    });
  if (/^(?:Node)?Shutdown$|^Terminated$/.test(reason))
    return explained('sigterm', 'fact', 'The node shut down and stopped the pod.', seen(pod), {
      short: 'stopped with its node; no memory problem',
      advice: 'See that its workload has made another pod elsewhere: kubectl get pods -o wide.',
    });
  return explained('unknown', 'fact', `The pod failed: ${shortened(shownLine(reason), 60)}.`, seen(pod), {
    short: `failed: ${shortened(shownLine(reason), 40)}`,
    advice: 'Look at its events: kubectl describe pod.',
    severity: 'critical',
  });
}

function seen({ status }: Pod): string {
  const message = status.message ?? '';
  return `status ${status.phase ?? 'without a phase'}, reason ${shownLine(status.reason ?? 'not given')}${message === '' ? '' : `: ${shownLine(message)}`}`;
}

function nodeLost(pod: Pod): Explanation {
  return explained('unknown', 'unknown', 'Its node does not report: whether it runs cannot be told.', seen(pod), {
    short: 'cannot be told: its node does not report',
    advice: 'See how the node is: kubectl get nodes; its kubelet or its network is down.',
  });
}

/** The kubelet refuses a pod whose requests no longer fit (OutOfmemory, OutOfcpu, OutOfpods: lifecycle/predicate.go). */
function notAdmitted(pod: Pod, reason: string): Explanation {
  const resource = shownLine(reason.slice('OutOf'.length));
  const isMemory = /^memory$/i.test(resource);
  return explained(
    'none',
    'fact',
    `It never started: the node had not enough ${resource} left for its request, and the kubelet refused it.`,
    seen(pod),
    {
      short: `never started: not enough ${shortened(resource, 30)} left on the node`,
      advice: isMemory
        ? 'Lower its memory request, or make room: the requests of the pods on the node add up to what it has.'
        : `Lower what it asks for of ${resource}, or make room on the node.`,
      severity: 'critical',
    },
  );
}

/** What the kubelet evicts for, in its messages (pkg/kubelet/eviction): the resource that the node, or the pod itself, ran out of. */
function starvedResource(message: string): string | undefined {
  const named = /low on resource:? \[?([\w.-]+)/i.exec(message)?.[1]?.replace(/\.+$/, '');
  if (named !== undefined) return named;
  if (/ephemeral[- ](?:local )?storage|EmptyDir|DiskPressure/i.test(message)) return 'ephemeral-storage';
  if (/MemoryPressure/.test(message)) return 'memory';
  return /PIDPressure/.test(message) ? 'pids' : undefined;
}

function evicted(pod: Pod): Explanation {
  const message = pod.status.message ?? '';
  const resource = starvedResource(message);
  // The pod used more than its own limit of disk: the node had enough.
  const isOwnLimit = /exceeded its local ephemeral storage limit|exceeds the (?:total )?limit/i.test(message);
  if (resource === 'memory')
    return explained('evicted', 'fact', 'The node ran low on memory and evicted the pod.', seen(pod), {
      short: 'evicted by the node, low on memory',
      advice:
        'Raise the memory request to what it really uses, so that the scheduler finds it room: its limit is not at fault.',
    });
  if (resource === undefined)
    return explained('evicted', 'fact', 'The node evicted the pod.', seen(pod), {
      advice: 'See what the node ran low on: kubectl describe node, under Conditions and Events.',
    });
  if (/ephemeral-storage|nodefs|imagefs|inodes/.test(resource))
    return explained(
      'evicted',
      'fact',
      isOwnLimit
        ? 'It wrote more to its disk than it may, and the kubelet evicted the pod.'
        : `The node ran low on ${resource} and evicted the pod. This is no memory problem.`,
      seen(pod),
      {
        short: `evicted for ${resource}; no memory problem`,
        advice:
          'See what it writes (logs, emptyDir, /tmp; also heap dumps), then bound it or set a request and a limit of ephemeral-storage.',
      },
    );
  return explained('evicted', 'fact', `The node ran low on ${resource} and evicted the pod.`, seen(pod), {
    short: `evicted for ${shortened(resource, 40)}; no memory problem`,
    advice: `See what uses up ${resource} on the node: kubectl describe node.`,
  });
}
