import { tryLook } from '../etcd/patience.ts';
import type { Check, Context, Proposal } from '../job.ts';
import { Refusal } from '../refusal.ts';
import { formatBytes } from '../report/text.ts';
import { type NodeUse, namespaceCheck, roomCheck } from './capacity-checks.ts';
import { type ChangeFacts, changeChecks } from './change-checks.ts';
import type { KubernetesCluster } from './cluster.ts';
import { imageCheck, laterCheck, sameCheck } from './fix-checks.ts';
import { decideFix, type FixDecision, type FixWish } from './fix-decision.ts';
import { type FixPlan, fixPlan } from './fix-plan.ts';
import { describeFix, fixSections } from './fix-report.ts';
import { keeperOf } from './gitops.ts';
import type { Pod } from './objects.ts';
import { findOwner, type Owner, readOwner, wordOf, workloadsOf } from './owner.ts';
import type { PodReference } from './pod-reference.ts';
import { parseQuantity } from './quantity.ts';
import { seeSurroundings } from './surroundings.ts';
import { edited, patchOf, type TemplateEdit } from './template-edit.ts';
import { answerWhy } from './why-answer.ts';
import type { Answer } from './why-findings.ts';
import { whyReport } from './why-report.ts';

export type FixQuestion = {
  readonly clusterName: string;
  readonly reference: PodReference;
  readonly container: string | undefined;
  readonly wish: FixWish;
};

/** All pods of a node in one page; more than a node holds. */
const mostPodsOfNode = 500;

/**
 * Finds out why a pod of the workload died, decides what to set, and checks whether it may be.
 * @throws Refusal where there is nothing to set, or nothing that could be set there
 */
export async function proposeFix(
  cluster: KubernetesCluster,
  question: FixQuestion,
  context: Context,
): Promise<Proposal<FixPlan>> {
  const { clusterName, reference, container, wish } = question;
  const workloads = workloadsOf(cluster);
  const { answer, found } = await answerWhy(cluster, clusterName, reference, container, context);
  const owner = await findOwner(cluster, found.pod);
  if (reference.kind === 'workload' && (owner.kind !== reference.workload || owner.name !== reference.name))
    throw new Refusal(
      `The pods that ${reference.name} selects belong to ${wordOf(owner)}.`,
      `Ask for that: /oom fix ${owner.namespace}/${wordOf(owner)}`,
    );
  const decision = decideFix(answer, owner, wish);
  const { edit } = decision;
  const report = whyReport(answer, {
    command: '/oom why',
    cluster: cluster.name,
    address: cluster.address,
    chosenBecause: found.chosenBecause,
  });
  const meaning = answer.analysis?.recommendation?.meaning ?? '';
  const [shared, use] = await Promise.all([
    sharedChecks(cluster, clusterName, owner, edit),
    seeNodeUse(cluster, found.pod, answer),
  ]);
  const { facts, checks } = shared;
  return {
    target: { kind: 'workload', name: clusterName, identity: owner.workload.metadata.uid ?? '' },
    plan: fixPlan(clusterName, owner, edit),
    checks: [
      ...checks,
      sameCheck(owner, found.pod, edit.container, edit.variable ?? ''),
      laterCheck(answer, decision),
      imageCheck(answer, owner, decision),
      namespaceCheck(owner, facts.surroundings, facts.after),
      roomCheck(owner, use, facts.after),
    ],
    words: describeFix(owner, edit),
    sections: fixSections(
      owner,
      decision,
      [`${report.summary}.`, meaning, ...limitNote(answer, decision)].filter((part) => part !== '').join(' '),
      cluster.context,
      workloads.allowsFixes,
    ),
  };
}

/** The recommendation speaks of the limit that there is. */
function limitNote({ limit }: Answer, { edit, reckoned }: FixDecision): string[] {
  if (edit.limit === null) return [];
  return [
    `With a limit of ${formatBytes(reckoned.limitBytes)} in place of ${formatBytes(limit.limitBytes ?? 0)} the heap may be ${formatBytes(reckoned.heapBytes)}.`,
  ];
}

/**
 * As it starts: the decision that was approved stands as long as workload and template are those it was made for, for a pod that keeps
 * dying tells other figures each time. Everything that may stand in the way is looked at anew.
 * @throws Refusal where the workload is gone
 */
export async function proposeApprovedFix(cluster: KubernetesCluster, approved: FixPlan): Promise<Proposal<FixPlan>> {
  const { cluster: clusterName, kind, namespace, name, edit } = approved;
  const owner = await readOwner(cluster, kind, namespace, name, undefined);
  const { checks, facts } = await sharedChecks(cluster, clusterName, owner, edit);
  return {
    target: { kind: 'workload', name: clusterName, identity: owner.workload.metadata.uid ?? '' },
    plan: fixPlan(clusterName, owner, edit),
    checks: [...checks, namespaceCheck(owner, facts.surroundings, facts.after)],
    words: describeFix(owner, edit),
    sections: [],
  };
}

async function sharedChecks(
  cluster: KubernetesCluster,
  clusterName: string,
  owner: Owner,
  edit: TemplateEdit,
): Promise<{ readonly facts: ChangeFacts; readonly checks: readonly Check[] }> {
  const workloads = workloadsOf(cluster);
  const { template } = owner.workload.spec;
  const { uid = '', resourceVersion = '' } = owner.workload.metadata;
  const patch = { metadata: { uid, resourceVersion }, ...patchOf(template, edit) };
  const [surroundings, dryRun] = await Promise.all([
    seeSurroundings(workloads, owner),
    workloads.allowsFixes ? tryOut(cluster, owner, patch) : undefined,
  ]);
  const facts: ChangeFacts = {
    owner,
    cluster: clusterName,
    allowsFixes: workloads.allowsFixes,
    surroundings,
    after: edited(template, edit),
    dryRun,
    purpose: 'fix',
    byHand: keeperOf(owner.workload) === undefined ? 'the patch below' : 'the patch to commit below',
  };
  return { facts, checks: changeChecks(facts) };
}

/** A status that changes in between is no conflict of the template: it is tried once more, for the object as it then is. */
async function tryOut(
  cluster: KubernetesCluster,
  { kind, namespace, name }: Owner,
  patch: ReturnType<typeof patchOf>,
): Promise<ChangeFacts['dryRun']> {
  const workloads = workloadsOf(cluster);
  const first = await workloads.patch(kind, namespace, name, patch, 'dry-run');
  if (first.kind !== 'refused' || first.status !== 409) return first;
  const { metadata: _metadata, ...rest } = patch;
  return await workloads.patch(kind, namespace, name, rest, 'dry-run');
}

/** What the pods of its node ask for; only where Quorum looks into all namespaces can all of them be seen. */
async function seeNodeUse(cluster: KubernetesCluster, pod: Pod, { evidence }: Answer): Promise<NodeUse> {
  const { nodeName } = pod.spec;
  const { node } = evidence;
  if (nodeName === undefined || cluster.namespaces.length > 0) return { node, requestedBytes: undefined };
  const looked = await tryLook(() =>
    cluster.listPods({ fieldSelector: `spec.nodeName=${nodeName}`, limit: mostPodsOfNode }),
  );
  if (looked.value === undefined) return { node, requestedBytes: undefined };
  const live = looked.value.pods.filter(({ status }) => status.phase !== 'Succeeded' && status.phase !== 'Failed');
  return { node, requestedBytes: live.map(requestOf).reduce((sum, bytes) => sum + bytes, 0) };
}

function requestOf({ spec }: Pod): number {
  return spec.containers
    .map(({ resources }) => parseQuantity(resources.requests.memory ?? resources.limits.memory ?? '') ?? 0)
    .reduce((sum, bytes) => sum + bytes, 0);
}
