import { z } from 'zod';
import type { JsonObject } from '../report/report.ts';
import type { KubernetesCluster, Permission } from './cluster.ts';
import { type Asked, RequestFailure, statusFailure, statusMessage } from './request-failure.ts';
import { revisionsOf } from './revisions.ts';
import { selectorText } from './selector.ts';
import {
  autoscalerListSchema,
  budgetListSchema,
  limitRangeListSchema,
  quotaListSchema,
  type RolledKind,
  revisionListSchema,
  rolledWorkloadSchema,
  verticalListSchema,
} from './workload-object.ts';

export type ApiReply = { readonly status: number; readonly text: string };

/** What the cluster's client lends: requests with its credentials and its deadline. */
export type ApiAccess = {
  readonly cluster: string;
  readonly address: string;
  /** @throws RequestFailure where no answer came */
  send(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body: string | undefined,
    asked: Asked,
    contentType?: string,
  ): Promise<ApiReply>;
  /** @returns undefined where the API says one of these statuses. @throws RequestFailure for any other that is not 200 */
  ask(path: string, permission: Permission, absent: readonly number[]): Promise<string | undefined>;
  parse<Schema extends z.ZodType>(text: string, schema: Schema, permission: Permission): z.infer<Schema>;
};

const resources = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' } as const;
/** Who wrote a field, in managedFields: told apart from kubectl's and controllers' by it. */
const fieldManager = 'quorum';
const versionSchema = z.object({ major: z.string(), minor: z.string() });

function tooOld(cluster: string): RequestFailure {
  return new RequestFailure(
    'bad request',
    `The Kubernetes API of ${cluster} is older than 1.13 and knows no dry run: nothing is changed there.`,
    'Apply the patch by hand.',
  );
}

/** What may be changed in a cluster, and what has a say in it. */
export function workloadClient(api: ApiAccess, allowsFixes: boolean): NonNullable<KubernetesCluster['workloads']> {
  const { cluster, address, send, ask, parse } = api;
  const place = (kind: RolledKind, namespace: string, name: string) =>
    `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/${resources[kind]}/${encodeURIComponent(name)}`;

  /** The first of the versions that the API server serves; undefined where it serves none. */
  async function firstServed<Schema extends z.ZodType>(
    groups: readonly string[],
    namespace: string,
    plural: string,
    resource: Permission['resource'],
    schema: Schema,
  ): Promise<z.infer<Schema> | undefined> {
    const permission: Permission = { verb: 'list', resource, namespace };
    for (const group of groups) {
      const root = group === 'v1' ? '/api/v1' : `/apis/${group}`;
      // Whole, not in pages: one that stands behind the first page has a say too, and there are few of them.
      const path = `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
      const text = await ask(path, permission, [404]);
      if (text !== undefined) return parse(text, schema, permission);
    }
    return undefined;
  }

  let knowsDryRun: Promise<boolean> | undefined;
  /** Older servers take a dry run for the real thing: it came with 1.12, and is on from 1.13. @throws RequestFailure */
  function demandDryRun(): Promise<boolean> {
    const permission: Permission = { verb: 'get', resource: 'nodes' };
    knowsDryRun ??= ask('/version', permission, []).then((text) => {
      const { major, minor } = parse(text ?? '', versionSchema, permission);
      return Number(major) > 1 || Number.parseInt(minor, 10) >= 13;
    });
    knowsDryRun.catch(() => {
      knowsDryRun = undefined;
    });
    return knowsDryRun;
  }

  return {
    allowsFixes,

    async read(kind, namespace, name) {
      const permission: Permission = { verb: 'get', resource: resources[kind], namespace };
      const text = await ask(place(kind, namespace, name), permission, [404]);
      return text === undefined ? undefined : parse(text, rolledWorkloadSchema, permission);
    },

    async patch(kind, namespace, name, patch, mode) {
      const permission: Permission = { verb: 'patch', resource: resources[kind], namespace };
      const asked = { cluster, address, permission };
      const query = new URLSearchParams({ fieldManager, ...(mode === 'dry-run' ? { dryRun: 'All' } : {}) });
      let reply: ApiReply;
      try {
        if (mode === 'dry-run' && !(await demandDryRun()))
          return { kind: 'refused', status: 0, refusal: tooOld(cluster) };
        const path = `${place(kind, namespace, name)}?${query}`;
        reply = await send('PATCH', path, JSON.stringify(patch), asked, 'application/strategic-merge-patch+json');
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        // Nobody listened, or nobody was asked: then nothing was done. All else may have been.
        const isUntouched = error.kind === 'tls' || error.kind === 'credentials' || /refused\)/.test(error.message);
        return isUntouched ? { kind: 'refused', status: 0, refusal: error } : { kind: 'unknown', refusal: error };
      }
      const { status, text } = reply;
      if (status === 200) return { kind: 'done', workload: parse(text, rolledWorkloadSchema, permission) };
      const refusal = statusFailure(asked, status, statusMessage(text), undefined);
      return status >= 500 ? { kind: 'unknown', refusal } : { kind: 'refused', status, refusal };
    },

    async revisions(kind, workload) {
      const { metadata, spec } = workload;
      const namespace = metadata.namespace ?? 'default';
      const resource = kind === 'Deployment' ? 'replicasets' : 'controllerrevisions';
      const permission: Permission = { verb: 'list', resource, namespace };
      const labelSelector = selectorText(spec.selector);
      const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/${resource}?${new URLSearchParams({ labelSelector })}`;
      const text = await ask(path, permission, []);
      return revisionsOf(workload, parse(text ?? '', revisionListSchema, permission).items);
    },

    async autoscalers(namespace) {
      const groups = ['autoscaling/v2', 'autoscaling/v2beta2', 'autoscaling/v1'];
      const resource = 'horizontalpodautoscalers';
      return (await firstServed(groups, namespace, resource, resource, autoscalerListSchema))?.items;
    },

    async verticalAutoscalers(namespace) {
      const groups = ['autoscaling.k8s.io/v1', 'autoscaling.k8s.io/v1beta2'];
      const resource = 'verticalpodautoscalers';
      return (await firstServed(groups, namespace, resource, resource, verticalListSchema))?.items;
    },

    async budgets(namespace) {
      const resource = 'poddisruptionbudgets';
      return (await firstServed(['policy/v1', 'policy/v1beta1'], namespace, resource, resource, budgetListSchema))
        ?.items;
    },

    async limitRanges(namespace) {
      return (await firstServed(['v1'], namespace, 'limitranges', 'limitranges', limitRangeListSchema))?.items;
    },

    async quotas(namespace) {
      return (await firstServed(['v1'], namespace, 'resourcequotas', 'resourcequotas', quotaListSchema))?.items;
    },

    async evict(namespace, pod, uid) {
      const permission: Permission = { verb: 'create', resource: 'pods/eviction', namespace };
      const asked = { cluster, address, permission };
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/eviction`;
      let reply: ApiReply | undefined;
      // policy/v1 from 1.22 on; older servers know the kind as v1beta1 and refuse the other.
      for (const apiVersion of ['policy/v1', 'policy/v1beta1']) {
        const eviction: JsonObject = {
          apiVersion,
          kind: 'Eviction',
          metadata: { name: pod, namespace },
          deleteOptions: { preconditions: { uid } },
        };
        reply = await send('POST', path, JSON.stringify(eviction), asked);
        if (reply.status !== 400 && reply.status !== 404) break;
        // A pod that is gone is what was wanted.
        if (reply.status === 404 && /pods? /.test(statusMessage(reply.text))) return undefined;
      }
      if (reply === undefined || (reply.status >= 200 && reply.status < 300)) return undefined;
      // The uid is another one: the pod has been made anew already.
      if (reply.status === 409) return undefined;
      return statusFailure(asked, reply.status, statusMessage(reply.text), undefined);
    },
  };
}
