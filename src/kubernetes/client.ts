import type { RequestContext } from '@kubernetes/client-node';
import { z } from 'zod';
import { readApiCertificates } from './api-certificate-client.ts';
import { beforeAbort } from './before-abort.ts';
import type { KubernetesCluster, Permission, PodPage, PodQuery, PodWatch, WorkloadKind } from './cluster.ts';
import { execClient } from './exec-client.ts';
import { type KubernetesConfig, loadKubeconfig, loadServiceAccount, publicAddress } from './kubeconfig-client.ts';
import {
  configMapSchema,
  eventSchema,
  listMetadataSchema,
  namedPodMetricsSchema,
  nodeSchema,
  podMetricsSchema,
  podSchema,
  workloadSchema,
} from './objects.ts';
import { groupOf } from './permissions.ts';
import { watchPods } from './pod-watch-client.ts';
import { type Asked, connectionFailure, notKubernetes, statusFailure, statusMessage } from './request-failure.ts';
import { usualTiming } from './watch-pace.ts';
import { workloadClient } from './workload-client.ts';

export type { KubernetesCluster } from './cluster.ts';
export type { KubernetesConfig } from './kubeconfig-client.ts';

const defaultTimeoutMs = 3000;
/** client-node makes a new connection pool for each request; one is kept this long, so that renewed certificates are taken up. */
const poolLifeMs = 60_000;

type Pool = { readonly dispatcher: NonNullable<ReturnType<RequestContext['getDispatcher']>>; readonly madeMs: number };
/** One answer as it came, whatever its status: for whoever keeps it. */
export type ApiAnswer = { readonly path: string; readonly status: number; readonly text: string };
type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly text: string };

/**
 * Reads the kubeconfig (or the pod's own service account) and returns the cluster behind it. Asks nothing of it yet.
 * The client library takes half a second and 88 MB to load, so it is loaded here and not before.
 * @param onAnswer is told of each answer before it is read
 * @throws Refusal when the kubeconfig is missing, unreadable or malformed, or has no such context (the known ones are listed)
 */
export async function connectKubernetes(
  config: KubernetesConfig,
  onAnswer?: (answer: ApiAnswer) => void,
): Promise<KubernetesCluster> {
  const library = await import('@kubernetes/client-node');
  const load = async () => {
    const loaded = new library.KubeConfig();
    if (config.inCluster === true) loadServiceAccount(loaded, config.name);
    else await loadKubeconfig(loaded, config);
    return loaded;
  };
  const kubeConfig = await load();
  const server = kubeConfig.getCurrentCluster()?.server ?? '';
  const address = publicAddress(server, config.name);
  const timeoutMs = config.requestTimeoutMs ?? defaultTimeoutMs;
  const transport = new library.IsomorphicFetchHttpLibrary();
  let pool: Pool | undefined;
  const watches = new Set<PodWatch>();

  async function send(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body: string | undefined,
    asked: Asked,
    contentType = 'application/json',
  ): Promise<Answer> {
    const signal = AbortSignal.timeout(timeoutMs);
    const request = new library.RequestContext(server + path, library.HttpMethod[method]);
    request.setSignal(signal);
    request.setHeaderParam('Accept', 'application/json, */*');
    request.setHeaderParam('User-Agent', 'quorum');
    if (body !== undefined) {
      request.setHeaderParam('Content-Type', contentType);
      request.setBody(body);
    }
    try {
      // A credential program (exec) may hang too: it counts against the same deadline.
      await beforeAbort(kubeConfig.applySecurityAuthentication(request), signal);
      const made = request.getDispatcher();
      if (made !== undefined) {
        if (pool === undefined || Date.now() - pool.madeMs > poolLifeMs)
          pool = { dispatcher: made, madeMs: Date.now() };
        request.setDispatcher(pool.dispatcher);
      }
      const response = await transport.send(request).toPromise();
      const text = await response.body.text();
      onAnswer?.({ path, status: response.httpStatusCode, text });
      return { status: response.httpStatusCode, headers: response.headers, text };
    } catch (error) {
      pool = undefined;
      throw connectionFailure(asked, error, timeoutMs);
    }
  }

  /** One API request. @returns undefined where the API says 404 */
  async function ask(
    path: string,
    permission: Permission,
    absent: readonly number[] = [404],
  ): Promise<string | undefined> {
    const asked = { cluster: config.name, address, permission };
    const { status, headers, text } = await send('GET', path, undefined, asked);
    if (absent.includes(status)) return undefined;
    if (status === 200) return text;
    if (status === 401) pool = undefined;
    const retryAfter = Number(headers['retry-after']);
    throw statusFailure(asked, status, statusMessage(text), Number.isFinite(retryAfter) ? retryAfter : undefined);
  }

  async function object<Schema extends z.ZodType>(path: string, permission: Permission, schema: Schema) {
    const text = await ask(path, permission);
    return text === undefined ? undefined : parse(text, schema, permission);
  }

  function parse<Schema extends z.ZodType>(text: string, schema: Schema, permission: Permission): z.infer<Schema> {
    const asked = { cluster: config.name, address, permission };
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw notKubernetes(asked, `not JSON: ${text.slice(0, 80)}`);
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw notKubernetes(asked, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'of another shape'}`);
  }

  const eventsSchema = z.object({ items: z.array(eventSchema).nullish() });
  const podsSchema = z.object({ metadata: listMetadataSchema, items: z.array(podSchema).nullish() });
  const podMetricsListSchema = z.object({ items: z.array(namedPodMetricsSchema).nullish() });
  const workloadsSchema = z.object({ items: z.array(workloadSchema).nullish() });

  async function events(namespace: string, fieldSelector: string) {
    const path = `/api/v1/namespaces/${segment(namespace)}/events${query({ fieldSelector, limit: '200' })}`;
    const list = await object(path, { verb: 'list', resource: 'events', namespace }, eventsSchema);
    return list?.items ?? [];
  }

  return {
    name: config.name,
    address,
    namespaces: config.namespaces,
    context: config.context,

    async version() {
      const text = await ask('/version', { verb: 'get', resource: 'nodes' }, []);
      const parsed = z.object({ gitVersion: z.string() });
      return parse(text ?? '', parsed, { verb: 'get', resource: 'nodes' }).gitVersion;
    },

    getPod: (namespace, name) =>
      object(
        `/api/v1/namespaces/${segment(namespace)}/pods/${segment(name)}`,
        { verb: 'get', resource: 'pods', namespace },
        podSchema,
      ),

    async listPods({ namespace, fieldSelector, labelSelector, limit, continue: next }: PodQuery): Promise<PodPage> {
      const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${segment(namespace)}/pods`;
      const parameters = query({ fieldSelector, labelSelector, limit: String(limit), continue: next });
      const list = await object(path + parameters, { verb: 'list', resource: 'pods', namespace }, podsSchema);
      return {
        pods: list?.items ?? [],
        continue: list?.metadata.continue === '' ? undefined : list?.metadata.continue,
      };
    },

    getNode: (name) => object(`/api/v1/nodes/${segment(name)}`, { verb: 'get', resource: 'nodes' }, nodeSchema),

    async getConfigMap(namespace, name) {
      const path = `/api/v1/namespaces/${segment(namespace)}/configmaps/${segment(name)}`;
      return (await object(path, { verb: 'get', resource: 'configmaps', namespace }, configMapSchema))?.data;
    },

    getWorkload(kind, namespace, name) {
      const { group, resource } = workloadPaths[kind];
      const path = `/apis/${group}/namespaces/${segment(namespace)}/${resource}/${segment(name)}`;
      return object(path, { verb: 'get', resource, namespace }, workloadSchema);
    },

    async findWorkloads(kind, name) {
      const { group, resource } = workloadPaths[kind];
      const path = `/apis/${group}/${resource}${query({ fieldSelector: `metadata.name=${name}`, limit: '50' })}`;
      const list = await object(path, { verb: 'list', resource }, workloadsSchema);
      return list?.items ?? [];
    },

    listEvents: (namespace, pod) => events(namespace, `involvedObject.kind=Pod,involvedObject.name=${pod}`),
    listNodeEvents: (node) => events('default', `involvedObject.kind=Node,involvedObject.name=${node}`),

    podLog(namespace, pod, container, { previous, tailLines, limitBytes }) {
      const parameters = query({
        container,
        previous: previous ? 'true' : undefined,
        tailLines: tailLines === undefined ? undefined : String(tailLines),
        limitBytes: String(limitBytes),
      });
      const path = `/api/v1/namespaces/${segment(namespace)}/pods/${segment(pod)}/log${parameters}`;
      // The kubelet answers 400 where there is no such log: never restarted, still waiting to start.
      return ask(path, { verb: 'get', resource: 'pods/log', namespace }, [400, 404]);
    },

    async podMetrics(namespace, pod) {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${segment(namespace)}/pods/${segment(pod)}`;
      const permission: Permission = { verb: 'get', resource: 'pods.metrics.k8s.io', namespace };
      // 503: the metrics server is registered and down.
      const text = await ask(path, permission, [404, 503]);
      return text === undefined ? undefined : parse(text, podMetricsSchema, permission);
    },

    async listPodMetrics(namespace) {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${segment(namespace)}/pods`;
      const permission: Permission = { verb: 'list', resource: 'pods.metrics.k8s.io', namespace };
      const text = await ask(path, permission, [404, 503]);
      return text === undefined ? undefined : (parse(text, podMetricsListSchema, permission).items ?? []);
    },

    async canI(permission) {
      const [resource = '', subresource] = permission.resource.replace('pods.metrics.k8s.io', 'pods').split('/');
      const asked = { cluster: config.name, address, permission: { verb: 'create', resource: 'pods' } } as const;
      const body = JSON.stringify({
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: {
          resourceAttributes: {
            verb: permission.verb,
            group: groupOf(permission.resource),
            resource,
            subresource,
            namespace: permission.namespace,
          },
        },
      });
      const { status, text } = await send(
        'POST',
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body,
        asked,
      );
      if (status !== 200 && status !== 201) throw statusFailure(asked, status, statusMessage(text), undefined);
      const review = z.object({ status: z.object({ allowed: z.boolean() }) });
      return parse(text, review, permission).status.allowed;
    },

    workloads: workloadClient({ cluster: config.name, address, send, ask, parse }, config.allowFixes === true),

    exec: execClient({ kubeConfig, server, cluster: config.name, address }, config.allowExec === true),

    async certificates(others) {
      return await readApiCertificates(kubeConfig, [address, ...others], timeoutMs);
    },

    watchPods(namespace, watcher) {
      const { name, podWatch } = config;
      const connection = { library, server, cluster: name, address, timeoutMs, load };
      const watch = watchPods({ connection, kubeConfig, timing: { ...usualTiming, ...podWatch } }, namespace, watcher);
      watches.add(watch);
      return {
        async stop() {
          watches.delete(watch);
          await watch.stop();
        },
      };
    },

    async close() {
      await Promise.all([...watches].map((watch) => watch.stop()));
      watches.clear();
      await pool?.dispatcher.close();
      pool = undefined;
    },
  };
}

const workloadPaths: Readonly<Record<WorkloadKind, { group: string; resource: Permission['resource'] }>> = {
  Deployment: { group: 'apps/v1', resource: 'deployments' },
  StatefulSet: { group: 'apps/v1', resource: 'statefulsets' },
  DaemonSet: { group: 'apps/v1', resource: 'daemonsets' },
  ReplicaSet: { group: 'apps/v1', resource: 'replicasets' },
  Job: { group: 'batch/v1', resource: 'jobs' },
};

function segment(name: string): string {
  return encodeURIComponent(name);
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
