import { jvmVariables } from '../jvm/variables.ts';
import { type JdkVersion, jdkFromImage } from '../jvm/version.ts';
import { Refusal } from '../refusal.ts';
import type { Finding, Severity } from '../report/report.ts';
import type { KubernetesCluster } from './cluster.ts';
import { type ConfigMaps, containerEnvironment } from './container-environment.ts';
import { type ContainerView, chooseContainer } from './containers.ts';
import { mayHoldOptions, readJavaContainer, variablesUsed } from './java-container.ts';
import type { MemoryHistory } from './memory-history.ts';
import type { KubernetesEvent, Node, Pod, PodMetrics } from './objects.ts';
import type { FoundPod } from './pod-search.ts';
import { RequestFailure } from './request-failure.ts';
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
  /** The config maps that may hold flags and were read. */
  readonly configMaps: ConfigMaps;
  /** What could not be read, each with what it costs and how to give the permission. */
  readonly missing: readonly Finding[];
};

/** How many of its last lines are read of a log: one that has fewer was read from its beginning. */
export const endLines = 400;
const endBytes = 1024 * 1024;
const startBytes = 128 * 1024;
/** More of them would cost what decides more. */
const mostConfigMaps = 2;

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

  const owner = controllerOf(pod.metadata);
  const ownerKind = owner?.kind ?? '';
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
      missing.push(missingPart(section, error, namespace, `${ownerKind.toLowerCase()}s`));
      return undefined;
    }
  }

  const hasStarted = container.ended !== undefined || container.status?.state.running !== undefined;
  const isKilled = container.ended?.reason === 'OOMKilled';
  const isPrevious = container.status?.state.terminated === undefined && diedOfItself(container);
  // Only the first lines of a log tell what a JVM took from variables whose values stand elsewhere.
  const isStartNeeded = variablesStandElsewhere(container.spec);
  const wantedMaps = configMapsWithFlags(container.spec);
  const isJdkExact = isExact(container.spec?.image === undefined ? undefined : jdkFromImage(container.spec.image));
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
  const configMaps = wantedMaps.map((map) => {
    const read = part('config maps', async () => {
      const data = await cluster.getConfigMap(namespace, map);
      if (data === undefined) missing.push(goneMap(map));
      return data;
    });
    return read.then((data) => (data === undefined ? [] : [[map, data] as const]));
  });
  // Where its flags had to be read the kernel's word is enough, and the replicas matter more than the events.
  const readEvents = () => part('events', () => cluster.listEvents(namespace, name));
  const areEventsLate = isKilled && wantedMaps.length > 0;
  const earlyEvents = areEventsLate ? undefined : readEvents();
  const workload =
    found.replicas === undefined && owner !== undefined && isWorkloadKind(ownerKind)
      ? part('replicas', () => cluster.getWorkload(ownerKind, namespace, owner.name))
      : undefined;
  const events = earlyEvents ?? readEvents();
  const readNodeEvents = () =>
    isKilled && nodeName !== undefined ? part('node events', () => cluster.listNodeEvents(nodeName)) : undefined;
  const earlyStart = neededStart ?? (isJdkExact ? undefined : readStart());
  const nodeEvents = readNodeEvents();
  const metrics = part('metrics', () => cluster.podMetrics(namespace, name));
  const startLog = earlyStart ?? readStart();
  const memory = readMemory === undefined ? undefined : orMissing('memory before now', () => readMemory(container));

  const [seenNode, seenEnd, seenEvents, seenWorkload, seenNodeEvents, seenMetrics, seenStart, seenMaps, seenMemory] =
    await Promise.all([node, endLog, events, workload, nodeEvents, metrics, startLog, Promise.all(configMaps), memory]);
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
    configMaps: new Map(seenMaps.flat()),
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
  const { elsewhere, poured } = containerEnvironment(spec, {});
  if (poured.length === 0 && !jvmVariables.some((name) => elsewhere[name] !== undefined)) return false;
  return readJavaContainer(spec, noEnvironment, '').isJava !== false;
}

/** The config maps that may hold flags for a JVM, at most two: those poured in whole, and those that a variable with flags is taken from. */
export function configMapsWithFlags(spec: ContainerView['spec']): string[] {
  if (spec === undefined || readJavaContainer(spec, noEnvironment, '').isJava === false) return [];
  const used = variablesUsed(spec);
  const named = spec.env.flatMap(({ name, valueFrom }) => {
    const mayHoldFlags = jvmVariables.some((known) => known === name) || mayHoldOptions(name) || used.includes(name);
    return mayHoldFlags ? (valueFrom?.configMapKeyRef?.name ?? []) : [];
  });
  return [...new Set([...named, ...spec.envFrom.flatMap(({ configMapRef }) => configMapRef?.name ?? [])])].slice(
    0,
    mostConfigMaps,
  );
}

const noEnvironment = { variables: {}, elsewhere: {}, origins: {}, poured: [] } as const;

/** Whether a container's own spec says that it runs Java. */
export function mayBeJava(spec: ContainerView['spec']): boolean {
  return readJavaContainer(spec, noEnvironment, '').isJava === true;
}

function isExact(jdk: JdkVersion | undefined): boolean {
  return jdk !== undefined && jdk.update !== null;
}

type Section = 'node' | 'log' | 'config maps' | 'events' | 'node events' | 'replicas' | 'metrics' | 'memory before now';

/** What a section is for, and how much it hurts not to have it. */
const sections: Readonly<Record<Section, { readonly shows: string; readonly severity: Severity }>> = {
  node: { shows: 'the node’s memory and kernel, which decide what a JVM takes for its own', severity: 'warning' },
  log: { shows: 'what the JVM said', severity: 'warning' },
  'config maps': { shows: 'the flags that stand in them', severity: 'warning' },
  events: { shows: 'evictions and probe kills', severity: 'info' },
  'node events': { shows: 'whether the node itself ran out of memory', severity: 'info' },
  replicas: { shows: 'how many replicas are ready', severity: 'info' },
  metrics: { shows: 'the memory in use now', severity: 'info' },
  'memory before now': { shows: 'the largest working set and its chart', severity: 'info' },
};

function missingPart(section: Section, refusal: Refusal, namespace: string, owners: string): Finding {
  const { shows, severity } = sections[section];
  const isForbidden = refusal instanceof RequestFailure && refusal.kind === 'forbidden';
  const verb = section === 'events' || section === 'node events' ? 'list' : 'get';
  const resource = section === 'replicas' ? owners : resources[section];
  const place = section === 'node' ? '' : ` in namespace ${section === 'node events' ? 'default' : namespace}`;
  return {
    severity,
    grade: 'unknown',
    claim: isForbidden
      ? `${section}: forbidden: grant ${verb} ${resource}${place} to see ${shows}`
      : `${section}: not read: ${refusal.message}`,
    evidence: refusal.message,
    // It names the permission, and where to grant it.
    advice: refusal.advice,
  };
}

const resources = {
  node: 'nodes',
  log: 'pods/log',
  'config maps': 'configmaps',
  events: 'events',
  'node events': 'events',
  metrics: 'pods.metrics.k8s.io',
  'memory before now': 'pods.metrics.k8s.io',
} as const;

function goneMap(name: string): Finding {
  return {
    severity: 'info',
    grade: 'unknown',
    claim: `config map ${name}: not there: what the container took from it as it started is not known.`,
    evidence: 'the API has none of that name now',
    advice: 'Look for “Picked up” in the first lines of its log.',
  };
}

function withoutRepeats(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ claim }, index) => findings.findIndex((other) => other.claim === claim) === index);
}
