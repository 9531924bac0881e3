import { distance } from 'fastest-levenshtein';
import { Refusal } from '../refusal.ts';
import { count, listed, shortened } from '../report/text.ts';
import type { KubernetesCluster, PodPage, WorkloadKind } from './cluster.ts';
import { badness, containersOf, worstPod } from './containers.ts';
import { demandNamespace } from './namespaces.ts';
import type { Pod, Workload } from './objects.ts';
import { type PodReference, workloadWord } from './pod-reference.ts';
import { RequestFailure } from './request-failure.ts';
import { selectorText } from './selector.ts';
import { type Replicas, replicasAmong, replicasOf, workloadNameOf } from './workloads.ts';

/** The pod that was meant, and what the search learned on its way. */
export type FoundPod = {
  readonly pod: Pod;
  /** How many API requests it took. */
  readonly requests: number;
  /** How many of its workload's pods are ready, where the search saw all of them. */
  readonly replicas: Replicas | undefined;
  /** Why this pod and no other, where the name left a choice: a sentence. */
  readonly chosenBecause: string | undefined;
  /** All pods that were read on the way, this one among them. */
  readonly read: readonly Pod[];
};

const pageSize = 500;
const mostPages = 2;
const mostChoices = 8;
/** Of what exists and is not called so, enough to see what names look like there. */
const mostOthers = 3;
/** With more namespaces than this the budget of eight requests does not allow asking each. */
const mostNamespacesAsked = 3;

/**
 * Finds the pod: a full name anywhere, the beginning of a name where it is shown to be unique, or a workload's worst pod.
 * @throws Refusal with names to choose from when the name fits no pod, or more than one
 */
export async function findPod(cluster: KubernetesCluster, reference: PodReference): Promise<FoundPod> {
  const { namespace } = reference;
  if (namespace !== undefined) demandNamespace(cluster, namespace);
  const settled = namespace ?? (cluster.namespaces.length === 1 ? cluster.namespaces[0] : undefined);
  if (reference.kind === 'workload') return findWorstPod(cluster, reference.workload, settled, reference.name);
  return settled === undefined
    ? findPodAnywhere(cluster, reference.name)
    : findPodInNamespace(cluster, settled, reference.name);
}

async function findPodInNamespace(cluster: KubernetesCluster, namespace: string, name: string): Promise<FoundPod> {
  const pod = name.endsWith('-') || name.endsWith('.') ? undefined : await cluster.getPod(namespace, name);
  const spent = name.endsWith('-') || name.endsWith('.') ? 0 : 1;
  if (pod !== undefined) return { ...foundAlone(pod), requests: spent };
  const { pods, pages, isComplete } = await readPages(cluster, namespace);
  if (pods.length === 0) throw await emptyNamespace(cluster, namespace, name);
  return byBeginning(cluster, name, pods, spent + pages, isComplete ? 'all' : 'some', namespace);
}

function foundAlone(pod: Pod): Pick<FoundPod, 'pod' | 'replicas' | 'chosenBecause' | 'read'> {
  return { pod, replicas: undefined, chosenBecause: undefined, read: [pod] };
}

/** A mistyped namespace has no pods either; a pod of that name elsewhere is what was meant. */
async function emptyNamespace(cluster: KubernetesCluster, namespace: string, name: string): Promise<Refusal> {
  const elsewhere = await podsNamed(cluster, name).catch(() => ({ pods: [] }));
  const isElsewhere = elsewhere.pods.length > 0;
  return new Refusal(
    `There is no pod at all in namespace ${namespace}.`,
    isElsewhere
      ? 'A pod of that name is in another one.'
      : 'Check the spelling of the namespace: kubectl get namespaces.',
    elsewhere.pods.map(fullName).slice(0, mostChoices),
  );
}

async function findPodAnywhere(cluster: KubernetesCluster, name: string): Promise<FoundPod> {
  const { pods: named, requests } = await podsNamed(cluster, name);
  const pod = named[0];
  if (pod !== undefined && named.length === 1) return { ...foundAlone(pod), requests };
  if (named.length > 1)
    throw new Refusal(
      `${count(named.length, 'pod')} are called ${name}, in different namespaces.`,
      'Say which: type namespace/pod.',
      named.map(fullName).slice(0, mostChoices),
    );
  if (cluster.namespaces.length > 0)
    throw new Refusal(
      `No pod is called ${name} in ${listed(cluster.namespaces)}.`,
      'A beginning is enough when the namespace is given: type namespace/beginning.',
      cluster.namespaces.map((namespace) => `${namespace}/${name}`).slice(0, mostChoices),
    );
  const { pods, pages, isComplete } = await readPages(cluster, undefined);
  return byBeginning(cluster, name, pods, requests + pages, isComplete ? 'all' : 'some', undefined);
}

/** Pods of exactly this name, in all namespaces that Quorum looks into. */
async function podsNamed(
  cluster: KubernetesCluster,
  name: string,
): Promise<{ pods: readonly Pod[]; requests: number }> {
  const fieldSelector = `metadata.name=${name}`;
  const { namespaces } = cluster;
  if (namespaces.length > mostNamespacesAsked) throw namespaceNeeded(cluster, name);
  if (namespaces.length > 0) {
    const pages = await Promise.all(
      namespaces.map((namespace) => cluster.listPods({ namespace, fieldSelector, limit: mostChoices })),
    );
    return { pods: pages.flatMap(({ pods }) => pods), requests: namespaces.length };
  }
  try {
    const { pods } = await cluster.listPods({ fieldSelector, limit: 50 });
    return { pods, requests: 1 };
  } catch (error) {
    if (!(error instanceof RequestFailure) || error.kind !== 'forbidden') throw error;
    throw new RequestFailure(
      'forbidden',
      error.message,
      `Name the namespace: -n, or namespace/${name}. Or: ${error.advice}`,
    );
  }
}

type Pages = { readonly pods: readonly Pod[]; readonly pages: number; readonly isComplete: boolean };

async function readPages(cluster: KubernetesCluster, namespace: string | undefined): Promise<Pages> {
  const pods: Pod[] = [];
  let page: PodPage | undefined;
  for (let pages = 1; pages <= mostPages; pages++) {
    page = await cluster.listPods({ namespace, limit: pageSize, continue: page?.continue });
    pods.push(...page.pods);
    if (page.continue === undefined) return { pods, pages, isComplete: true };
  }
  return { pods, pages: mostPages, isComplete: false };
}

function byBeginning(
  cluster: KubernetesCluster,
  beginning: string,
  pods: readonly Pod[],
  requests: number,
  seen: 'all' | 'some',
  namespace: string | undefined,
): FoundPod {
  const where = namespace === undefined ? cluster.name : `namespace ${namespace}`;
  const matches = pods.filter(({ metadata }) => (metadata.name ?? '').startsWith(beginning));
  const shown = (pod: Pod) => fullName(pod);
  if (seen === 'some')
    throw new Refusal(
      `${where} has more than ${pageSize * mostPages} pods: the beginning ${shortened(beginning, 60)} cannot be shown to be unique.`,
      namespace === undefined
        ? 'Type the full name, or the namespace with it: namespace/beginning.'
        : 'Type the full name.',
      matches.map(shown).slice(0, mostChoices),
    );
  const [pod] = matches;
  if (pod !== undefined && matches.length === 1)
    return {
      pod,
      requests,
      replicas: replicasAmong(pods, pod),
      chosenBecause: `It is the only pod in ${where} whose name begins with ${beginning}.`,
      read: pods,
    };
  if (matches.length > 1)
    throw new Refusal(
      `${count(matches.length, 'pod')} in ${where} begin with ${shortened(beginning, 60)}.`,
      `Type more of the name${commonWorkload(matches)}.`,
      matches.map(shown).sort().slice(0, mostChoices),
    );
  const near = nearestPods(beginning, pods);
  throw new Refusal(
    pods.length === 0
      ? `There is no pod at all in ${where}.`
      : `No pod in ${where} is called ${shortened(beginning, 60)}, or begins so.`,
    `It may be gone: a replaced pod has a new name. ${
      near.length > 0
        ? 'Take one of these, the nearest first.'
        : `These are there; all of them: kubectl get pods${namespace === undefined ? ' -A' : ` -n ${namespace}`}.`
    }`,
    withOthers(near, pods, shown),
  );
}

/** What fits nearly, then a few of what exists: one of each workload, the one in trouble before the healthy one. */
function withOthers(near: readonly Pod[], pods: readonly Pod[], shown: (pod: Pod) => string): string[] {
  const rated = pods.map((pod) => ({
    pod,
    badness: Math.max(0, ...containersOf(pod).map(badness)),
    group: `${pod.metadata.namespace} ${workloadNameOf(pod) ?? pod.metadata.name}`,
  }));
  const sorted = rated.sort((a, b) => b.badness - a.badness || shown(a.pod).localeCompare(shown(b.pod), 'en'));
  const groups = new Set(rated.filter(({ pod }) => near.includes(pod)).map(({ group }) => group));
  const others = sorted.filter(({ group }) => !groups.has(group) && groups.add(group));
  return [...new Set([...near, ...others.slice(0, mostOthers).map(({ pod }) => pod)].map(shown))].slice(0, mostChoices);
}

/** When all that fit belong to one Deployment, its worst pod is the shorter question. */
function commonWorkload(pods: readonly Pod[]): string {
  const names = new Set(
    pods.map((pod) => {
      const replicas = replicasAmong([pod], pod);
      return replicas === undefined ? undefined : `${replicas.workload} -n ${pod.metadata.namespace ?? ''}`;
    }),
  );
  const [name] = names;
  return names.size === 1 && name !== undefined ? `, or ask for the worst of them: ${name}` : '';
}

/** Pods whose name, or whose workload's name, holds what was typed or is within a few slips of it; nearest first. */
function nearestPods(typed: string, pods: readonly Pod[]): Pod[] {
  const asked = typed.slice(0, 80);
  const rated = pods.map((pod) => {
    const name = (pod.metadata.name ?? '').slice(0, 80);
    const workload = workloadNameOf(pod)?.split('/')[1] ?? name;
    const slips = Math.min(distance(asked, name), distance(asked, workload.slice(0, 80)));
    return { pod, slips: name.includes(asked) ? 0 : slips };
  });
  return rated
    .filter(({ slips }) => slips <= mostSlips(asked))
    .sort((a, b) => a.slips - b.slips || fullName(a.pod).localeCompare(fullName(b.pod), 'en'))
    .slice(0, mostChoices)
    .map(({ pod }) => pod);
}

/** How far off a name may be and still be worth offering. */
function mostSlips(asked: string): number {
  return Math.max(1, Math.floor(asked.length / 3));
}

async function findWorstPod(
  cluster: KubernetesCluster,
  kind: WorkloadKind,
  namespace: string | undefined,
  name: string,
): Promise<FoundPod> {
  const workload = await workloadNamed(cluster, kind, namespace, name);
  const place = workload.metadata.namespace ?? namespace ?? '';
  const labelSelector = selectorText(workload.spec.selector);
  if (labelSelector === '')
    throw new Refusal(`${workloadWord[kind]}/${name} selects no pods.`, 'Type the name of a pod.');
  const { pods, continue: more } = await cluster.listPods({ namespace: place, labelSelector, limit: pageSize });
  const pod = worstPod(pods);
  if (pod === undefined)
    throw new Refusal(
      `${workloadWord[kind]}/${name} in namespace ${place} has no pods now.`,
      `See why: kubectl describe ${workloadWord[kind]}/${name} -n ${place}`,
    );
  const among = more === undefined ? `its ${count(pods.length, 'pod')}` : `its first ${pageSize} pods`;
  return {
    pod,
    requests: 1 + (namespace === undefined ? Math.max(1, cluster.namespaces.length) : 1),
    replicas: kind === 'Job' ? undefined : replicasOf(kind, workload),
    chosenBecause: `Of ${among} ${workloadWord[kind]}/${name} fares worst with this one.`,
    read: pods,
  };
}

/**
 * Finds a workload by its name, in the namespace that was said or wherever Quorum looks.
 * @throws Refusal with names to choose from when there is none, or more than one
 */
export async function findWorkload(
  cluster: KubernetesCluster,
  reference: Extract<PodReference, { kind: 'workload' }>,
): Promise<Workload> {
  const { namespace, workload: kind, name } = reference;
  if (namespace !== undefined) demandNamespace(cluster, namespace);
  const settled = namespace ?? (cluster.namespaces.length === 1 ? cluster.namespaces[0] : undefined);
  return await workloadNamed(cluster, kind, settled, name);
}

async function workloadNamed(
  cluster: KubernetesCluster,
  kind: WorkloadKind,
  namespace: string | undefined,
  name: string,
): Promise<Workload> {
  const word = workloadWord[kind];
  if (namespace !== undefined) {
    const workload = await cluster.getWorkload(kind, namespace, name);
    if (workload !== undefined) return workload;
    throw await unknownWorkload(cluster, word, name, namespace);
  }
  const found = await workloadsNamed(cluster, kind, name);
  const [workload] = found;
  if (workload !== undefined && found.length === 1) return workload;
  if (found.length > 1)
    throw new Refusal(
      `${count(found.length, 'namespace')} have a ${word}/${name}.`,
      'Say which one.',
      found.map(({ metadata }) => `${metadata.namespace ?? ''}/${word}/${name}`).slice(0, mostChoices),
    );
  throw await unknownWorkload(cluster, word, name, undefined);
}

/**
 * Workloads of this name wherever Quorum looks. Where it looks into some namespaces only, it may not list in all of them.
 * @throws Refusal where there are more of them than an answer may ask
 */
async function workloadsNamed(
  cluster: KubernetesCluster,
  kind: WorkloadKind,
  name: string,
): Promise<readonly Workload[]> {
  const { namespaces } = cluster;
  if (namespaces.length === 0) return await cluster.findWorkloads(kind, name);
  if (namespaces.length > mostNamespacesAsked) throw namespaceNeeded(cluster, `${workloadWord[kind]}/${name}`);
  const found = await Promise.all(namespaces.map((namespace) => cluster.getWorkload(kind, namespace, name)));
  return found.filter((workload) => workload !== undefined);
}

function namespaceNeeded({ namespaces }: KubernetesCluster, name: string): Refusal {
  return new Refusal(
    `Quorum looks into ${namespaces.length} namespaces here, too many to ask each of them for ${shortened(name, 60)}.`,
    'Name the namespace with -n, or type namespace/name.',
    namespaces.slice(0, mostChoices).map((namespace) => `${namespace}/${name}`),
  );
}

/** Offers the workloads with nearly that name, as far as a page of pods tells them. */
async function unknownWorkload(
  cluster: KubernetesCluster,
  word: string,
  name: string,
  namespace: string | undefined,
): Promise<Refusal> {
  const place = namespace ?? cluster.namespaces[0];
  const page = await cluster.listPods({ namespace: place, limit: pageSize }).catch(() => undefined);
  const rated = (page?.pods ?? []).flatMap((pod) => {
    const workload = workloadNameOf(pod);
    const known = workload?.split('/')[1] ?? '';
    const slips = known.includes(name) ? 0 : distance(name.slice(0, 80), known.slice(0, 80));
    return workload === undefined || slips > mostSlips(name)
      ? []
      : [{ slips, choice: `${pod.metadata.namespace ?? ''}/${workload}` }];
  });
  const near = [
    ...new Set(
      rated.sort((a, b) => a.slips - b.slips || a.choice.localeCompare(b.choice, 'en')).map(({ choice }) => choice),
    ),
  ];
  const owned = (page?.pods ?? []).filter((pod) => workloadNameOf(pod) !== undefined);
  const others = withOthers([], owned, (pod) => `${pod.metadata.namespace ?? ''}/${workloadNameOf(pod)}`);
  return new Refusal(
    namespace === undefined
      ? `No namespace has a ${word}/${name}.`
      : `There is no ${word}/${name} in namespace ${namespace}.`,
    near.length > 0
      ? 'Take one of these, or a pod’s name.'
      : `Look with kubectl get ${word} ${namespace === undefined ? '-A' : `-n ${namespace}`}; a pod’s name works too.`,
    [...new Set([...near.slice(0, mostChoices - mostOthers), ...others])],
  );
}

/** `namespace/pod`: what can be typed. */
function fullName({ metadata }: Pod): string {
  return metadata.namespace === undefined ? (metadata.name ?? '') : `${metadata.namespace}/${metadata.name ?? ''}`;
}
