import type { WorkloadKind } from './cluster.ts';
import { isReady } from './containers.ts';
import type { OwnerReference, Pod, Workload } from './objects.ts';
import { workloadWord } from './pod-reference.ts';

/** How many of a workload's pods take requests. */
export type Replicas = {
  /** As `kubectl` takes it: `deploy/checkout`. */
  readonly workload: string;
  readonly kind: string;
  readonly ready: number;
  readonly wanted: number;
  /** A Deployment's revision that the pod belongs to, and since when it is there. */
  readonly revision: string | undefined;
  readonly since: string | undefined;
};

/** The owner that manages a pod. */
export function controllerOf(metadata: Pod['metadata']): OwnerReference | undefined {
  return metadata.ownerReferences.find(({ controller }) => controller) ?? metadata.ownerReferences[0];
}

/** The kinds whose status tells how many pods are ready. */
export function isWorkloadKind(kind: string): kind is Exclude<WorkloadKind, 'Job'> {
  return kind === 'Deployment' || kind === 'StatefulSet' || kind === 'DaemonSet' || kind === 'ReplicaSet';
}

/**
 * How many pods of a workload are ready, from its own status; undefined where it has none. A ReplicaSet of a Deployment is
 * called by the Deployment's name.
 */
export function replicasOf(kind: string, workload: Workload): Replicas | undefined {
  const { spec, status } = workload;
  if ([spec.replicas, ...Object.values(status)].every((amount) => amount === undefined)) return undefined;
  const name = workload.metadata.name ?? '';
  const wanted = spec.replicas ?? status.desiredNumberScheduled ?? status.replicas ?? 1;
  const ready = status.readyReplicas ?? status.numberReady ?? 0;
  return {
    workload: workloadNameFor(kind, name, controllerOf(workload.metadata)),
    kind,
    ready,
    wanted,
    revision: workload.metadata.annotations['deployment.kubernetes.io/revision'],
    since: kind === 'ReplicaSet' ? workload.metadata.creationTimestamp : undefined,
  };
}

/** The same, counted among the pods of a namespace when all of them are at hand anyway. */
export function replicasAmong(pods: readonly Pod[], pod: Pod): Replicas | undefined {
  const owner = controllerOf(pod.metadata);
  if (owner === undefined || !isWorkloadKind(owner.kind)) return undefined;
  const siblings = pods.filter(
    ({ metadata, status }) =>
      status.phase !== 'Failed' &&
      status.phase !== 'Succeeded' &&
      metadata.namespace === pod.metadata.namespace &&
      controllerOf(metadata)?.uid === owner.uid &&
      controllerOf(metadata)?.name === owner.name,
  );
  return {
    workload: workloadNameFor(owner.kind, owner.name, undefined, pod),
    kind: owner.kind,
    ready: siblings.filter(isReady).length,
    wanted: siblings.length,
    revision: undefined,
    since: undefined,
  };
}

/** What `kubectl set env` and `kubectl rollout` take for the workload behind a pod; undefined for a bare pod. */
export function workloadNameOf(pod: Pod): string | undefined {
  const owner = controllerOf(pod.metadata);
  return owner === undefined ? undefined : workloadNameFor(owner.kind, owner.name, undefined, pod);
}

/** A Deployment names its ReplicaSets `<deployment>-<pod-template-hash>`, and that hash is a label of their pods. */
function workloadNameFor(kind: string, name: string, owner: OwnerReference | undefined, pod?: Pod): string {
  if (owner?.kind === 'Deployment') return `${workloadWord.Deployment}/${owner.name}`;
  const hash = pod?.metadata.labels['pod-template-hash'];
  if (kind === 'ReplicaSet' && hash !== undefined && name.endsWith(`-${hash}`))
    return `${workloadWord.Deployment}/${name.slice(0, -hash.length - 1)}`;
  return `${isWorkloadKind(kind) || kind === 'Job' ? workloadWord[kind] : kind.toLowerCase()}/${name}`;
}
