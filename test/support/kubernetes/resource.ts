import { eventsV1 } from './events.ts';
import { fieldsAt, type KubernetesObject, listAt, textAt } from './object.ts';

/** One kind of object that the server knows: where it is found and what lists of it can be narrowed by. */
export type Resource = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly isNamespaced: boolean;
  /** The labels that a field selector may name, and what each is in an object. */
  readonly fields: Readonly<Record<string, (object: KubernetesObject) => string>>;
  /** Whether any of them is this resource's own: the server words its refusal of an unknown one by that. */
  readonly hasOwnFields: boolean;
  /** For a second view on a resource kept elsewhere: `group/plural` of it, and how its objects look here. */
  readonly view?: { readonly of: string; readonly show: (object: KubernetesObject) => KubernetesObject };
};

function field(...path: string[]): (object: KubernetesObject) => string {
  return (object) => textAt(object, ...path) ?? '';
}

const named = { 'metadata.name': field('metadata', 'name') };
const namespaced = { ...named, 'metadata.namespace': field('metadata', 'namespace') };

type Row = [plural: string, kind: string, shortNames?: string[], fields?: Resource['fields']];

function resources(groupVersion: string, scope: 'namespaced' | 'cluster', rows: readonly Row[]): Resource[] {
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
  const isNamespaced = scope === 'namespaced';
  return rows.map(([plural, kind, shortNames = [], fields]) => ({
    group: group ?? '',
    version: version ?? '',
    plural,
    kind,
    shortNames,
    isNamespaced,
    fields: { ...(isNamespaced ? namespaced : named), ...fields },
    hasOwnFields: fields !== undefined,
  }));
}

const eventFields = Object.fromEntries(
  ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((name) => [
    `involvedObject.${name}`,
    field('involvedObject', name),
  ]),
);

const regardingFields = {
  ...Object.fromEntries(
    Object.entries(eventFields).map(([name, read]) => [name.replace('involvedObject', 'regarding'), read]),
  ),
  reason: field('reason'),
  type: field('type'),
  reportingController: field('reportingComponent'),
};

const podFields = {
  'spec.nodeName': field('spec', 'nodeName'),
  'spec.restartPolicy': field('spec', 'restartPolicy'),
  'spec.schedulerName': field('spec', 'schedulerName'),
  'spec.serviceAccountName': field('spec', 'serviceAccountName'),
  'status.phase': field('status', 'phase'),
  'status.podIP': field('status', 'podIP'),
  'status.podIPs': (pod: KubernetesObject) =>
    listAt(pod, 'status', 'podIPs')
      .map(({ ip }) => String(ip))
      .join(','),
  'status.nominatedNodeName': field('status', 'nominatedNodeName'),
};

/** Every resource that is served; add a row and it can be loaded, got and listed. */
export const served: readonly Resource[] = [
  ...resources('v1', 'namespaced', [
    ['pods', 'Pod', ['po'], podFields],
    [
      'events',
      'Event',
      ['ev'],
      {
        ...eventFields,
        reason: field('reason'),
        type: field('type'),
        source: (event) => textAt(event, 'source', 'component') ?? textAt(event, 'reportingComponent') ?? '',
      },
    ],
    ['configmaps', 'ConfigMap', ['cm']],
    ['limitranges', 'LimitRange', ['limits']],
    ['resourcequotas', 'ResourceQuota', ['quota']],
  ]),
  ...resources('v1', 'cluster', [
    ['namespaces', 'Namespace', ['ns'], { 'status.phase': field('status', 'phase') }],
    [
      'nodes',
      'Node',
      ['no'],
      { 'spec.unschedulable': (node) => String(fieldsAt(node, 'spec').unschedulable ?? false) },
    ],
  ]),
  ...resources('apps/v1', 'namespaced', [
    ['deployments', 'Deployment', ['deploy']],
    ['replicasets', 'ReplicaSet', ['rs']],
    ['statefulsets', 'StatefulSet', ['sts']],
    ['daemonsets', 'DaemonSet', ['ds']],
    ['controllerrevisions', 'ControllerRevision'],
  ]),
  ...resources('autoscaling/v2', 'namespaced', [['horizontalpodautoscalers', 'HorizontalPodAutoscaler', ['hpa']]]),
  ...resources('autoscaling/v1', 'namespaced', [['horizontalpodautoscalers', 'HorizontalPodAutoscaler', ['hpa']]]),
  ...resources('autoscaling.k8s.io/v1', 'namespaced', [['verticalpodautoscalers', 'VerticalPodAutoscaler', ['vpa']]]),
  ...resources('policy/v1', 'namespaced', [['poddisruptionbudgets', 'PodDisruptionBudget', ['pdb']]]),
  ...resources('batch/v1', 'namespaced', [
    ['jobs', 'Job', [], { 'status.successful': (job) => String(fieldsAt(job, 'status').succeeded ?? 0) }],
  ]),
  ...resources('events.k8s.io/v1', 'namespaced', [['events', 'Event', ['ev'], regardingFields]]).map((resource) => ({
    ...resource,
    view: { of: '/events', show: eventsV1 },
  })),
];

export function findResource(group: string, version: string, plural: string): Resource | undefined {
  return served.find((each) => each.group === group && each.version === version && each.plural === plural);
}

/** The resource that keeps objects of this apiVersion and kind. */
export function resourceOf(object: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Resource | undefined {
  return served.find(
    (each) => each.view === undefined && groupVersion(each) === object.apiVersion && each.kind === object.kind,
  );
}

export function groupVersion({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}
