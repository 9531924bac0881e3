import { isLabelName, parsePodReference } from '../kubernetes/pod-reference.ts';
import { Refusal } from '../refusal.ts';
import { count, listed, shortened } from '../report/text.ts';
import { quotedWord } from '../shell-quoting.ts';
import type { AlertsConfig } from './config.ts';
import { type RuleLook, ruleFor } from './rules.ts';

/** What decides which look an alert leads to. */
export type LookFacts = Pick<AlertsConfig, 'rules' | 'clusterLabel'> & {
  /** The names of the configured clusters. */
  readonly etcd: readonly string[];
  readonly kubernetes: readonly string[];
};

export type LookFor = {
  /** As typed, without its slash: `oom why shop/web-1 -c app --cluster prod`; null where there is none. */
  readonly line: string | null;
  /** The name in the config; '' where the alert belongs to none of them. */
  readonly cluster: string;
  /** Why there is no look, or not quite the one that was asked for; null where there is nothing to say. */
  readonly remark: string | null;
};

type Labels = Readonly<Record<string, string>>;

/** The look that an alert with these labels leads to. Labels are text from outside: what is no name of a pod becomes no word of a line. */
export function lookFor(labels: Labels, facts: LookFacts): LookFor {
  const rule = ruleFor(labels.alertname ?? '', facts.rules);
  if (rule === undefined) return { line: null, remark: null, cluster: placeOf(labels, facts) };
  const kind = rule.look.startsWith('etcd') ? 'etcd' : 'kubernetes';
  const { cluster, remark } = clusterFor(kind, labels, facts);
  if (cluster === undefined) return { line: null, cluster: '', remark };
  const words = wordsOf(rule, labels);
  if (words === undefined)
    return {
      line: null,
      cluster,
      remark: 'No look was done: its labels name no pod and no workload (namespace, pod, deployment, statefulset …).',
    };
  return { line: [...words, '--cluster', cluster].map(quotedWord).join(' '), cluster, remark };
}

/** Where an alert comes from that leads to no look: what routes it all the same. */
function placeOf(labels: Labels, facts: LookFacts): string {
  const named = labels[facts.clusterLabel] ?? '';
  if ([...facts.kubernetes, ...facts.etcd].includes(named)) return named;
  const isPlaced = namespaceOf(labels) !== null || labels.node !== undefined;
  return isPlaced && facts.kubernetes.length === 1 ? (facts.kubernetes[0] ?? '') : '';
}

/** The namespace that an alert is about. kube-state-metrics' own stands in `namespace` where Prometheus keeps the target's labels. */
export function namespaceOf(labels: Labels): string | null {
  return labels.exported_namespace ?? labels.namespace ?? null;
}

function clusterFor(
  kind: 'etcd' | 'kubernetes',
  labels: Labels,
  facts: LookFacts,
): { readonly cluster: string | undefined; readonly remark: string | null } {
  const known = facts[kind];
  const title = kind === 'etcd' ? 'etcd' : 'Kubernetes';
  const label = labels[facts.clusterLabel];
  // etcd's own rules call a cluster by the job that scrapes it.
  const named = [label, ...(kind === 'etcd' ? [labels.job] : [])].find(
    (name) => name !== undefined && known.includes(name),
  );
  if (named !== undefined) return { cluster: named, remark: null };
  const said =
    label === undefined
      ? `the alert has no label \`${facts.clusterLabel}\``
      : `its label \`${facts.clusterLabel}\` is “${shortened(label, 60)}”`;
  const [only] = known;
  if (only === undefined) return { cluster: undefined, remark: `No look was done: no ${title} cluster is configured.` };
  if (known.length === 1)
    return {
      cluster: only,
      remark:
        label === undefined
          ? null
          : `Looked at ${only}, the only ${title} cluster that is configured; ${said}, which is none.`,
    };
  return {
    cluster: undefined,
    remark: `No look was done: ${said}, and there are ${count(known.length, `${title} cluster`)} (${listed(known)}).`,
  };
}

function wordsOf(rule: RuleLook, labels: Labels): string[] | undefined {
  if (rule.look !== 'oom why') return rule.look.split(' ');
  const target = targetOf(rule.about, labels);
  return target === undefined ? undefined : ['oom', 'why', ...target];
}

/** The labels that name workloads, and the words that `/oom why` takes for them. */
const workloadLabels = [
  ['deployment', 'deploy'],
  ['statefulset', 'sts'],
  ['daemonset', 'ds'],
  ['replicaset', 'rs'],
  ['job_name', 'job'],
] as const;

function targetOf(about: 'pod' | 'workload', labels: Labels): string[] | undefined {
  const own = (name: string) => labels[`exported_${name}`] ?? labels[name];
  const namespace = namespaceOf(labels) ?? undefined;
  const ofWorkload = () => {
    for (const [label, word] of workloadLabels) {
      const words = placed(namespace, word, own(label));
      if (words !== undefined) return words;
    }
    return undefined;
  };
  const ofPod = () => {
    const words = placed(namespace, undefined, own('pod'));
    const container = own('container');
    if (words === undefined || container === undefined || !isLabelName(container)) return words;
    return [...words, '-c', container];
  };
  return about === 'pod' ? (ofPod() ?? ofWorkload()) : (ofWorkload() ?? ofPod());
}

/** `shop/web-1`, `shop/deploy/web`; undefined where the labels hold no such names. */
function placed(namespace: string | undefined, kind: string | undefined, name: string | undefined) {
  if (name === undefined || (namespace !== undefined && !isLabelName(namespace))) return undefined;
  const reference = kind === undefined ? name : `${kind}/${name}`;
  if (namespace === undefined) return readsAs(reference, undefined, kind, name) ? [reference] : undefined;
  const whole = `${namespace}/${reference}`;
  if (readsAs(whole, namespace, kind, name)) return [whole];
  // A namespace called `deploy` would be taken for a kind.
  return readsAs(reference, undefined, kind, name) ? [reference, '-n', namespace] : undefined;
}

/** Whether `/oom why` takes it for what it is meant to be. */
function readsAs(typed: string, namespace: string | undefined, kind: string | undefined, name: string): boolean {
  try {
    const read = parsePodReference(typed, undefined);
    return read.name === name && read.namespace === namespace && (read.kind === 'workload') === (kind !== undefined);
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
