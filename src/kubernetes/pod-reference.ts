import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import type { WorkloadKind } from './cluster.ts';

/** What was typed for a pod, taken apart: a pod's name or its beginning, or a workload whose worst pod is meant. */
export type PodReference =
  | { readonly kind: 'pod'; readonly namespace: string | undefined; readonly name: string }
  | {
      readonly kind: 'workload';
      readonly workload: WorkloadKind;
      readonly namespace: string | undefined;
      readonly name: string;
    };

const workloadWords: ReadonlyMap<string, WorkloadKind> = new Map(
  Object.entries({
    deploy: 'Deployment',
    deployment: 'Deployment',
    deployments: 'Deployment',
    sts: 'StatefulSet',
    statefulset: 'StatefulSet',
    statefulsets: 'StatefulSet',
    ds: 'DaemonSet',
    daemonset: 'DaemonSet',
    daemonsets: 'DaemonSet',
    rs: 'ReplicaSet',
    replicaset: 'ReplicaSet',
    replicasets: 'ReplicaSet',
    job: 'Job',
  } as const),
);
const podWords: ReadonlySet<string> = new Set(['pod', 'pods', 'po']);

/** The short word that `kubectl` and Quorum take for a kind: `deploy`. */
export const workloadWord: Readonly<Record<WorkloadKind, string>> = {
  Deployment: 'deploy',
  StatefulSet: 'sts',
  DaemonSet: 'ds',
  ReplicaSet: 'rs',
  Job: 'job',
};

const forms =
  'Type a pod name or its beginning, namespace/pod, or deploy/name (also sts/, ds/); add -n for the namespace.';

/**
 * Takes apart what was typed: `pod`, `namespace/pod`, `deploy/x`, `namespace/deploy/x`, each with an optional `-n namespace`.
 * Names are held against RFC 1123, the rule the API itself uses, before any request is made.
 * @throws Refusal that says which part is no name
 */
export function parsePodReference(typed: string, namespaceFlag: string | undefined): PodReference {
  const parts = typed.trim().split('/');
  if (parts.length > 3) throw new Refusal(`${quoted(typed)} has ${parts.length} parts.`, forms);
  const name = parts.at(-1) ?? '';
  const first = parts.length > 1 ? parts[0] : undefined;
  const kindWord = parts.length === 3 ? parts[1] : first;
  const workload = kindWord === undefined ? undefined : workloadWords.get(kindWord.toLowerCase());
  const isKind = kindWord !== undefined && (workload !== undefined || podWords.has(kindWord.toLowerCase()));
  if (parts.length === 3 && !isKind)
    throw new Refusal(`${quoted(kindWord ?? '')} is no kind of workload.`, forms, [
      'deploy',
      'sts',
      'ds',
      'rs',
      'job',
      'pod',
    ]);
  const writtenNamespace = parts.length === 3 || !isKind ? first : undefined;
  if (writtenNamespace !== undefined && namespaceFlag !== undefined && writtenNamespace !== namespaceFlag)
    throw new Refusal(
      `Two namespaces: ${quoted(writtenNamespace)} before the slash and ${quoted(namespaceFlag)} after -n.`,
      'Keep one of them.',
    );
  const namespace = writtenNamespace ?? namespaceFlag;
  if (namespace !== undefined) demandNamespaceName(namespace);
  checkName(name, workload === undefined ? 'pod' : workload);
  return workload === undefined ? { kind: 'pod', namespace, name } : { kind: 'workload', workload, namespace, name };
}

/** RFC 1123 label: what a namespace and a container may be called. */
export function isLabelName(name: string): boolean {
  return name.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name);
}

/** @throws Refusal for what can be no namespace (RFC 1123 label) */
export function demandNamespaceName(namespace: string): void {
  if (isLabelName(namespace)) return;
  throw new Refusal(
    `${quoted(namespace)} cannot be a namespace.`,
    'Namespaces have at most 63 small letters, digits and hyphens, and begin and end with a letter or a digit.',
    suggestion(namespace, isLabelName),
  );
}

/** The beginning of a name is enough, so it may end with a hyphen or a dot. */
function isNameBeginning(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9]([-a-z0-9]|\.(?=[a-z0-9]|$))*$/.test(name);
}

function checkName(name: string, kind: 'pod' | WorkloadKind): void {
  if (isNameBeginning(name)) return;
  if (name === '') throw new Refusal(`The ${kind} has no name.`, forms);
  throw new Refusal(
    `${quoted(name)} cannot be a ${kind} name.`,
    'Names have at most 253 small letters, digits, hyphens and dots, and begin with a letter or a digit.',
    suggestion(name, isNameBeginning),
  );
}

/** Capitals and a trailing star are the usual slips; what is meant by them is plain. */
function suggestion(name: string, isValid: (name: string) => boolean): string[] {
  const likely = name.toLowerCase().replace(/\*$/, '');
  return likely !== name && isValid(likely) ? [likely] : [];
}

function quoted(text: string): string {
  return `“${shortened(redact(text), 60)}”`;
}
