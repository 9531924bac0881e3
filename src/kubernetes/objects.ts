import { z } from 'zod';

/**
 * The parts of Kubernetes' objects that Quorum reads, as plain JSON. Times are RFC 3339 texts, sizes Kubernetes quantities.
 * The API leaves out what is empty and writes null in places: both become undefined (maps and lists: empty).
 */

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
const whole = z
  .number()
  .nullish()
  .transform((value) => value ?? undefined);
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
/** A name that the API never leaves out; a hand-made recording may. */
const name = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
/** What is no text in a map of texts is left out: one odd label is no reason to refuse a pod. */
const texts = mapOf((value) => (typeof value === 'string' ? value : undefined));
/** A quantity may stand in a manifest without quotes: `memory: 536870912`. */
const quantities = mapOf((value) =>
  typeof value === 'number' ? String(value) : typeof value === 'string' ? value : undefined,
);

function listOf<Item extends z.ZodType>(item: Item) {
  return z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);
}

function mapOf(read: (value: unknown) => string | undefined) {
  return z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value): Record<string, string> => {
      const pairs = Object.entries(value ?? {}).map(([key, given]) => [key, read(given)] as const);
      return Object.fromEntries(pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
    });
}

/** An object that may be missing altogether. */
function orEmpty<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, z.object(shape));
}

function maybe<Inner extends z.ZodType>(inner: Inner) {
  return inner.nullish().transform((value) => value ?? undefined);
}

const ownerReference = z.object({ kind: name, name, uid: text, controller: flag });

const metadata = orEmpty({
  name: text,
  namespace: text,
  uid: text,
  labels: texts,
  annotations: texts,
  creationTimestamp: text,
  deletionTimestamp: text,
  ownerReferences: listOf(ownerReference),
});

const resources = orEmpty({ limits: quantities, requests: quantities });

const environmentVariable = z.object({
  name,
  value: text,
  valueFrom: maybe(
    z.object({
      configMapKeyRef: maybe(z.object({ name: text, key: name })),
      secretKeyRef: maybe(z.object({ name: text, key: name })),
      fieldRef: maybe(z.object({ fieldPath: name })),
      resourceFieldRef: maybe(
        z.object({
          containerName: text,
          resource: name,
          divisor: z.union([z.string(), z.number().transform(String)]).nullish(),
        }),
      ),
    }),
  ),
});

const container = z.object({
  name,
  image: text,
  command: listOf(z.string()),
  args: listOf(z.string()),
  env: listOf(environmentVariable),
  envFrom: listOf(
    z.object({
      prefix: text,
      configMapRef: maybe(z.object({ name: text })),
      secretRef: maybe(z.object({ name: text })),
    }),
  ),
  resources,
  restartPolicy: text,
  livenessProbe: maybe(
    z.object({ failureThreshold: whole, periodSeconds: whole, httpGet: maybe(z.object({ path: text })) }),
  ),
});

const terminated = z.object({
  reason: text,
  exitCode: whole,
  signal: whole,
  startedAt: text,
  finishedAt: text,
  message: text,
  containerID: text,
});

const containerState = z
  .object({
    waiting: maybe(z.object({ reason: text, message: text })),
    running: maybe(z.object({ startedAt: text })),
    terminated: maybe(terminated),
  })
  .nullish()
  .transform((value) => value ?? { waiting: undefined, running: undefined, terminated: undefined });

const containerStatus = z.object({
  name,
  image: text,
  imageID: text,
  ready: flag,
  restartCount: whole,
  state: containerState,
  lastState: containerState,
  resources: maybe(resources),
});

const condition = z.object({ type: name, status: text, reason: text, message: text, lastTransitionTime: text });

export const podSchema = z.object({
  metadata,
  spec: orEmpty({
    nodeName: text,
    restartPolicy: text,
    terminationGracePeriodSeconds: whole,
    containers: listOf(container),
    initContainers: listOf(container),
    ephemeralContainers: listOf(container),
    resources: maybe(resources),
    hostPID: flag,
    shareProcessNamespace: flag,
  }),
  status: orEmpty({
    phase: text,
    reason: text,
    message: text,
    qosClass: text,
    startTime: text,
    conditions: listOf(condition),
    containerStatuses: listOf(containerStatus),
    initContainerStatuses: listOf(containerStatus),
    ephemeralContainerStatuses: listOf(containerStatus),
  }),
});

export const nodeSchema = z.object({
  metadata,
  status: orEmpty({
    capacity: quantities,
    allocatable: quantities,
    conditions: listOf(condition),
    nodeInfo: orEmpty({
      kernelVersion: text,
      osImage: text,
      kubeletVersion: text,
      containerRuntimeVersion: text,
      architecture: text,
    }),
  }),
});

/** A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job: what tells the pods it owns and how many are ready. */
export const workloadSchema = z.object({
  kind: text,
  metadata,
  spec: orEmpty({
    replicas: whole,
    selector: maybe(
      z.object({
        matchLabels: texts,
        matchExpressions: listOf(z.object({ key: name, operator: name, values: listOf(z.string()) })),
      }),
    ),
  }),
  status: orEmpty({ replicas: whole, readyReplicas: whole, desiredNumberScheduled: whole, numberReady: whole }),
});

/** Only its texts: binary data is no value of a variable. */
export const configMapSchema = z.object({ metadata, data: texts });

export const eventSchema = z.object({
  metadata,
  type: text,
  reason: text,
  message: text,
  count: whole,
  firstTimestamp: text,
  lastTimestamp: text,
  eventTime: text,
  involvedObject: orEmpty({ kind: text, name: text, namespace: text, uid: text, fieldPath: text }),
});

/** A sample of metrics.k8s.io: the working set of each container some 15 to 60 seconds ago, never the peak at a death. */
export const podMetricsSchema = z.object({
  timestamp: text,
  window: text,
  containers: listOf(z.object({ name, usage: quantities })),
});

/** The same in a list, where its name tells whose it is. */
export const namedPodMetricsSchema = podMetricsSchema.extend({ metadata });

export const listMetadataSchema = orEmpty({ continue: text, remainingItemCount: whole });

export type Pod = z.infer<typeof podSchema>;
export type Container = z.infer<typeof container>;
export type EnvironmentVariable = z.infer<typeof environmentVariable>;
export type ContainerStatus = z.infer<typeof containerStatus>;
export type Terminated = z.infer<typeof terminated>;
export type Node = z.infer<typeof nodeSchema>;
export type Workload = z.infer<typeof workloadSchema>;
export type KubernetesEvent = z.infer<typeof eventSchema>;
export type PodMetrics = z.infer<typeof podMetricsSchema>;
export type NamedPodMetrics = z.infer<typeof namedPodMetricsSchema>;
export type OwnerReference = z.infer<typeof ownerReference>;

/** When an event was seen last, in milliseconds; undefined where it carries no time. */
export function eventTimeMs(event: KubernetesEvent): number | undefined {
  return timeMs(event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp);
}

/** An RFC 3339 time in milliseconds; undefined where there is none or it cannot be read. */
export function timeMs(time: string | undefined): number | undefined {
  if (time === undefined) return undefined;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}
