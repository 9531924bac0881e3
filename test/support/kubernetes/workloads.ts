import type { KubernetesObject } from './object.ts';

/** A Java program that is OOM-killed in 512 MiB, as a workload with its revisions and its pods. */
export type WorkloadRecipe = {
  readonly kind?: 'Deployment' | 'StatefulSet' | 'DaemonSet';
  readonly name?: string;
  readonly namespace?: string;
  readonly replicas?: number;
  /** Of its pods the first ones are ready; the others were OOM-killed and wait for their next start. */
  readonly ready?: number;
  /** More of the container, in the template and in the pods. */
  readonly container?: Readonly<Record<string, unknown>>;
  /** More of the pods' container alone: what a webhook adds. */
  readonly podContainer?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly podSpec?: Readonly<Record<string, unknown>>;
};

const label = {
  Deployment: 'pod-template-hash',
  StatefulSet: 'controller-revision-hash',
  DaemonSet: 'controller-revision-hash',
};

/** The objects of a workload that `shop` runs, or another namespace, at its second revision; the first one had `-Xmx256m`. */
export function workloadObjects(recipe: WorkloadRecipe = {}): KubernetesObject[] {
  const { kind = 'Deployment', name = 'orders', namespace = 'shop', replicas = 2, ready = replicas - 1 } = recipe;
  const uid = `uid-${name}`;
  const labels = { app: name };
  const container = {
    name: 'app',
    image: 'eclipse-temurin:17.0.12_7-jre',
    command: ['java', '-jar', '/app.jar'],
    env: [
      { name: 'DB_PASSWORD', value: 'correct-horse-battery' },
      { name: 'JAVA_TOOL_OPTIONS', value: '-XX:MaxRAMPercentage=95.0' },
    ],
    resources: { limits: { memory: '512Mi' }, requests: { memory: '512Mi' } },
    ...recipe.container,
  };
  const template = { metadata: { labels }, spec: { containers: [container], ...recipe.podSpec } };
  const old = {
    metadata: { labels },
    spec: {
      containers: [{ ...container, env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Xmx256m' }] }],
      ...recipe.podSpec,
    },
  };
  const isDeployment = kind === 'Deployment';
  const hashes = kind === 'StatefulSet' ? [`${name}-5f1`, `${name}-6f2`] : ['5f1', '6f2'];
  const counts =
    kind === 'DaemonSet'
      ? {
          desiredNumberScheduled: replicas,
          updatedNumberScheduled: replicas,
          numberReady: ready,
          numberAvailable: ready,
        }
      : { replicas, updatedReplicas: replicas, readyReplicas: ready, availableReplicas: ready };
  const workload: KubernetesObject = {
    apiVersion: 'apps/v1',
    kind,
    metadata: {
      namespace,
      name,
      uid,
      generation: 2,
      ...(isDeployment ? { annotations: { 'deployment.kubernetes.io/revision': '2' } } : {}),
      ...recipe.metadata,
    },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas }),
      selector: { matchLabels: labels },
      template,
      ...(isDeployment ? { progressDeadlineSeconds: 600 } : {}),
      ...recipe.spec,
    },
    status: {
      observedGeneration: 2,
      ...counts,
      ...(kind === 'StatefulSet' ? { currentRevision: hashes[1], updateRevision: hashes[1] } : {}),
      ...recipe.status,
    },
  };
  const owner = { apiVersion: 'apps/v1', kind, name, uid, controller: true };
  const revisions = hashes.map((hash, index): KubernetesObject => {
    const number = index + 1;
    const made = number === 2 ? template : old;
    const metadata = {
      namespace,
      name: kind === 'StatefulSet' ? hash : `${name}-${hash}`,
      uid: `uid-${name}-${hash}`,
      labels: { ...labels, ...(kind === 'StatefulSet' ? {} : { [label[kind]]: hash }) },
      ownerReferences: [owner],
    };
    if (!isDeployment)
      return {
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata,
        revision: number,
        data: { spec: { template: { ...made, $patch: 'replace' } } },
      };
    const hashed = { ...made, metadata: { labels: { ...labels, 'pod-template-hash': hash } } };
    return {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { ...metadata, annotations: { 'deployment.kubernetes.io/revision': String(number) } },
      spec: { replicas: number === 2 ? replicas : 0, selector: { matchLabels: labels }, template: hashed },
      status: { replicas: number === 2 ? replicas : 0 },
    };
  });
  const set = isDeployment ? { ...owner, kind: 'ReplicaSet', name: `${name}-6f2`, uid: `uid-${name}-6f2` } : owner;
  const pods = Array.from({ length: replicas }, (_, index): KubernetesObject => {
    const isReady = index < ready;
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace,
        name: kind === 'StatefulSet' ? `${name}-${index}` : `${name}-6f2-p${index}`,
        uid: `uid-${name}-p${index}`,
        labels: { ...labels, [label[kind]]: hashes[1] ?? '' },
        ownerReferences: [set],
      },
      spec: { nodeName: 'node-1', containers: [{ ...container, ...recipe.podContainer }], ...recipe.podSpec },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
        containerStatuses: [
          isReady
            ? {
                name: 'app',
                ready: true,
                restartCount: 0,
                state: { running: { startedAt: '2026-11-03T08:00:00Z' } },
              }
            : {
                name: 'app',
                ready: false,
                restartCount: 4,
                state: { waiting: { reason: 'CrashLoopBackOff' } },
                lastState: {
                  terminated: {
                    reason: 'OOMKilled',
                    exitCode: 137,
                    containerID: 'docker://1',
                    startedAt: '2026-11-03T09:00:00Z',
                    finishedAt: '2026-11-03T09:58:00Z',
                  },
                },
              },
        ],
      },
    };
  });
  return [node, workload, ...revisions, ...pods];
}

/** cgroup v1 and an old kernel: its JVMs see their limits, and 4 GiB are there. */
export const node: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1' },
  status: {
    capacity: { cpu: '4', memory: '8152384Ki' },
    allocatable: { cpu: '4', memory: '4Gi' },
    conditions: [{ type: 'MemoryPressure', status: 'False' }],
    nodeInfo: {
      kernelVersion: '5.10.0-30-amd64',
      osImage: 'Debian GNU/Linux 11 (bullseye)',
      kubeletVersion: 'v1.20.15',
      containerRuntimeVersion: 'docker://20.10.5',
      architecture: 'amd64',
    },
  },
};
