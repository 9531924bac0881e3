import { type Fields, fieldsAt, type KubernetesObject, listAt, textAt } from './object.ts';
import { integer, time, truth } from './query.ts';
import { badRequest, invalid } from './status.ts';

export type LogRequest = {
  readonly container: string | undefined;
  readonly isPrevious: boolean;
  readonly hasTimestamps: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly since: Date | undefined;
};

export type LogLine = { readonly at: Date; readonly text: string };

/** What is asked of a pod's log, refused where a number is out of range. */
export function logRequest(query: URLSearchParams, pod: string, now: Date): LogRequest {
  const tailLines = integer(query, 'tailLines');
  const limitBytes = integer(query, 'limitBytes');
  const sinceSeconds = integer(query, 'sinceSeconds');
  const sinceTime = time(query, 'sinceTime');
  const causes = [
    ...(tailLines !== undefined && tailLines < 0
      ? [{ field: 'tailLines', problem: `Invalid value: ${tailLines}: must be greater than or equal to 0` }]
      : []),
    ...(limitBytes !== undefined && limitBytes < 1
      ? [{ field: 'limitBytes', problem: `Invalid value: ${limitBytes}: must be greater than 0` }]
      : []),
    ...(sinceSeconds !== undefined && sinceTime !== undefined
      ? [{ field: '[]', problem: 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified' }]
      : []),
    ...(sinceSeconds !== undefined && sinceTime === undefined && sinceSeconds < 1
      ? [{ field: 'sinceSeconds', problem: `Invalid value: ${sinceSeconds}: must be greater than 0` }]
      : []),
  ];
  if (causes.length > 0) throw invalid({ kind: 'PodLogOptions', name: pod, causes });
  const since = sinceSeconds === undefined ? sinceTime : new Date(now.getTime() - sinceSeconds * 1000);
  return {
    container: query.get('container') || undefined,
    isPrevious: truth(query, 'previous'),
    hasTimestamps: truth(query, 'timestamps'),
    tailLines,
    limitBytes,
    since,
  };
}

/** Which run of which container's log is asked for. */
export type LogSource = { readonly container: string; readonly run: 'current' | 'previous' };

/**
 * The container and the run whose log answers the request: the API server settles the container, the node's kubelet the run.
 * Undefined where the pod is on no node yet: the log is then empty.
 */
export function logSource(pod: KubernetesObject, { container: asked, isPrevious }: LogRequest): LogSource | undefined {
  const container = asked === undefined ? onlyContainer(pod) : knownContainer(pod, asked);
  if (!textAt(pod, 'spec', 'nodeName')) return undefined;
  const status = allStatuses(pod).find(({ name }) => name === container);
  const what = `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod.metadata.name)}`;
  if (status === undefined) throw badRequest(`${what} is not available`);
  const last = fieldsAt(status, 'lastState', 'terminated');
  const hasLast = textAt(last, 'containerID') !== undefined;
  if (isPrevious) {
    if (!hasLast) throw badRequest(`previous terminated ${what} not found`);
    return { container, run: 'previous' };
  }
  const state = fieldsAt(status, 'state');
  if ('running' in state) return { container, run: 'current' };
  if ('terminated' in state) {
    if (textAt(state, 'terminated', 'containerID') !== undefined) return { container, run: 'current' };
    if (!hasLast) throw badRequest(`${what} is terminated`);
    return { container, run: 'previous' };
  }
  // A container that waits to be restarted still has the log of the run that ended.
  if (hasLast) return { container, run: 'previous' };
  const reason = textAt(state, 'waiting', 'reason');
  if (reason === 'ErrImagePull') throw badRequest(`${what} is waiting to start: image can't be pulled`);
  if (reason === 'ImagePullBackOff') throw badRequest(`${what} is waiting to start: trying and failing to pull image`);
  throw badRequest(`${what} is waiting to start${reason === undefined ? ' - no logs yet' : `: ${reason}`}`);
}

/** When the run that the source means ended; undefined while it goes on. */
export function logEnd(pod: KubernetesObject, { container, run }: LogSource): Date | undefined {
  const status = allStatuses(pod).find(({ name }) => name === container);
  const state = fieldsAt(status, run === 'current' ? 'state' : 'lastState');
  const finishedAt = textAt(state, 'terminated', 'finishedAt');
  return finishedAt === undefined ? undefined : new Date(finishedAt);
}

/** Lines of a log, one a second, the last one at `end`. */
export function logLines(text: string, end: Date): LogLine[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => ({ at: new Date(end.getTime() - (lines.length - 1 - index) * 1000), text: line }));
}

/** The part of a log that was asked for, in the kubelet's order: the tail, then what is recent, then the first bytes of it. */
export function logText(lines: readonly LogLine[], request: LogRequest): Buffer {
  const { tailLines, since, hasTimestamps, limitBytes } = request;
  const tail = tailLines === undefined ? lines : lines.slice(Math.max(0, lines.length - tailLines));
  const recent = since === undefined ? tail : tail.filter(({ at }) => at >= since);
  const text = recent.map(({ at, text }) => `${hasTimestamps ? `${nanoseconds(at)} ` : ''}${text}\n`).join('');
  return Buffer.from(text).subarray(0, limitBytes);
}

function allStatuses(pod: KubernetesObject): readonly Fields[] {
  return [
    ...listAt(pod, 'status', 'containerStatuses'),
    ...listAt(pod, 'status', 'initContainerStatuses'),
    ...listAt(pod, 'status', 'ephemeralContainerStatuses'),
  ];
}

function names(pod: KubernetesObject, field: string): string[] {
  return listAt(pod, 'spec', field).map((container) => textAt(container, 'name') ?? '');
}

function onlyContainer(pod: KubernetesObject): string {
  const containers = names(pod, 'containers');
  const [only] = containers;
  if (only !== undefined && containers.length === 1) return only;
  const init = names(pod, 'initContainers');
  const choice = containers.length === 0 ? '' : `, choose one of: [${containers.join(' ')}]`;
  const initChoice = init.length === 0 ? '' : ` or one of the init containers: [${init.join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${pod.metadata.name}${choice}${initChoice}`);
}

function knownContainer(pod: KubernetesObject, asked: string): string {
  const all = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((field) => names(pod, field));
  if (all.includes(asked)) return asked;
  throw badRequest(`container ${asked} is not valid for pod ${pod.metadata.name}`);
}

function nanoseconds(at: Date): string {
  return at.toISOString().replace(/\.(\d{3})Z$/, '.$1000000Z');
}
