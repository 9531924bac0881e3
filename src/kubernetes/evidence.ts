import { jvmVariables } from '../jvm/variables.ts';
import { type JdkVersion, jdkFromImage } from '../jvm/version.ts';
import { Refusal } from '../refusal.ts';
import type { Finding, Severity } from '../report/report.ts';
import type { KubernetesCluster } from './cluster.ts';
import { containerEnvironment } from './container-environment.ts';
import { type ContainerView, chooseContainer } from './containers.ts';
import { readJavaContainer } from './java-container.ts';
import type { MemoryHistory } from './memory-history.ts';
import type { KubernetesEvent, Node, Pod, PodMetrics } from './objects.ts';
import type { FoundPod } from './pod-search.ts';
import { grantAdvice, RequestFailure } from './request-failure.ts';
import { controllerOf, isWorkloadKind, type Replicas, replicasOf } from './workloads.ts';

/** Everything that was read about one container of one pod. What is undefined does not exist or could not be read. */
export type Evidence = {
  readonly pod: Pod;
  readonly container: ContainerView;
  readonly node: Node | undefined;
  readonly events: readonly KubernetesEvent[] | undefined;
  readonly nodeEvents: readonly KubernetesEvent[] | undefined;
  /** The end of the log of the container that died, else of the one that runs. */
  readonly endLog: string | undefined;
  /** The beginning of the log of the container that runs: where a JVM tells its version and flags. */
  readonly startLog: string | undefined;
  readonly metrics: PodMetrics | undefined;
  readonly replicas: Replicas | undefined;
  /** What the container used before now, where somebody kept it. */
  readonly memory?: MemoryHistory | undefined;
  /** What could not be read, each with what it costs and how to give the permission. */
  readonly missing: readonly Finding[];
};

const endLines = 400;
const endBytes = 1024 * 1024;
const startBytes = 128 * 1024;

/**
 * Reads what the answer needs, side by side and within the budget of API requests: what decides most goes first, and what no
 * longer fits is left out. A part that is refused costs itself, never the answer.
 * @param readMemory asks no Kubernetes API, and so costs nothing of the budget
 * @throws Refusal when the pod has no container of the wanted name
 */
export async function gatherEvidence(
  cluster: KubernetesCluster,
  found: FoundPod,
  wantedContainer: string | undefined,
  budget: number,
  readMemory?: (container: ContainerView) => Promise<MemoryHistory | undefined>,
): Promise<Evidence | undefined> {
  const { pod } = found;
  const namespace = pod.metadata.namespace ?? 'default';
  const name = pod.metadata.name ?? '';
  const container = chooseContainer(pod, wantedContainer, ({ spec }) => mayBeJava(spec));
  if (container === undefined) return undefined;

  let left = budget - found.requests;
  const missing: Finding[] = [];
  /** Asks when the budget still allows it; a refusal becomes a finding. */
  async function part<Value>(section: Section, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
    if (left <= 0) return undefined;
    left -= 1;
    return await orMissing(section, read);
  }

  async function orMissing<Value>(
    section: Section,
    read: () => Promise<Value | undefined>,
  ): Promise<Value | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      missing.push(missingPart(section, error, namespace));
      return undefined;
    }
  }

  const hasStarted = container.ended !== undefined || container.status?.state.running !== undefined;
  const isKilled = container.ended?.reason === 'OOMKilled';
  const isPrevious = container.status?.state.terminated === undefined && diedOfItself(container);
  // Only the first lines of a log tell what a JVM took from variables whose values stand elsewhere.
  const isStartNeeded = variablesStandElsewhere(container.spec);
  const isJdkExact = isExact(container.spec?.image === undefined ? undefined : jdkFromImage(container.spec.image));
  const owner = controllerOf(pod.metadata);
  const { nodeName } = pod.spec;

  // In the order of what decides most: each call takes its request from the budget before the next one is considered.
  const node = nodeName === undefined ? undefined : part('node', () => cluster.getNode(nodeName));
  const endLog = hasStarted
    ? part('log', () =>
        cluster.podLog(namespace, name, container.name, {
          previous: isPrevious,
          tailLines: endLines,
          limitBytes: endBytes,
        }),
      )
    : undefined;
  const readStart = () =>
    hasStarted
      ? part('log', () => cluster.podLog(namespace, name, container.name, { previous: false, limitBytes: startBytes }))
      : undefined;
  const neededStart = isStartNeeded ? readStart() : undefined;
  const events = part('events', () => cluster.listEvents(namespace, name));
  const ownerKind = owner?.kind ?? '';
  const workload =
    found.replicas === undefined && owner !== undefined && isWorkloadKind(ownerKind)
      ? part('replicas', () => cluster.getWorkload(ownerKind, namespace, owner.name))
      : undefined;
  const readNodeEvents = () =>
    isKilled && nodeName !== undefined ? part('node events', () => cluster.listNodeEvents(nodeName)) : undefined;
  const earlyStart = neededStart ?? (isJdkExact ? undefined : readStart());
  const nodeEvents = readNodeEvents();
  const metrics = part('metrics', () => cluster.podMetrics(namespace, name));
  const startLog = earlyStart ?? readStart();
  const memory = readMemory === undefined ? undefined : orMissing('memory before now', () => readMemory(container));

  const [seenNode, seenEnd, seenEvents, seenWorkload, seenNodeEvents, seenMetrics, seenStart, seenMemory] =
    await Promise.all([node, endLog, events, workload, nodeEvents, metrics, startLog, memory]);
  // A container that waits for its next start has one log, which the API gives under either name; a recording has one of them.
  const isRunning = container.status?.state.running !== undefined;
  const otherEnd =
    seenEnd === undefined && hasStarted && !isRunning
      ? await part('log', () =>
          cluster.podLog(namespace, name, container.name, {
            previous: !isPrevious,
            tailLines: endLines,
            limitBytes: endBytes,
          }),
        )
      : undefined;
  return {
    pod,
    container,
    node: seenNode,
    endLog: seenEnd ?? otherEnd,
    events: seenEvents,
    nodeEvents: seenNodeEvents,
    metrics: seenMetrics,
    startLog: seenStart,
    replicas: found.replicas ?? (seenWorkload === undefined ? undefined : replicasOf(ownerKind, seenWorkload)),
    memory: seenMemory,
    missing: withoutRepeats(missing),
  };
}

/** A container that ended well or was asked to stop, and runs again, tells more by the log that it writes now. */
function diedOfItself({ ended, status }: ContainerView): boolean {
  if (ended === undefined) return false;
  const wasAsked = ended.exitCode === 0 || ended.exitCode === 143;
  return !(wasAsked && ended.reason !== 'OOMKilled' && status?.state.running !== undefined);
}

/** Whether a JVM in this container may take flags from a secret, a config map or the like. */
function variablesStandElsewhere(spec: ContainerView['spec']): boolean {
  const unknownMemory = { limitBytes: undefined, requestBytes: undefined };
  const { elsewhere, poured } = containerEnvironment(spec, unknownMemory, '', '');
  if (poured.length === 0 && !jvmVariables.some((name) => elsewhere[name] !== undefined)) return false;
  return readJavaContainer(spec, { variables: {}, elsewhere: {}, poured: [] }, '').isJava !== false;
}

/** Whether a container's own spec says that it runs Java. */
export function mayBeJava(spec: ContainerView['spec']): boolean {
  return readJavaContainer(spec, { variables: {}, elsewhere: {}, poured: [] }, '').isJava === true;
}

function isExact(jdk: JdkVersion | undefined): boolean {
  return jdk !== undefined && jdk.update !== null;
}

type Section = 'node' | 'log' | 'events' | 'node events' | 'replicas' | 'metrics' | 'memory before now';

/** What a section is for, and how much it hurts not to have it. */
const sections: Readonly<Record<Section, { readonly shows: string; readonly severity: Severity }>> = {
  node: { shows: 'the node’s memory and kernel, which decide what a JVM takes for its own', severity: 'warning' },
  log: { shows: 'what the JVM said', severity: 'warning' },
  events: { shows: 'evictions and probe kills', severity: 'info' },
  'node events': { shows: 'whether the node itself ran out of memory', severity: 'info' },
  replicas: { shows: 'how many replicas are ready', severity: 'info' },
  metrics: { shows: 'the memory in use now', severity: 'info' },
  'memory before now': { shows: 'the largest working set and its chart', severity: 'info' },
};

function missingPart(section: Section, refusal: Refusal, namespace: string): Finding {
  const { shows, severity } = sections[section];
  const isForbidden = refusal instanceof RequestFailure && refusal.kind === 'forbidden';
  const verb = section === 'events' || section === 'node events' ? 'list' : 'get';
  const resource = resources[section];
  const place = section === 'node' ? '' : ` in namespace ${section === 'node events' ? 'default' : namespace}`;
  return {
    severity,
    grade: 'unknown',
    claim: isForbidden
      ? `${section}: forbidden: grant ${verb} ${resource}${place} to see ${shows}`
      : `${section}: not read: ${refusal.message}`,
    evidence: refusal.message,
    advice:
      isForbidden && resource !== 'the owner'
        ? grantAdvice({ verb, resource, namespace: section === 'node' ? undefined : namespace })
        : refusal.advice,
  };
}

const resources = {
  node: 'nodes',
  log: 'pods/log',
  events: 'events',
  'node events': 'events',
  replicas: 'the owner',
  metrics: 'pods.metrics.k8s.io',
  'memory before now': 'pods.metrics.k8s.io',
} as const;

function withoutRepeats(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ claim }, index) => findings.findIndex((other) => other.claim === claim) === index);
}
