import type { CertificateFacts } from '../etcd/certificates.ts';
import type { PeerSeen } from '../etcd/peers.ts';
import type { JsonObject } from '../report/report.ts';
import type { ExecClient } from './exec.ts';
import type { KubernetesEvent, NamedPodMetrics, Node, Pod, PodMetrics, Workload } from './objects.ts';
import type { PodWatching } from './pod-watch.ts';
import type { RequestFailure } from './request-failure.ts';
import type {
  Autoscaler,
  DisruptionBudget,
  LimitRange,
  Quota,
  Revision,
  RolledKind,
  RolledWorkload,
  VerticalAutoscaler,
} from './workload-object.ts';

export type { PodWatch, PodWatcher, PodWatching } from './pod-watch.ts';

/** The kinds of workload that own pods, as `deploy/x` may name them. */
export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'ReplicaSet' | 'Job';

export type PodQuery = {
  /** Undefined: all namespaces. */
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly limit: number;
  readonly continue?: string | undefined;
};

export type PodPage = { readonly pods: readonly Pod[]; readonly continue: string | undefined };

export type LogQuery = {
  /** The log of the container that ran before the present one. */
  readonly previous: boolean;
  /** Only the last lines; without it the log is read from its beginning. */
  readonly tailLines?: number;
  readonly limitBytes: number;
};

/** A permission, as RBAC names it. */
export type Permission = {
  readonly verb: 'get' | 'list' | 'watch' | 'patch' | 'create';
  readonly resource:
    | 'pods'
    | 'pods/log'
    | 'events'
    | 'nodes'
    | 'replicasets'
    | 'deployments'
    | 'statefulsets'
    | 'daemonsets'
    | 'jobs'
    | 'configmaps'
    | 'pods.metrics.k8s.io'
    | 'pods/eviction'
    | 'pods/exec'
    | 'controllerrevisions'
    | 'limitranges'
    | 'resourcequotas'
    | 'horizontalpodautoscalers'
    | 'verticalpodautoscalers'
    | 'poddisruptionbudgets';
  /** Undefined: everywhere. */
  readonly namespace?: string | undefined;
};

/** What the API servers of one cluster present, and what the kubeconfig holds against it. */
export type ApiCertificates = {
  /** The CAs that the kubeconfig trusts. */
  readonly cas: readonly CertificateFacts[];
  /** The certificate by which the bot is known there; null where it has a token. */
  readonly clientCertificate: CertificateFacts | null;
  /** The name that is looked for in the certificate in place of the address: `tls-server-name`. */
  readonly serverName: string | null;
  /** False where the kubeconfig says insecure-skip-tls-verify. */
  readonly isVerified: boolean;
  readonly presented: readonly PeerSeen[];
};

/** How a patch came out. What was refused was not done; what is unknown may have been. */
export type PatchOutcome =
  | { readonly kind: 'done'; readonly workload: RolledWorkload }
  /** `status` 0: nobody was reached. */
  | { readonly kind: 'refused'; readonly status: number; readonly refusal: RequestFailure }
  | { readonly kind: 'unknown'; readonly refusal: RequestFailure };

/**
 * What may be changed in a cluster, and what has a say in it. Lists are undefined where the API server serves no such kind; a
 * permission that is missing is a RequestFailure, never an empty list.
 */
export type WorkloadClient = {
  /** Whether the config lets Quorum change workloads here. */
  readonly allowsFixes: boolean;
  read(kind: RolledKind, namespace: string, name: string): Promise<RolledWorkload | undefined>;
  /** A strategic merge patch; with metadata.uid and metadata.resourceVersion in it, of that very object as it was read. Sent once. */
  patch(
    kind: RolledKind,
    namespace: string,
    name: string,
    patch: JsonObject,
    mode: 'dry-run' | 'for-real',
  ): Promise<PatchOutcome>;
  /** The templates that it has had, oldest first. */
  revisions(kind: RolledKind, workload: RolledWorkload): Promise<readonly Revision[]>;
  autoscalers(namespace: string): Promise<readonly Autoscaler[] | undefined>;
  verticalAutoscalers(namespace: string): Promise<readonly VerticalAutoscaler[] | undefined>;
  budgets(namespace: string): Promise<readonly DisruptionBudget[] | undefined>;
  limitRanges(namespace: string): Promise<readonly LimitRange[] | undefined>;
  quotas(namespace: string): Promise<readonly Quota[] | undefined>;
  /** Asks the API to take a pod down as far as its disruption budgets allow. @returns why it does not; undefined where it does, or the pod is gone */
  evict(namespace: string, pod: string, uid: string): Promise<RequestFailure | undefined>;
};

/**
 * What Quorum asks of one Kubernetes cluster: plain data, each call one API request with a deadline.
 * What does not exist is undefined; everything else that goes wrong is a Refusal that says what and what to do.
 */
export type KubernetesCluster = PodWatching & {
  /** The name in the config. */
  readonly name: string;
  /** Where the API is, without credentials: `https://10.0.0.1:6443`; for a recording its folder's name. */
  readonly address: string;
  /** The namespaces it is to be asked about; empty: all. */
  readonly namespaces: readonly string[];
  /** The context that the config names, for commands to copy; undefined: whatever the reader's kubectl points to. */
  readonly context: string | undefined;
  /** For a recording: when it was made. It is answered as of then. */
  readonly recordedAt?: Date | undefined;
  /** The API server's version: `v1.20.2`. */
  version(): Promise<string>;
  getPod(namespace: string, name: string): Promise<Pod | undefined>;
  listPods(query: PodQuery): Promise<PodPage>;
  getNode(name: string): Promise<Node | undefined>;
  /** A config map's texts; undefined where there is none of that name. */
  getConfigMap(namespace: string, name: string): Promise<Readonly<Record<string, string>> | undefined>;
  getWorkload(kind: WorkloadKind, namespace: string, name: string): Promise<Workload | undefined>;
  /** Workloads of this name in all namespaces. */
  findWorkloads(kind: WorkloadKind, name: string): Promise<readonly Workload[]>;
  /** The events about one pod that the API still has (it keeps them for an hour). */
  listEvents(namespace: string, pod: string): Promise<readonly KubernetesEvent[]>;
  /** The events about one node: SystemOOM and its kin. The kubelet writes them into namespace default. */
  listNodeEvents(node: string): Promise<readonly KubernetesEvent[]>;
  /** Undefined where there is no such log: never restarted, not started yet, or rotated away. */
  podLog(namespace: string, pod: string, container: string, query: LogQuery): Promise<string | undefined>;
  /** Undefined where there is no sample, or no metrics API. */
  podMetrics(namespace: string, pod: string): Promise<PodMetrics | undefined>;
  /** The newest sample of every pod of a namespace, in one request; undefined where there is no metrics API. */
  listPodMetrics(namespace: string): Promise<readonly NamedPodMetrics[] | undefined>;
  canI(permission: Permission): Promise<boolean>;
  /** Changing workloads; a recording has none to change. */
  readonly workloads?: WorkloadClient;
  /** Running commands in containers; a recording has none. */
  readonly exec?: ExecClient;
  /**
   * Reads the certificates that are presented at its address and at others, without being let in.
   * @param others further addresses of its API servers, `https://10.0.0.1:6443`
   */
  certificates(others: readonly string[]): Promise<ApiCertificates>;
  close(): Promise<void>;
};
