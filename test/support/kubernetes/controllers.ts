import { createHash } from 'node:crypto';
import type { KubernetesApi } from './api.ts';
import { type Fields, fieldsAt, type KubernetesObject, listAt, textAt } from './object.ts';

/** What becomes of a new pod: it runs, it is OOM-killed over and over, or it is never ready. */
export type Fate = 'runs' | 'dies' | 'waits';

export type ControllerOptions = {
  /** From the pod template to what becomes of its pods. All run where it is not given. */
  readonly fate?: (template: Fields, workload: KubernetesObject) => Fate;
  /** How long each part of a rollout takes. */
  readonly stepMs?: number;
  /** Since when new pods run, in seconds before now: so that nobody has to wait until they have run for a while. */
  readonly ranForSeconds?: number;
  readonly now?: () => Date;
};

/** The controllers of a cluster, as far as a changed pod template sets them going. */
export type Controllers = {
  /** From now on changes are not taken up; `go` takes up what was missed. */
  hold(): void;
  go(): void;
  stop(): void;
};

const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'];

/**
 * Rolls out what is changed, as the real controllers do it and far more simply: a new revision is made (or the one that had this template
 * counts as new), then new pods take the place of the old ones, all at once. A StatefulSet that makes its pods in order waits for old ones
 * that are not ready, until somebody takes them down.
 */
export function runControllers(api: KubernetesApi, options: ControllerOptions = {}): Controllers {
  const { fate = () => 'runs', stepMs = 20, ranForSeconds = 60, now = () => new Date() } = options;
  const timers = new Set<NodeJS.Timeout>();
  let isHeld = false;
  /** Whose pods are left alone are those that nobody changed. */
  const changed = new Set<string>();

  const stopListening = api.onWrite((object) => {
    const isPod = object.kind === 'Pod';
    if (isHeld || (!isPod && !kinds.includes(object.kind))) return;
    later(() => {
      for (const workload of isPod ? api.all('StatefulSet', object.metadata.namespace ?? '') : [object]) take(workload);
    });
  });

  function later(act: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, stepMs);
    timer.unref();
    timers.add(timer);
  }

  function take({ kind, metadata }: KubernetesObject): void {
    if (isHeld) return;
    const { namespace = '', name } = metadata;
    const workload = api.all(kind, namespace).find((each) => each.metadata.name === name);
    if (workload === undefined) return;
    const observed = Number(fieldsAt(workload, 'status').observedGeneration ?? 0);
    if (observed < Number(workload.metadata.generation ?? 1)) observe(workload);
    else if (changed.has(workload.metadata.uid ?? '')) replace(workload);
  }

  /** The controller has seen it: there is a revision of this template, and none of its pods is updated yet. */
  function observe(workload: KubernetesObject): void {
    changed.add(workload.metadata.uid ?? '');
    const revision = newestRevision(workload);
    const wanted = replicas(workload);
    const status =
      workload.kind === 'DaemonSet'
        ? { updatedNumberScheduled: 0 }
        : {
            updatedReplicas: 0,
            ...(workload.kind === 'StatefulSet' ? { updateRevision: revision } : {}),
          };
    const progressing = { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' };
    save(workload, {
      ...status,
      observedGeneration: workload.metadata.generation,
      replicas: wanted,
      conditions: workload.kind === 'Deployment' ? [progressing] : undefined,
    });
  }

  function replace(workload: KubernetesObject): void {
    const { kind, metadata } = workload;
    const namespace = metadata.namespace ?? '';
    const hash = newestRevision(workload);
    const pods = podsOf(workload);
    const old = pods.filter((pod) => hashOf(pod) !== hash);
    if (old.length === 0 && pods.length >= replicas(workload)) return;
    if (textAt(workload, 'spec', 'updateStrategy', 'type') === 'OnDelete') return;
    const isInOrder = kind === 'StatefulSet' && fieldsAt(workload, 'spec').podManagementPolicy !== 'Parallel';
    if (isInOrder && old.some((pod) => !isReady(pod))) return;
    const template = fieldsAt(workload, 'spec', 'template');
    const becomes = fate(template, workload);
    for (const pod of old) api.remove('Pod', namespace, pod.metadata.name);
    const wanted = replicas(workload);
    api.load(Array.from({ length: wanted }, (_, index) => newPod(workload, hash, index, becomes)));
    const ready = becomes === 'runs' ? wanted : 0;
    save(workload, {
      replicas: wanted,
      updatedReplicas: wanted,
      readyReplicas: ready,
      availableReplicas: ready,
      updatedNumberScheduled: wanted,
      desiredNumberScheduled: wanted,
      numberReady: ready,
      numberAvailable: ready,
      ...(kind === 'StatefulSet' && ready === wanted ? { currentRevision: hash } : {}),
    });
  }

  /** The hash of the newest revision, made where the template is a new one. */
  function newestRevision(workload: KubernetesObject): string {
    const { kind, metadata } = workload;
    const namespace = metadata.namespace ?? '';
    const template = fieldsAt(workload, 'spec', 'template');
    const revisionKind = kind === 'Deployment' ? 'ReplicaSet' : 'ControllerRevision';
    const owned = api.all(revisionKind, namespace).filter((each) => isOwnedBy(each, metadata.uid));
    const numbers = owned.map(numberOf);
    const newest = Math.max(0, ...numbers);
    const same = owned.find((each) => JSON.stringify(templateOf(each)) === JSON.stringify(template));
    if (same !== undefined && numberOf(same) === newest) return revisionHash(same);
    const number = newest + 1;
    const hash =
      same === undefined ? createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10) : '';
    const made = same ?? revisionObject(workload, hash, template);
    const annotations = { ...made.metadata.annotations, 'deployment.kubernetes.io/revision': String(number) };
    api.load([
      kind === 'Deployment' ? { ...made, metadata: { ...made.metadata, annotations } } : { ...made, revision: number },
    ]);
    if (kind === 'Deployment') {
      const own = { ...metadata.annotations, 'deployment.kubernetes.io/revision': String(number) };
      api.load([{ ...workload, metadata: { ...metadata, annotations: own } }]);
    }
    return revisionHash(made);
  }

  function podsOf({ kind, metadata }: KubernetesObject): readonly KubernetesObject[] {
    const namespace = metadata.namespace ?? '';
    const owners =
      kind === 'Deployment'
        ? api.all('ReplicaSet', namespace).filter((each) => isOwnedBy(each, metadata.uid))
        : [{ metadata }];
    return api.all('Pod', namespace).filter((pod) => owners.some((owner) => isOwnedBy(pod, owner.metadata.uid)));
  }

  function newPod(workload: KubernetesObject, hash: string, index: number, becomes: Fate): KubernetesObject {
    const { kind, metadata } = workload;
    const namespace = metadata.namespace ?? '';
    const template = fieldsAt(workload, 'spec', 'template');
    const set =
      kind === 'Deployment'
        ? api.all('ReplicaSet', namespace).find((each) => isOwnedBy(each, metadata.uid) && revisionHash(each) === hash)
        : workload;
    const label = kind === 'Deployment' ? 'pod-template-hash' : 'controller-revision-hash';
    const name = kind === 'StatefulSet' ? `${metadata.name}-${index}` : `${set?.metadata.name ?? ''}-new0${index}`;
    const container = textAt(listAt(template, 'spec', 'containers')[0], 'name') ?? '';
    const startedAt = new Date(now().getTime() - ranForSeconds * 1000).toISOString();
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace,
        name,
        labels: { ...(fieldsAt(template, 'metadata', 'labels') as Record<string, string>), [label]: hash },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: set?.kind ?? '',
            name: set?.metadata.name ?? '',
            uid: set?.metadata.uid,
            controller: true,
          },
        ],
      },
      spec: { nodeName: 'node-1', ...fieldsAt(template, 'spec') },
      status: statusOf(becomes, container, startedAt),
    };
  }

  function save(workload: KubernetesObject, status: Fields): void {
    const { kind, metadata } = workload;
    const latest = api.get(kind, metadata.namespace ?? '', metadata.name);
    api.load([{ ...latest, status: { ...fieldsAt(latest, 'status'), ...status } }]);
  }

  return {
    hold() {
      isHeld = true;
    },
    go() {
      isHeld = false;
      const namespaces = new Set(api.all('Namespace', '').map(({ metadata }) => metadata.name));
      for (const kind of kinds) for (const namespace of namespaces) api.all(kind, namespace).forEach(take);
    },
    stop() {
      stopListening();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function statusOf(becomes: Fate, name: string, startedAt: string): Fields {
  const killed = { reason: 'OOMKilled', exitCode: 137, startedAt, finishedAt: startedAt, containerID: 'docker://2' };
  const state =
    becomes === 'runs'
      ? { ready: true, restartCount: 0, state: { running: { startedAt } } }
      : becomes === 'dies'
        ? {
            ready: false,
            restartCount: 1,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: killed },
          }
        : { ready: false, restartCount: 0, state: { waiting: { reason: 'ImagePullBackOff' } } };
  return {
    phase: becomes === 'waits' ? 'Pending' : 'Running',
    startTime: startedAt,
    conditions: [{ type: 'Ready', status: becomes === 'runs' ? 'True' : 'False' }],
    containerStatuses: [{ name, ...state }],
  };
}

function revisionObject(workload: KubernetesObject, hash: string, template: Fields): KubernetesObject {
  const { kind, metadata, spec } = workload;
  const labels = fieldsAt(template, 'metadata', 'labels') as Record<string, string>;
  const owner = { apiVersion: 'apps/v1', kind, name: metadata.name, uid: metadata.uid, controller: true };
  const meta = {
    namespace: metadata.namespace ?? '',
    name: `${metadata.name}-${hash}`,
    ownerReferences: [owner],
  };
  if (kind !== 'Deployment') {
    return {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      // A DaemonSet's revisions carry their hash as a label; a StatefulSet's are known by their names.
      metadata: {
        ...meta,
        labels: { ...labels, ...(kind === 'DaemonSet' ? { 'controller-revision-hash': hash } : {}) },
      },
      data: { spec: { template: { ...template, $patch: 'replace' } } },
    };
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { ...meta, labels: { ...labels, 'pod-template-hash': hash } },
    spec: {
      replicas: fieldsAt(spec).replicas,
      selector: fieldsAt(spec).selector,
      template: {
        ...template,
        metadata: { ...fieldsAt(template, 'metadata'), labels: { ...labels, 'pod-template-hash': hash } },
      },
    },
    status: {},
  };
}

function isOwnedBy(object: { metadata: KubernetesObject['metadata'] }, uid: string | undefined): boolean {
  return listAt(object, 'metadata', 'ownerReferences').some((owner) => owner.uid === uid);
}

function isReady(pod: KubernetesObject): boolean {
  return listAt(pod, 'status', 'conditions').some(({ type, status }) => type === 'Ready' && status === 'True');
}

function hashOf({ metadata }: KubernetesObject): string {
  return metadata.labels?.['pod-template-hash'] ?? metadata.labels?.['controller-revision-hash'] ?? '';
}

function revisionHash({ metadata }: KubernetesObject): string {
  return metadata.labels?.['pod-template-hash'] ?? metadata.labels?.['controller-revision-hash'] ?? metadata.name;
}

function numberOf(object: KubernetesObject): number {
  return Number(object.revision ?? object.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
}

function templateOf(object: KubernetesObject): Fields {
  if (object.kind === 'ControllerRevision') {
    const { $patch: _patch, ...template } = fieldsAt(object, 'data', 'spec', 'template');
    return template;
  }
  const template = fieldsAt(object, 'spec', 'template');
  const { 'pod-template-hash': _hash, ...labels } = fieldsAt(template, 'metadata', 'labels');
  return { ...template, metadata: { ...fieldsAt(template, 'metadata'), labels } };
}

function replicas(workload: KubernetesObject): number {
  const { status } = workload;
  if (workload.kind === 'DaemonSet') return Number(fieldsAt(status).desiredNumberScheduled ?? 1);
  return Number(fieldsAt(workload, 'spec').replicas ?? 1);
}
