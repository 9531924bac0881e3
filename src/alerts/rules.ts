import type { LookOfAlert } from './config.ts';

/** What an alert leads to, and which of its labels name what is to be looked at. */
export type RuleLook =
  | { readonly look: 'oom why'; readonly about: 'pod' | 'workload' }
  | { readonly look: Exclude<LookOfAlert, 'oom why'> };

const pod: RuleLook = { look: 'oom why', about: 'pod' };
const workload: RuleLook = { look: 'oom why', about: 'workload' };
const health: RuleLook = { look: 'etcd health' };
const space: RuleLook = { look: 'etcd space' };
const certificates: RuleLook = { look: 'etcd certs' };

/**
 * The rules that most clusters have, by alertname. Sources: https://github.com/kubernetes-monitoring/kubernetes-mixin (alerts/apps_alerts.libsonnet,
 * alerts/kube_apiserver.libsonnet), https://github.com/etcd-io/etcd (contrib/mixin/alerts); the names that begin with Kubernetes are those of
 * https://samber.github.io/awesome-prometheus-alerts. The metrics of workloads are told by kube-state-metrics, whose own pod may stand in `pod`.
 */
export const usualRules: Readonly<Record<string, RuleLook>> = {
  KubePodCrashLooping: pod,
  KubePodNotReady: pod,
  KubeContainerWaiting: pod,
  KubeContainerOOMKilled: pod,
  KubePodOOMKilled: pod,
  KubernetesContainerOomKiller: pod,
  KubernetesPodCrashLooping: pod,
  KubernetesPodNotHealthy: pod,
  KubeDeploymentReplicasMismatch: workload,
  KubeDeploymentRolloutStuck: workload,
  KubeStatefulSetReplicasMismatch: workload,
  KubeStatefulSetUpdateNotRolledOut: workload,
  KubeDaemonSetRolloutStuck: workload,
  KubeJobFailed: workload,
  etcdMembersDown: health,
  etcdInsufficientMembers: health,
  etcdNoLeader: health,
  etcdHighNumberOfLeaderChanges: health,
  etcdHighNumberOfFailedProposals: health,
  etcdHighNumberOfFailedGRPCRequests: health,
  etcdGRPCRequestsSlow: health,
  etcdMemberCommunicationSlow: health,
  etcdHighFsyncDurations: health,
  etcdHighCommitDurations: health,
  etcdDatabaseQuotaLowSpace: space,
  etcdBackendQuotaLowSpace: space,
  etcdExcessiveDatabaseGrowth: space,
  etcdDatabaseHighFragmentationRatio: space,
  KubeClientCertificateExpiration: certificates,
};

/** What the names of other rules say: everybody has a rule of their own for pods that are killed or restarted. */
const telling: readonly (readonly [RegExp, RuleLook])[] = [
  [/^[Ee]tcd.*(?:[Cc]ert|[Ee]xpir|[Ss]igner|CA(?![a-z]))/, certificates],
  [/^[Ee]tcd.*(?:[Qq]uota|[Ss]pace|[Dd]atabase|[Bb]ackend|[Ff]ragment|[Gg]rowth)/, space],
  [/^[Ee]tcd/, health],
  [/OOM|Oom(?![a-z])|(?:^|_)oom(?:_|$)|OutOfMemory|[Cc]rash_?[Ll]oop/, pod],
  [/(?:[Pp]od|[Cc]ontainer).*(?:[Rr]estart|[Mm]emory)|[Mm]emory.*(?:[Pp]od|[Cc]ontainer)/, pod],
];

/** What an alert of this name leads to. @param own the config's own rules, which count first; undefined: no look is known for it */
export function ruleFor(alertname: string, own: Readonly<Record<string, LookOfAlert | 'none'>>): RuleLook | undefined {
  if (Object.hasOwn(own, alertname)) {
    const named = own[alertname];
    if (named === undefined || named === 'none') return undefined;
    return named === 'oom why' ? pod : { look: named };
  }
  if (Object.hasOwn(usualRules, alertname)) return usualRules[alertname];
  return telling.find(([pattern]) => pattern.test(alertname))?.[1];
}
