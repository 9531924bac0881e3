import { intended, type Patience, tryLook, wait } from '../etcd/patience.ts';
import type { Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { Section } from '../report/report.ts';
import { count } from '../report/text.ts';
import type { KubernetesCluster } from './cluster.ts';
import { isReady } from './containers.ts';
import type { Pod } from './objects.ts';
import { fullWordOf, wordOf, workloadsOf } from './owner.ts';
import { hasDied, startOf, waitingText } from './pod-fate.ts';
import { failureOf, replacementOf, rolloutOf } from './rollout.ts';
import { selectorText } from './selector.ts';
import { isOurs, readTarget, type TemplateChange } from './template-change.ts';
import { answerWhy } from './why-answer.ts';
import { whyReport } from './why-report.ts';
import type { RolledKind, RolledWorkload } from './workload-object.ts';
import { controllerOf } from './workloads.ts';

export type Watched = {
  readonly change: TemplateChange;
  /** The cluster's name in the config. */
  readonly clusterName: string;
  /** The container that was changed; undefined: all of them count. */
  readonly container: string | undefined;
};

const recheckAfterMs = 2000;
/** A rollout over many nodes takes hours. */
const laterRecheckAfterMs = 10_000;
/** 2^31 - 1 (k8s.io/api/apps/v1, ProgressDeadlineSeconds). */
const noDeadlineSeconds = 2_147_483_647;
/** Without a deadline of its own a rollout gets as long as a Deployment's default, and two minutes a pod. */
const rolloutTimeoutMs = 600_000;
const perPodMs = 120_000;
/** How long a new pod has to have run before it counts as mended. */
const settledAfterMs = 20_000;
const settleTimeoutMs = 300_000;
/** A controller that is held up by a pod is given this long before that pod is evicted. */
const heldUpAfterMs = 5000;
const mostPods = 500;

/** What is seen of a workload and of its pods of the present revision. */
type Seen = { readonly workload: RolledWorkload; readonly made: readonly Pod[]; readonly before: readonly Pod[] };

/** Follows the rollout until every pod is of the new template and available; ends it where the new pods die. */
export async function ensureRolledOut(
  cluster: KubernetesCluster,
  watched: Watched,
  context: StepContext,
): Promise<Outcome> {
  const { change } = watched;
  const word = fullWordOf(change);
  const looked = await tryLook(() => seeRollout(cluster, watched, context));
  const timeoutMs = looked.value instanceof Refusal ? rolloutTimeoutMs : timeoutOf(change.kind, looked.value);
  const hasJustBegun = context.now().getTime() - context.startedAt.getTime() < 60_000;
  const patience: Omit<Patience, 'reason'> = {
    recheckAfterMs: hasJustBegun ? recheckAfterMs : laterRecheckAfterMs,
    timeoutMs,
    otherwise: new Refusal(
      `${word} was changed, and is not rolled out in time.`,
      `See why: kubectl describe ${change.kind.toLowerCase()} ${change.name} -n ${change.namespace}. Going back is offered below.`,
    ),
  };
  if (looked.unseen !== undefined) return wait(context, { ...patience, reason: looked.unseen });
  if (looked.value instanceof Refusal) return { kind: 'blocked', refusal: looked.value };
  const { workload, made } = looked.value;
  const rollout = rolloutOf(change.kind, workload);
  if (replacementOf(change.kind, workload).strategy === 'on-delete')
    return {
      kind: 'done',
      note: `${word} is changed. Its strategy is OnDelete: delete its pods by hand, one at a time, and each comes back with the new template.`,
    };
  if (rollout.wanted === 0) return { kind: 'done', note: `${word} is changed; it is scaled to 0.` };
  // Until then the newest revision, and what the conditions say, are those of before.
  if (rollout.state === 'unobserved')
    return wait(context, { ...patience, recheckAfterMs: 500, reason: `${rollout.seen}.` });
  if (rollout.state === 'paused')
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `Somebody paused ${word}.`,
        `Resume it: kubectl rollout resume ${wordOf(change)} -n ${change.namespace}`,
      ),
    };
  const death = made.find((pod) => hasDied(pod, watched.container));
  if (death !== undefined) return await died(cluster, watched, death, context);
  const failure = failureOf(workload, context.now().getTime() - context.startedAt.getTime());
  if (failure !== undefined)
    return {
      kind: 'blocked',
      refusal: new Refusal(`${word} does not roll out: ${failure}`, 'Going back is offered below.'),
    };
  if (rollout.state === 'settled' && rollout.available >= rollout.wanted)
    return { kind: 'done', note: `${rollout.seen}.` };
  const held = await freeHeldUp(cluster, watched, looked.value, context);
  return wait(context, { ...patience, reason: held ?? `${rollout.seen}${waitingText(made)}.` });
}

/** Waits until the new pods have run for a while without a death. */
export async function ensureSettled(
  cluster: KubernetesCluster,
  watched: Watched,
  context: StepContext,
  ending: (pod: Pod | undefined) => Promise<{ readonly note: string; readonly sections: readonly Section[] }>,
): Promise<Outcome> {
  const { change } = watched;
  const word = fullWordOf(change);
  const patience = {
    recheckAfterMs,
    timeoutMs: settleTimeoutMs,
    otherwise: new Refusal(`The new pods of ${word} do not all stay available.`, `Ask \`/oom why ${word}\`.`),
  };
  const looked = await tryLook(() => seeRollout(cluster, watched, context));
  if (looked.unseen !== undefined) return wait(context, { ...patience, reason: looked.unseen });
  if (looked.value instanceof Refusal) return { kind: 'blocked', refusal: looked.value };
  const { workload, made } = looked.value;
  const rollout = rolloutOf(change.kind, workload);
  const isByHand = replacementOf(change.kind, workload).strategy === 'on-delete';
  if (isByHand || rollout.wanted === 0) return { kind: 'done', ...(await ending(undefined)) };
  const death = made.find((pod) => hasDied(pod, watched.container));
  if (death !== undefined) return await died(cluster, watched, death, context);
  const now = context.now().getTime();
  const young = made.filter((pod) => now - startOf(pod) < settledAfterMs);
  const isWhole = rollout.state === 'settled' && rollout.available >= rollout.wanted;
  if (isWhole && young.length === 0) return { kind: 'done', ...(await ending(made[0])) };
  return wait(context, {
    ...patience,
    reason: isWhole ? `All run; ${count(young.length, 'pod')} for less than 20 s.` : `${rollout.seen}.`,
  });
}

async function seeRollout(
  cluster: KubernetesCluster,
  { change }: Watched,
  context: StepContext,
): Promise<Seen | Refusal> {
  const workload = await readTarget(cluster, change);
  if (workload instanceof Refusal) return workload;
  if (!isOurs(change, workload.spec.template, context))
    return new Refusal(
      `Somebody changed the template of ${fullWordOf(change)} again meanwhile: what is rolled out is theirs.`,
      'Look at what they did; ask again if it is still needed.',
    );
  const { namespace, kind } = change;
  const [{ pods }, revisions] = await Promise.all([
    cluster.listPods({ namespace, labelSelector: selectorText(workload.spec.selector), limit: mostPods }),
    tryLook(() => workloadsOf(cluster).revisions(kind, workload)),
  ]);
  const hash = workload.status.updateRevision ?? revisions.value?.at(-1)?.hash;
  const own = pods.filter((pod) => isOwn(pod, change, workload));
  const isMade = ({ metadata }: Pod) =>
    hash !== undefined &&
    (metadata.labels['pod-template-hash'] === hash || metadata.labels['controller-revision-hash'] === hash);
  return {
    workload,
    made: own.filter((pod) => isMade(pod) && pod.metadata.deletionTimestamp === undefined),
    before: own.filter((pod) => !isMade(pod)),
  };
}

/** Another workload's pods may carry the same labels. A Deployment's belong to its ReplicaSets, which are called after it. */
function isOwn(pod: Pod, { kind, name }: TemplateChange, { metadata }: RolledWorkload): boolean {
  const owner = controllerOf(pod.metadata);
  if (kind !== 'Deployment') return owner?.uid === metadata.uid;
  return owner?.kind === 'ReplicaSet' && owner.name.startsWith(`${name}-`);
}

function timeoutOf(kind: RolledKind, seen: Seen | undefined): number {
  if (seen === undefined) return rolloutTimeoutMs;
  const own = seen.workload.spec.progressDeadlineSeconds;
  // The largest number there is stands for no deadline at all.
  if (own !== undefined && own < noDeadlineSeconds) return own * 1000 + 30_000;
  return Math.max(rolloutTimeoutMs, rolloutOf(kind, seen.workload).wanted * perPodMs);
}

async function died(
  cluster: KubernetesCluster,
  { change, clusterName, container }: Watched,
  pod: Pod,
  context: StepContext,
): Promise<Outcome> {
  const { namespace } = change;
  const name = pod.metadata.name ?? '';
  const why = await tryLook(async () => {
    const reference = { kind: 'pod', namespace, name } as const;
    const { answer, found } = await answerWhy(cluster, clusterName, reference, container, context);
    const { address, name: called } = cluster;
    return whyReport(answer, { command: '/oom why', cluster: called, address, chosenBecause: found.chosenBecause });
  });
  return {
    kind: 'blocked',
    refusal: new Refusal(
      `The new pods die too. ${why.value?.summary ?? `${namespace}/${name}: ${why.unseen ?? 'it ended'}`}.`,
      `\`/oom why ${namespace}/${name}\` tells all of it. Going back to the revision before is offered below.`,
    ),
  };
}

/**
 * A StatefulSet that makes its pods in order replaces none as long as one of the old ones is not ready: the very pod that dies holds up
 * the change that would mend it. It is evicted, which asks the disruption budgets. Source: kubernetes.io, StatefulSet, "Forced rollback".
 * @returns what is done about it, or why nothing is; undefined where nothing is held up
 */
async function freeHeldUp(
  cluster: KubernetesCluster,
  { change }: Watched,
  { workload, before }: Seen,
  context: StepContext,
): Promise<string | undefined> {
  if (change.kind !== 'StatefulSet' || workload.spec.podManagementPolicy === 'Parallel') return undefined;
  const partition = workload.spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  const held = before.find(
    (pod) => !isReady(pod) && pod.metadata.deletionTimestamp === undefined && ordinalOf(pod) >= partition,
  );
  const { name = '', uid = '' } = held?.metadata ?? {};
  if (held === undefined || context.now().getTime() - context.startedAt.getTime() < heldUpAfterMs) return undefined;
  const byHand = `Delete it by hand: kubectl delete pod ${name} -n ${change.namespace}`;
  if (intended(context, 'evicted') === uid) return `${name} is being taken down, for it held up the rollout.`;
  await context.intent.write({ evicted: uid });
  await context.fence();
  // It holds for this very pod: where it is not known how it came out it is sent again, and the rollout goes on either way.
  const asked = await tryLook(async () => cluster.workloads?.evict(change.namespace, name, uid));
  const refused = asked.unseen === undefined ? asked.value : { message: asked.unseen };
  if (refused === undefined) return `${name} held up the rollout and was evicted.`;
  await context.intent.write({ evicted: '' });
  return `${name} of the old template is not ready and holds up the rollout, and may not be evicted: ${refused.message} ${byHand}`;
}

function ordinalOf({ metadata }: Pod): number {
  return Number(/-(\d+)$/.exec(metadata.name ?? '')?.[1] ?? 0);
}
