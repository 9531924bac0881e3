import { ApiException, AppsV1Api, CoreV1Api, CustomObjectsApi, KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';

/**
 * What Quorum relies on in any Kubernetes API server, as cases that only read. They run against the in-memory server with
 * every `npm test`, and with `npm run test:live` against the server that KUBECONFIG names: what holds for one holds for both.
 */
export type ApiCase = {
  readonly title: string;
  /** Whether this cluster has something to try it on. */
  readonly applies?: (subject: Subject) => boolean;
  run(subject: Subject): Promise<void>;
};

export type Subject = {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly kubeConfig: KubeConfig;
  readonly quorum: KubernetesCluster;
  readonly pods: readonly V1Pod[];
  /** A pod of one container that runs, was never restarted and has written a log. */
  readonly plain: V1Pod | undefined;
  readonly hasEvents: boolean;
  readonly hasMetrics: boolean;
  /** As somebody who may do nothing, where there is such a kubeconfig; its user entry carries the name the API knows. */
  readonly forbidden:
    | { readonly core: CoreV1Api; readonly quorum: KubernetesCluster; readonly user: string }
    | undefined;
};

/** Connects, and looks once at what there is to try the cases on. */
export async function surveyCluster(kubeconfig: string, forbiddenKubeconfig?: string): Promise<Subject> {
  const kubeConfig = load(kubeconfig);
  const core = kubeConfig.makeApiClient(CoreV1Api);
  const { items: pods } = await core.listPodForAllNamespaces();
  const events = await core.listEventForAllNamespaces({ fieldSelector: 'involvedObject.kind=Pod', limit: 1 });
  const metrics = await podMetricsList(kubeConfig).catch(() => []);
  return {
    core,
    apps: kubeConfig.makeApiClient(AppsV1Api),
    kubeConfig,
    quorum: await connect(kubeconfig),
    pods,
    plain: await findPlain(core, pods),
    hasEvents: events.items.length > 0,
    hasMetrics: metrics.length > 0,
    forbidden: forbiddenKubeconfig === undefined ? undefined : await surveyForbidden(forbiddenKubeconfig),
  };
}

const logsLookedAt = 10;

async function findPlain(core: CoreV1Api, pods: readonly V1Pod[]): Promise<V1Pod | undefined> {
  for (const pod of pods.filter(isPlain).slice(0, logsLookedAt)) {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    if ((await core.readNamespacedPodLog({ namespace, name, tailLines: 1 })) !== '') return pod;
  }
  return undefined;
}

function isPlain({ spec, status }: V1Pod): boolean {
  const [only] = status?.containerStatuses ?? [];
  return spec?.containers.length === 1 && only?.restartCount === 0 && only.state?.running !== undefined;
}

/** Ends what the survey began. */
export async function closeSubject({ quorum, forbidden }: Subject): Promise<void> {
  await quorum.close();
  await forbidden?.quorum.close();
}

async function surveyForbidden(kubeconfig: string): Promise<Subject['forbidden']> {
  const kubeConfig = load(kubeconfig);
  const user = kubeConfig.getCurrentUser()?.name ?? '';
  return { core: kubeConfig.makeApiClient(CoreV1Api), quorum: await connect(kubeconfig), user };
}

function connect(kubeconfig: string): Promise<KubernetesCluster> {
  return connectKubernetes({ name: 'cases', kubeconfig, namespaces: [], requestTimeoutMs: 10_000 });
}

/** A name that nothing has. */
export const absent = 'quorum-has-no-such-thing';

function load(kubeconfig: string): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfig);
  return kubeConfig;
}

type RefusalSeen = { code: number; reason: string; message: string; details: unknown };

/** The Status object with which a request is refused; a failed expectation when it is answered. */
export async function refusalOf(request: Promise<unknown>): Promise<RefusalSeen> {
  const error: unknown = await request.then(
    () => new Error('the request was answered'),
    (failure: unknown) => failure,
  );
  if (!(error instanceof ApiException)) throw error;
  const status: unknown = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  const { reason, message, details } = status as RefusalSeen;
  return { code: error.code, reason, message, details };
}

export function fullName({ metadata }: V1Pod): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}

export function neverAsked(): never {
  throw new Error('this case does not apply');
}

type Sample = { readonly metadata: { readonly namespace: string; readonly name: string } };

/** All samples of metrics.k8s.io: of these, only where they belong. */
export async function podMetricsList(kubeConfig: KubeConfig): Promise<readonly Sample[]> {
  const custom = kubeConfig.makeApiClient(CustomObjectsApi);
  const list = await custom.listClusterCustomObject({ group: 'metrics.k8s.io', version: 'v1beta1', plural: 'pods' });
  return (list as { items: readonly Sample[] }).items;
}
