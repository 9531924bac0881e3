import { intended, tryLook, wait } from '../etcd/patience.ts';
import type { Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { JsonObject } from '../report/report.ts';
import type { KubernetesCluster } from './cluster.ts';
import { fullWordOf, workloadsOf } from './owner.ts';
import { templateDiff } from './template-diff.ts';
import { templateHash } from './template-edit.ts';
import type { RolledKind, RolledWorkload } from './workload-object.ts';

/** A change of one workload's pod template, bound to that workload and to the template as it was. */
export type TemplateChange = {
  readonly kind: RolledKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Of the template that is to be changed. */
  readonly templateHash: string;
  /** Whether a template is as it is to be. */
  isMade(template: JsonObject): boolean;
  /** The strategic merge patch. @throws Refusal where it can no longer be made */
  patch(workload: RolledWorkload): Promise<JsonObject>;
};

/** Conflicts and unknown outcomes settle within seconds. */
const changeTimeoutMs = 60_000;
/** After a patch whose outcome is unknown it is looked for this long before another one is sent. */
const lostReplyMs = 5000;

/** The workload as it is, where it is still the one that was meant. */
export async function readTarget(
  cluster: KubernetesCluster,
  { kind, namespace, name, uid }: Pick<TemplateChange, 'kind' | 'namespace' | 'name' | 'uid'>,
): Promise<RolledWorkload | Refusal> {
  const workload = await workloadsOf(cluster).read(kind, namespace, name);
  const word = fullWordOf({ kind, namespace, name });
  if (workload === undefined) return new Refusal(`${word} is gone.`, 'Nothing is left to change.');
  if (workload.metadata.uid !== uid)
    return new Refusal(`${word} was deleted and made anew: it is another one now.`, 'Ask again.');
  return workload;
}

/** Whether a template is what this change made of it, or what the API server said it would make of it. */
export function isOurs(change: TemplateChange, template: JsonObject, context: Pick<StepContext, 'intent'>): boolean {
  return change.isMade(template) || intended(context, 'expectedHash') === templateHash(template);
}

/**
 * Brings it about that the template is changed: looks, tries without effect, writes down what it is about to do, patches once, and after an
 * unknown outcome looks again. The patch holds only for the object as it was read, so that one that arrives late does nothing.
 */
export async function ensureChanged(
  cluster: KubernetesCluster,
  change: TemplateChange,
  context: StepContext,
): Promise<Outcome> {
  const { kind, namespace, name, uid } = change;
  const word = fullWordOf(change);
  const patience = {
    recheckAfterMs: 1000,
    timeoutMs: changeTimeoutMs,
    otherwise: new Refusal(
      `Whether ${word} was changed could not be found out in a minute.`,
      `Look: kubectl get ${kind.toLowerCase()} ${name} -n ${namespace} -o yaml`,
    ),
  };
  const looked = await tryLook(() => readTarget(cluster, change));
  if (looked.unseen !== undefined) return wait(context, { ...patience, reason: looked.unseen });
  if (looked.value instanceof Refusal) return { kind: 'blocked', refusal: looked.value };
  const workload = looked.value;
  const { template } = workload.spec;
  if (isOurs(change, template, context)) return { kind: 'done', note: `The template of ${word} is changed.` };
  if (templateHash(template) !== change.templateHash)
    return {
      kind: 'blocked',
      refusal: new Refusal(`Somebody changed the template of ${word} since it was approved.`, 'Ask again.'),
    };
  const sentAt = Number(context.intent.value.sentAt ?? 0);
  if (sentAt > 0 && context.now().getTime() - sentAt < lostReplyMs)
    return wait(context, { ...patience, reason: 'How the patch came out is looked up.' });

  const workloads = workloadsOf(cluster);
  const patch = withPreconditions(await change.patch(workload), workload);
  const tried = await workloads.patch(kind, namespace, name, patch, 'dry-run');
  if (tried.kind === 'refused' && tried.status === 409)
    return wait(context, { ...patience, recheckAfterMs: 200, reason: `${word} is being written by others.` });
  if (tried.kind === 'refused' && tried.status === 429)
    return wait(context, { ...patience, reason: tried.refusal.message, otherwise: tried.refusal });
  if (tried.kind === 'refused') return { kind: 'blocked', refusal: tried.refusal };
  if (tried.kind === 'unknown')
    return wait(context, {
      ...patience,
      reason: tried.refusal.message,
      otherwise: new Refusal(
        `Nothing was changed: the patch could not even be tried. ${tried.refusal.message}`,
        tried.refusal.advice,
      ),
    });
  const made = tried.workload.spec.template;
  const revisionBefore = await revisionNow(cluster, kind, workload);
  await context.intent.write({
    expectedHash: templateHash(made),
    difference: templateDiff(template, made),
    ...(revisionBefore === undefined ? {} : { revisionBefore }),
    sentAt: context.now().getTime(),
  });
  await context.fence();
  const patched = await workloads.patch(kind, namespace, name, patch, 'for-real');
  if (patched.kind === 'done') return { kind: 'done', note: `The template of ${word} is changed.` };
  if (patched.kind === 'unknown')
    return wait(context, { ...patience, reason: `How it came out is looked up: ${patched.refusal.message}` });
  // Refused is not done: it may be sent again, for the object as it then is.
  await context.intent.write({ sentAt: 0 });
  if (patched.status === 409 || patched.status === 0)
    return wait(context, { ...patience, recheckAfterMs: 200, reason: patched.refusal.message });
  if (patched.status === 429) return wait(context, { ...patience, reason: patched.refusal.message });
  return { kind: 'blocked', refusal: patched.refusal };

  function withPreconditions(body: JsonObject, { metadata }: RolledWorkload): JsonObject {
    return { metadata: { uid, resourceVersion: metadata.resourceVersion ?? '' }, ...body };
  }
}

/** The number of the revision that is in force; undefined where it is not told: going back then names none. */
async function revisionNow(
  cluster: KubernetesCluster,
  kind: RolledKind,
  workload: RolledWorkload,
): Promise<number | undefined> {
  const looked = await tryLook(() => workloadsOf(cluster).revisions(kind, workload));
  return looked.value?.at(-1)?.number;
}
