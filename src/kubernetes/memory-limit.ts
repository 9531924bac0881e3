import type { Container, ContainerStatus, Node, Pod, PodMetrics } from './objects.ts';
import { parseQuantity } from './quantity.ts';

/** How much memory a container may use and what it asked for, and who says so. */
export type MemoryLimit = {
  /** Undefined: no limit; the container may use all of the node's memory. */
  readonly limitBytes: number | undefined;
  readonly requestBytes: number | undefined;
  /** `container`: its own limit; `pod`: the whole pod's, which its containers share; `none`. */
  readonly scope: 'container' | 'pod' | 'none';
  /** As it is written: `512Mi`. */
  readonly written: string | undefined;
  /** What is odd about it: a limit that is no quantity, or a resize that the spec and the status tell differently. */
  readonly note: string | undefined;
};

/**
 * The limit that was in force. What the container's status says goes before the spec: an in-place resize changes it there first.
 * Without a limit of its own a container gets the pod's (KEP-2837: the kubelet writes the pod's limit into each container's
 * memory.max, because the Java runtime relies on it).
 */
export function memoryLimit(
  pod: Pod,
  container: Container | undefined,
  status: ContainerStatus | undefined,
): MemoryLimit {
  const specified = container?.resources.limits.memory;
  const actual = status?.resources?.limits.memory;
  const requestBytes = bytes(status?.resources?.requests.memory ?? container?.resources.requests.memory);
  const own = actual ?? specified;
  if (own !== undefined) {
    const limitBytes = bytes(own);
    const resized = actual !== undefined && specified !== undefined && bytes(actual) !== bytes(specified);
    const note =
      limitBytes === undefined
        ? `the limit “${own.slice(0, 40)}” is not a quantity`
        : resized
          ? `the spec says ${specified}, the kubelet ${actual}: a resize is under way, and a running JVM keeps the heap it chose at its start`
          : isRangeDefault(pod, container?.name ?? '')
            ? 'nobody wrote it for this container: it is the default of a LimitRange of the namespace'
            : undefined;
    // A limit of 0 is no limit (Kubernetes API, ResourceRequirements).
    if (limitBytes === 0) return { limitBytes: undefined, requestBytes, scope: 'none', written: own, note };
    return { limitBytes, requestBytes: requestBytes ?? limitBytes, scope: 'container', written: own, note };
  }
  const shared = pod.spec.resources?.limits.memory;
  if (shared !== undefined)
    return {
      limitBytes: bytes(shared),
      requestBytes: requestBytes ?? bytes(pod.spec.resources?.requests.memory),
      scope: 'pod',
      written: shared,
      note: 'the limit is the whole pod’s; its containers share it',
    };
  return { limitBytes: undefined, requestBytes, scope: 'none', written: undefined, note: undefined };
}

/** What the admission plugin leaves behind where it filled in a limit (plugin/pkg/admission/limitranger). */
function isRangeDefault({ metadata }: Pod, name: string): boolean {
  const set = metadata.annotations['kubernetes.io/limit-ranger'] ?? '';
  return set.split(';').some((part) => {
    const [, resources = '', container] = /([\w, -]*)\blimit for (?:init )?container (\S+)/.exec(part) ?? [];
    return container === name && /\bmemory\b/.test(resources);
  });
}

/** The node's memory: what MemTotal says there, which is what a JVM that sees no container takes for its own. */
export function nodeMemoryBytes(node: Node | undefined): number | undefined {
  return bytes(node?.status.capacity.memory);
}

/** The working set of a container in a sample of metrics.k8s.io. */
export function usageBytes(metrics: PodMetrics | undefined, container: string): number | undefined {
  return bytes(metrics?.containers.find(({ name }) => name === container)?.usage.memory);
}

/** The node's processors. */
export function nodeCpus(node: Node | undefined): number | undefined {
  const cpus = amount(node?.status.capacity.cpu);
  return cpus === undefined ? undefined : Math.max(1, Math.floor(cpus));
}

/** The container's limit and request of processors: 0.5 for `500m`. */
export function cpuShare(container: Container | undefined): { limit: number | undefined; request: number | undefined } {
  return { limit: amount(container?.resources.limits.cpu), request: amount(container?.resources.requests.cpu) };
}

function bytes(quantity: string | undefined): number | undefined {
  const size = quantity === undefined ? undefined : parseQuantity(quantity);
  return size === undefined || size < 0 ? undefined : size;
}

/** Processors, thousandths included: `2`, `500m`, `0.5`. */
function amount(quantity: string | undefined): number | undefined {
  if (quantity === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(m?)$/.exec(quantity.trim());
  return match === null ? undefined : Number(match[1]) / (match[2] === 'm' ? 1000 : 1);
}
