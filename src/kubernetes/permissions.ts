import type { Permission } from './cluster.ts';
import { execVerbs } from './exec.ts';

/** One thing that the looks ask of a Kubernetes API, and what is missing from an answer without it. */
export type Need = Omit<Permission, 'namespace'> & {
  /**
   * `namespaces`: wherever Quorum looks. `cluster`: not in any namespace. `default`: where the kubelet writes about nodes.
   * `everywhere`: in all namespaces at once, and only where Quorum looks into all of them.
   */
  readonly where: 'namespaces' | 'cluster' | 'default' | 'everywhere';
  readonly why: string;
};

/** All that the looks ask: `quorum check` tries it, `quorum rbac` prints it, and nothing else is ever asked. */
export const needs: readonly Need[] = [
  { verb: 'get', resource: 'pods', where: 'namespaces', why: 'without it nothing can be said about a pod' },
  {
    verb: 'list',
    resource: 'pods',
    where: 'namespaces',
    why: 'without it a pod is found by its full name and namespace only, and /oom list sees nobody',
  },
  { verb: 'get', resource: 'pods/log', where: 'namespaces', why: 'without it Java’s own messages are not seen' },
  { verb: 'list', resource: 'events', where: 'namespaces', why: 'without it evictions and probe kills are not seen' },
  {
    verb: 'list',
    resource: 'events',
    where: 'default',
    why: 'without it the node’s own out-of-memory kills are not seen',
  },
  {
    verb: 'get',
    resource: 'nodes',
    where: 'cluster',
    why: 'without it the memory that an unaware JVM sees is not known',
  },
  {
    verb: 'get',
    resource: 'configmaps',
    where: 'namespaces',
    why: 'without it flags that stand in config maps are not seen',
  },
  {
    verb: 'get',
    resource: 'replicasets',
    where: 'namespaces',
    why: 'without it a Deployment’s revision and ready replicas are not told',
  },
  ...(['deployments', 'statefulsets', 'daemonsets', 'jobs'] as const).map(
    (resource) =>
      ({
        verb: 'get',
        resource,
        where: 'namespaces',
        why:
          resource === 'deployments' || resource === 'jobs'
            ? `without it ${resource} cannot be named in place of a pod`
            : 'without it ready replicas are not counted',
      }) as const,
  ),
  ...(['deployments', 'statefulsets', 'daemonsets', 'replicasets', 'jobs'] as const).map(
    (resource) =>
      ({
        verb: 'list',
        resource,
        where: 'everywhere',
        why: `without it ${resource} are named with their namespace only`,
      }) as const,
  ),
  {
    verb: 'get',
    resource: 'pods.metrics.k8s.io',
    where: 'namespaces',
    why: 'without it the memory in use now is not told',
  },
];

/** What changing a workload asks besides: only where `allowFixes` is set. */
export const fixNeeds: readonly Need[] = [
  ...(['deployments', 'statefulsets', 'daemonsets'] as const).map(
    (resource) =>
      ({ verb: 'patch', resource, where: 'namespaces', why: `without it no ${resource} can be changed` }) as const,
  ),
  ...(['replicasets', 'controllerrevisions'] as const).map(
    (resource) =>
      ({
        verb: 'list',
        resource,
        where: 'namespaces',
        why: 'without it there is no going back to an earlier revision',
      }) as const,
  ),
  ...(['horizontalpodautoscalers', 'verticalpodautoscalers', 'poddisruptionbudgets'] as const).map(
    (resource) =>
      ({
        verb: 'list',
        resource,
        where: 'namespaces',
        why: 'without it nobody knows whether one of them stands against a change',
      }) as const,
  ),
  ...(['limitranges', 'resourcequotas'] as const).map(
    (resource) =>
      ({
        verb: 'list',
        resource,
        where: 'namespaces',
        why: 'without it a limit that the namespace does not allow shows only in the rollout',
      }) as const,
  ),
  {
    verb: 'create',
    resource: 'pods/eviction',
    where: 'namespaces',
    why: 'without it a pod that keeps its StatefulSet from rolling out is deleted by hand',
  },
];

/** What asking a JVM in its container asks besides: only where `allowExec` is set. An exec over WebSocket is authorized as both. */
export const execNeeds: readonly Need[] = execVerbs.map((verb) => ({
  verb,
  resource: 'pods/exec',
  where: 'namespaces',
  why: 'without it no JVM can be asked in its container',
}));

export type NeededPermission = Permission & { readonly why: string };

/** What changing workloads in these namespaces needs besides. @param namespaces empty: all of them */
export function neededForFixes(namespaces: readonly string[]): NeededPermission[] {
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  return fixNeeds.flatMap(({ verb, resource, why }) => places.map((namespace) => ({ verb, resource, namespace, why })));
}

/** What asking JVMs in their containers needs besides. @param namespaces empty: all of them */
export function neededForExec(namespaces: readonly string[]): NeededPermission[] {
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  return execNeeds.flatMap(({ verb, resource, why }) =>
    places.map((namespace) => ({ verb, resource, namespace, why })),
  );
}

/**
 * What is needed for the namespaces that Quorum looks into, each permission with its namespace.
 * @param namespaces empty: all of them; then the namespace of each permission is undefined
 * @param sampled where the memory in use is sampled
 * @param watched whose pods are watched: undefined: nobody’s; empty: all namespaces
 */
export function neededPermissions(
  namespaces: readonly string[],
  sampled: readonly string[] = [],
  watched: readonly string[] | undefined = undefined,
): NeededPermission[] {
  const isEverywhere = namespaces.length === 0;
  const places: Readonly<Record<Need['where'], readonly (string | undefined)[]>> = {
    cluster: [undefined],
    everywhere: isEverywhere ? [undefined] : [],
    default: isEverywhere || namespaces.includes('default') ? [] : ['default'],
    namespaces: isEverywhere ? [undefined] : namespaces,
  };
  const looks = needs.flatMap(({ verb, resource, where, why }) =>
    places[where].map((namespace) => ({ verb, resource, namespace, why })),
  );
  const why = 'without it no samples of memory are kept';
  const watches = watched === undefined ? [] : watched.length === 0 ? [undefined] : [...new Set(watched)];
  return [
    ...looks,
    ...watches.flatMap((namespace) => watchNeeds(namespace, looks)),
    ...[...new Set(sampled)].map(
      (namespace) => ({ verb: 'list', resource: 'pods.metrics.k8s.io', namespace, why }) as const,
    ),
  ];
}

/** A watch begins with a list: it is named where the looks do not need it anyway. */
function watchNeeds(namespace: string | undefined, looks: readonly NeededPermission[]): NeededPermission[] {
  const isListed = looks.some(
    (look) => look.verb === 'list' && look.resource === 'pods' && [undefined, namespace].includes(look.namespace),
  );
  const why = 'without it kills are not seen as they happen';
  const watch = { verb: 'watch', resource: 'pods', namespace, why } as const;
  return isListed ? [watch] : [{ ...watch, verb: 'list' }, watch];
}

/** The API group that a permission's resource is in; '' is the core group. */
export function groupOf(resource: Permission['resource']): string {
  if (resource === 'pods.metrics.k8s.io') return 'metrics.k8s.io';
  if (resource === 'jobs') return 'batch';
  if (resource === 'horizontalpodautoscalers') return 'autoscaling';
  if (resource === 'verticalpodautoscalers') return 'autoscaling.k8s.io';
  if (resource === 'poddisruptionbudgets') return 'policy';
  return /sets$|^deployments$|^controllerrevisions$/.test(resource) ? 'apps' : '';
}
