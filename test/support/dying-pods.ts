import type { KubernetesObject } from './kubernetes/object.ts';

/** A pod of a Deployment as an API server tells it, and how its one container ended last. */
export type DyingPod = {
  readonly namespace?: string;
  /** The Deployment; the pod is called `<name>-5d8f7c9b64-<suffix>`. */
  readonly name: string;
  readonly suffix?: string;
  readonly uid?: string;
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly restarts?: number;
  /** Its last end; none where it never ended. */
  readonly ended?: { readonly at: Date; readonly reason?: string; readonly exitCode?: number; readonly ranMs?: number };
};

const seconds = (at: Date) => `${at.toISOString().slice(0, 19)}Z`;

export function podNameOf({ name, suffix = 'x2x9k' }: Pick<DyingPod, 'name' | 'suffix'>): string {
  return `${name}-5d8f7c9b64-${suffix}`;
}

/** A running pod that was started again after its end, or never ended. */
export function dyingPod(pod: DyingPod): KubernetesObject {
  const { namespace = 'shop', name, node = 'node-a', labels = {}, annotations = {}, restarts, ended } = pod;
  const podName = podNameOf(pod);
  const image = pod.image ?? 'registry.example/shop/app:8u181-jdk';
  const count = restarts ?? (ended === undefined ? 0 : 1);
  const terminated =
    ended === undefined
      ? undefined
      : {
          exitCode: ended.exitCode ?? 137,
          reason: ended.reason ?? 'OOMKilled',
          startedAt: seconds(new Date(ended.at.getTime() - (ended.ranMs ?? 60_000))),
          finishedAt: seconds(ended.at),
          containerID: `containerd://${podName}-${count}`,
        };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName,
      namespace,
      uid: pod.uid ?? `uid-${namespace}-${podName}`,
      labels: { app: name, 'pod-template-hash': '5d8f7c9b64', ...labels },
      annotations: { ...annotations },
      creationTimestamp: '2026-11-01T08:00:00Z',
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-5d8f7c9b64`, uid: `rs-${name}`, controller: true },
      ],
    },
    spec: {
      nodeName: node,
      containers: [
        {
          name: 'app',
          image,
          command: ['java', '-jar', '/app.jar'],
          resources: { limits: { memory: '512Mi' }, requests: { memory: '512Mi' } },
        },
      ],
    },
    status: {
      phase: 'Running',
      startTime: '2026-11-01T08:00:00Z',
      containerStatuses: [
        {
          name: 'app',
          image,
          ready: true,
          restartCount: count,
          state: { running: { startedAt: seconds(new Date((ended?.at.getTime() ?? 0) + 1000)) } },
          lastState: terminated === undefined ? {} : { terminated },
        },
      ],
    },
  } as unknown as KubernetesObject;
}
