import { Refusal } from '../refusal.ts';
import type { KubernetesCluster, WorkloadClient } from './cluster.ts';
import type { Pod } from './objects.ts';
import { type PodReference, workloadWord } from './pod-reference.ts';
import { findPod, findWorkload } from './pod-search.ts';
import { isRolledKind, type RolledKind, type RolledWorkload } from './workload-object.ts';
import { controllerOf } from './workloads.ts';

/** The workload that makes pods from a template which can be changed. */
export type Owner = {
  readonly kind: RolledKind;
  readonly namespace: string;
  readonly name: string;
  readonly workload: RolledWorkload;
};

/** @throws Refusal for a recording, in which nothing can be changed */
export function workloadsOf(cluster: KubernetesCluster): WorkloadClient {
  if (cluster.workloads !== undefined) return cluster.workloads;
  throw new Refusal('A recording cannot be changed.', 'Ask the cluster itself, without --recorded.');
}

/** `deploy/checkout`, as kubectl and Quorum take it. */
export function wordOf({ kind, name }: Pick<Owner, 'kind' | 'name'>): string {
  return `${workloadWord[kind]}/${name}`;
}

/** `shop/deploy/checkout`: what can be typed anywhere. */
export function fullWordOf(owner: Pick<Owner, 'kind' | 'name' | 'namespace'>): string {
  return `${owner.namespace}/${wordOf(owner)}`;
}

/**
 * The Deployment, StatefulSet or DaemonSet that a pod is made by.
 * @throws Refusal with what to do for a bare pod, a Job's, a ReplicaSet's of its own or another controller's
 */
export async function findOwner(cluster: KubernetesCluster, pod: Pod): Promise<Owner> {
  const namespace = pod.metadata.namespace ?? 'default';
  const podName = pod.metadata.name ?? '';
  let owner = controllerOf(pod.metadata);
  if (owner === undefined)
    throw new Refusal(
      `The pod ${podName} belongs to no workload: nothing would make it anew with other flags.`,
      'Change its manifest and make it anew, or put it into a Deployment.',
    );
  if (owner.kind === 'ReplicaSet') {
    const set = await cluster.getWorkload('ReplicaSet', namespace, owner.name);
    const above = set === undefined ? undefined : controllerOf(set.metadata);
    if (above === undefined)
      throw new Refusal(
        `The pod ${podName} belongs to rs/${owner.name}, which ${set === undefined ? 'is gone' : 'no Deployment owns'}: a ReplicaSet does not make its pods anew when its template changes.`,
        set === undefined
          ? 'Ask again for a pod that is there now.'
          : `Change it by hand and delete its pods one by one: kubectl edit rs/${owner.name} -n ${namespace}`,
      );
    owner = above;
  }
  if (!isRolledKind(owner.kind)) throw unsupported(podName, owner.kind, owner.name);
  return await readOwner(cluster, owner.kind, namespace, owner.name, owner.uid);
}

/** The workload that was named, or the one behind the pod that was. @throws Refusal */
export async function findNamedOwner(cluster: KubernetesCluster, reference: PodReference): Promise<Owner> {
  if (reference.kind === 'pod') return await findOwner(cluster, (await findPod(cluster, reference)).pod);
  if (!isRolledKind(reference.workload)) throw unsupported(undefined, reference.workload, reference.name);
  const { metadata } = await findWorkload(cluster, reference);
  return await readOwner(cluster, reference.workload, metadata.namespace ?? 'default', reference.name, metadata.uid);
}

/** @throws Refusal where it is gone, or another one of the same name is there now */
export async function readOwner(
  cluster: KubernetesCluster,
  kind: RolledKind,
  namespace: string,
  name: string,
  uid: string | undefined,
): Promise<Owner> {
  const workload = await workloadsOf(cluster).read(kind, namespace, name);
  if (workload === undefined)
    throw new Refusal(`There is no ${workloadWord[kind]}/${name} in namespace ${namespace} any more.`, 'Ask again.');
  if (uid !== undefined && workload.metadata.uid !== uid)
    throw new Refusal(
      `${workloadWord[kind]}/${name} in namespace ${namespace} is another one now: it was deleted and made anew.`,
      'Ask again.',
    );
  return { kind, namespace, name, workload };
}

function unsupported(pod: string | undefined, kind: string, name: string): Refusal {
  const whose = pod === undefined ? `${kind} ${name}` : `The pod ${pod} belongs to ${kind} ${name}`;
  if (kind === 'Job' || kind === 'CronJob')
    return new Refusal(
      pod === undefined
        ? `${whose} cannot be changed: the pod template of a Job is fixed.`
        : `${whose}: the pod template of a Job is fixed, and cannot be changed.`,
      'Set the flags in the CronJob or in what the Job is made from; the next Job then has them.',
    );
  if (kind === 'ReplicaSet')
    return new Refusal(
      `${whose} does not make its pods anew when its template changes.`,
      'Name the Deployment that owns it, or a pod.',
    );
  if (kind === 'Node')
    return new Refusal(
      `${whose}: it is a static pod, made from a file on that node.`,
      'Set the flags in its manifest there: the kubelet makes it anew.',
    );
  return new Refusal(
    `${whose}, which Quorum does not change: Deployments, StatefulSets and DaemonSets are what it can.`,
    `Set the flags where that ${kind} takes them: kubectl edit ${kind.toLowerCase()} ${name}`,
  );
}
