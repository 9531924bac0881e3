import { expect } from '@jest/globals';
import type { V1Container, V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import { type ApiCase, absent, neverAsked, podMetricsList, refusalOf } from './api-subject.ts';

/** What there is to know about one pod: logs, events, owners, usage. */
export const podCases: readonly ApiCase[] = [
  {
    title: 'tells its version',
    async run({ quorum }) {
      expect(await quorum.version()).toMatch(/^v1\.\d+\.\d+/);
    },
  },
  {
    title: 'gives a log, its last lines and its first bytes',
    applies: ({ plain }) => plain !== undefined,
    async run({ core, quorum, plain: pod }) {
      const at = { namespace: pod?.metadata?.namespace ?? '', name: pod?.metadata?.name ?? '' };
      const container = pod?.spec?.containers[0]?.name ?? '';
      const last = await core.readNamespacedPodLog({ ...at, tailLines: 1 });
      expect(last.split('\n')).toHaveLength(2);
      const stamped = await core.readNamespacedPodLog({ ...at, tailLines: 1, timestamps: true });
      expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ./);
      expect(await core.readNamespacedPodLog({ ...at, tailLines: 0 })).toBe('');
      const bytes = { previous: false, limitBytes: 5 };
      expect(Buffer.byteLength((await quorum.podLog(at.namespace, at.name, container, bytes)) ?? '')).toBe(5);
    },
  },
  {
    title: 'refuses the log of a container that is not in the pod, and of a run that never was',
    applies: ({ plain }) => plain !== undefined,
    async run({ core, quorum, plain: pod }) {
      const at = { namespace: pod?.metadata?.namespace ?? '', name: pod?.metadata?.name ?? '' };
      const container = pod?.spec?.containers[0]?.name ?? '';
      expect(await refusalOf(core.readNamespacedPodLog({ ...at, container: absent }))).toEqual({
        code: 400,
        reason: 'BadRequest',
        message: `container ${absent} is not valid for pod ${at.name}`,
        details: undefined,
      });
      expect(await refusalOf(core.readNamespacedPodLog({ ...at, previous: true }))).toEqual({
        code: 400,
        reason: 'BadRequest',
        message: `previous terminated container "${container}" in pod "${at.name}" not found`,
        details: undefined,
      });
      expect(await refusalOf(core.readNamespacedPodLog({ ...at, tailLines: -1 }))).toMatchObject({
        code: 422,
        message: `PodLogOptions "${at.name}" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0`,
      });
      const previous = { previous: true, limitBytes: 100 };
      expect(await quorum.podLog(at.namespace, at.name, container, previous)).toBeUndefined();
    },
  },
  {
    title: 'asks which container is meant where a pod has several',
    applies: ({ pods }) => pods.some(isDuo),
    async run({ core, pods }) {
      const pod = pods.find(isDuo);
      const name = pod?.metadata?.name ?? '';
      const names = pod?.spec?.containers.map((container: V1Container) => container.name).join(' ');
      const refusal = await refusalOf(core.readNamespacedPodLog({ namespace: pod?.metadata?.namespace ?? '', name }));
      expect(refusal.code).toBe(400);
      expect(refusal.message).toContain(
        `a container name must be specified for pod ${name}, choose one of: [${names}]`,
      );
    },
  },
  {
    title: 'keeps the log of the run that ended, also while the container waits to be restarted',
    applies: ({ pods }) => waitingAfterEnd(pods) !== undefined,
    async run({ core, pods }) {
      const { pod, status } = waitingAfterEnd(pods) ?? neverAsked();
      const at = {
        namespace: pod.metadata?.namespace ?? '',
        name: pod.metadata?.name ?? '',
        container: status.name,
      };
      const previous = await core.readNamespacedPodLog({ ...at, previous: true, tailLines: 2 });
      expect(previous).not.toBe('');
      expect(await core.readNamespacedPodLog({ ...at, tailLines: 2 })).toBe(previous);
    },
  },
  {
    title: 'finds the events of one pod',
    applies: ({ hasEvents }) => hasEvents,
    async run({ core, quorum }) {
      const { items: all } = await core.listEventForAllNamespaces({ fieldSelector: 'involvedObject.kind=Pod' });
      const object = all[0]?.involvedObject;
      const { namespace = '', name = '' } = object ?? {};
      const wanted = all.filter(
        (event) => event.involvedObject.name === name && event.metadata.namespace === namespace,
      );
      const found = await quorum.listEvents(namespace, name);
      expect(found.map(({ reason, message }) => ({ reason, message }))).toEqual(
        wanted.map(({ reason, message }) => ({ reason, message })),
      );
      const byUid = await core.listNamespacedEvent({ namespace, fieldSelector: `involvedObject.uid=${object?.uid}` });
      expect(byUid.items.length).toBeGreaterThan(0);
      expect(byUid.items.every((event) => event.involvedObject.uid === object?.uid)).toBe(true);
    },
  },
  {
    title: 'leads from a pod to its node and to the workload that owns it',
    applies: ({ pods }) => pods.some(isOwned),
    async run({ quorum, pods }) {
      const pod = pods.find(isOwned);
      const namespace = pod?.metadata?.namespace ?? '';
      const owner = pod?.metadata?.ownerReferences?.[0];
      const node = await quorum.getNode(pod?.spec?.nodeName ?? '');
      expect(node?.status.nodeInfo.kernelVersion).toMatch(/^\d+\.\d+/);
      expect(node?.status.capacity.memory).toMatch(/^\d+([KMG]i)?$/);
      const replicaSet = await quorum.getWorkload('ReplicaSet', namespace, owner?.name ?? '');
      expect(replicaSet?.metadata.uid).toBe(owner?.uid);
      const above = replicaSet?.metadata.ownerReferences[0];
      const deployment = await quorum.getWorkload('Deployment', namespace, above?.name ?? '');
      expect(deployment?.metadata.uid).toBe(above?.uid);
      const found = await quorum.findWorkloads('Deployment', above?.name ?? '');
      expect(found.map(({ metadata }) => metadata.uid)).toContain(above?.uid);
    },
  },
  {
    title: 'samples what containers use, and has no sample of a pod that is not there',
    applies: ({ hasMetrics }) => hasMetrics,
    async run({ quorum, kubeConfig }) {
      const [sample] = await podMetricsList(kubeConfig);
      const metrics = await quorum.podMetrics(sample?.metadata.namespace ?? '', sample?.metadata.name ?? '');
      expect(metrics?.containers[0]?.usage.memory).toMatch(/^\d+(Ki|Mi|Gi)?$/);
      expect(await quorum.podMetrics(absent, absent)).toBeUndefined();
    },
  },
];

function isDuo({ spec }: V1Pod): boolean {
  return (spec?.containers.length ?? 0) > 1;
}

/** Owned by a Deployment's ReplicaSet: only those carry this label. */
function isOwned({ metadata, spec }: V1Pod): boolean {
  return metadata?.labels?.['pod-template-hash'] !== undefined && Boolean(spec?.nodeName);
}

function waitingAfterEnd(pods: readonly V1Pod[]): { pod: V1Pod; status: V1ContainerStatus } | undefined {
  for (const pod of pods) {
    const status = pod.status?.containerStatuses?.find(
      ({ state, lastState }) => state?.waiting !== undefined && lastState?.terminated !== undefined,
    );
    if (status !== undefined) return { pod, status };
  }
  return undefined;
}
