import { z } from 'zod';
import type { ChangeRecord } from '../change-record.ts';
import type { Check, Proposal, Undo } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { JsonObject, Section } from '../report/report.ts';
import { quotedWord } from '../shell-quoting.ts';
import { namespaceCheck } from './capacity-checks.ts';
import { changeChecks } from './change-checks.ts';
import type { KubernetesCluster } from './cluster.ts';
import { restarts } from './fix-report.ts';
import { kubectl } from './heap-flags.ts';
import { fullWordOf, type Owner, wordOf, workloadsOf } from './owner.ts';
import { seeSurroundings } from './surroundings.ts';
import type { TemplateChange } from './template-change.ts';
import { templateDiff } from './template-diff.ts';
import { templateHash } from './template-edit.ts';
import { type Revision, rolledKinds } from './workload-object.ts';

/** What an approval of going back is bound to. */
export const rollbackPlanSchema = z.strictObject({
  cluster: z.string(),
  kind: z.enum(rolledKinds),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  /** Of the template that is there. */
  templateHash: z.string(),
  toRevision: z.number(),
  /** Of the template to go back to. */
  toHash: z.string(),
});

export type RollbackPlan = z.infer<typeof rollbackPlanSchema>;

/** Takes a change of a template back: to the revision that was in force before it. Nothing where the template was not changed. */
export function rollbackUndo(
  { cluster, kind, namespace, name }: Pick<RollbackPlan, 'cluster' | 'kind' | 'namespace' | 'name'>,
  { steps, intent }: ChangeRecord,
): Undo | undefined {
  if (steps[0]?.state !== 'done') return undefined;
  const { revisionBefore } = intent;
  const number = typeof revisionBefore === 'number' ? ['--to-revision', String(revisionBefore)] : [];
  const words = ['oom', 'rollback', fullWordOf({ kind, namespace, name }), ...number, '--cluster', cluster];
  return {
    title: number.length === 0 ? 'Go back' : `Go back to revision ${number[1]}`,
    line: words.map(quotedWord).join(' '),
  };
}

/** Where to go. `fromRevision`: what is to be left; another one in force means that somebody has been there since. */
export type RollbackWish = { readonly toRevision: number | null; readonly fromRevision: number | null };

/** @throws Refusal where there is no such revision, another one is in force than was meant, or going there changes nothing */
export function chooseRevision(
  owner: Owner,
  revisions: readonly Revision[],
  { toRevision: wanted, fromRevision }: RollbackWish,
): Revision {
  const present = revisions.at(-1);
  const known = revisions.map(({ number }) => String(number));
  const word = wordOf(owner);
  if (fromRevision !== null && present?.number !== fromRevision)
    throw new Refusal(
      `Revision ${fromRevision} of ${word} is not in force any more${present === undefined ? '' : `: ${present.number} is`}. The one before that may be the trouble itself.`,
      'Look at what was rolled out since; then name the revision to go to after --to-revision.',
      known.slice(-8),
    );
  const found = wanted === null ? revisions.at(-2) : revisions.find(({ number }) => number === wanted);
  if (found === undefined)
    throw new Refusal(
      wanted === null
        ? `${word} has no revision before the present one${present === undefined ? '' : ` (${present.number})`}.`
        : `${word} has no revision ${wanted}.`,
      known.length < 2 ? 'Change it by hand.' : 'Name one of these after --to-revision.',
      known.slice(-8),
    );
  if (templateHash(found.template) === templateHash(owner.workload.spec.template))
    throw new Refusal(
      `Revision ${found.number} of ${word} is what is there now: going back to it changes nothing.`,
      'Name another one after --to-revision.',
      known.slice(-8),
    );
  return found;
}

/** What going back would do, and whether it may be done. */
export async function proposeRollback(
  cluster: KubernetesCluster,
  clusterName: string,
  owner: Owner,
  wish: RollbackWish,
): Promise<Proposal<RollbackPlan>> {
  const workloads = workloadsOf(cluster);
  const revisions = await workloads.revisions(owner.kind, owner.workload);
  const revision = chooseRevision(owner, revisions, wish);
  const { uid = '', resourceVersion = '' } = owner.workload.metadata;
  const patch = { metadata: { uid, resourceVersion }, ...replacing(revision.template) };
  const { kind, namespace, name } = owner;
  const [surroundings, dryRun] = await Promise.all([
    seeSurroundings(workloads, owner),
    workloads.allowsFixes ? workloads.patch(kind, namespace, name, patch, 'dry-run') : undefined,
  ]);
  const facts = {
    owner,
    cluster: clusterName,
    allowsFixes: workloads.allowsFixes,
    surroundings,
    after: revision.template,
    dryRun,
    purpose: 'rollback' as const,
    byHand: 'the command below',
  };
  const checks: Check[] = [...changeChecks(facts), namespaceCheck(owner, surroundings, revision.template)];
  return {
    target: { kind: 'workload', name: clusterName, identity: uid },
    plan: {
      cluster: clusterName,
      kind,
      namespace,
      name,
      uid,
      templateHash: templateHash(owner.workload.spec.template),
      toRevision: revision.number,
      toHash: templateHash(revision.template),
    },
    checks,
    words: `take ${wordOf(owner)} in ${namespace} back to revision ${revision.number}${revision.madeAt === undefined ? '' : `, made ${revision.madeAt}`}`,
    sections: rollbackSections(owner, revision, revisions.at(-1), cluster.context),
  };
}

function rollbackSections(
  owner: Owner,
  revision: Revision,
  present: Revision | undefined,
  context: string | undefined,
): Section[] {
  const undo = ['rollout', 'undo', wordOf(owner), '-n', owner.namespace, `--to-revision=${revision.number}`];
  return [
    {
      kind: 'code',
      title: `Difference: revision ${present?.number ?? '?'} to revision ${revision.number}`,
      text: templateDiff(owner.workload.spec.template, revision.template),
    },
    { kind: 'text', title: 'What it restarts', text: restarts(owner) },
    { kind: 'code', title: 'The same by hand', text: kubectl(context, undo) },
  ];
}

/** A strategic merge patch that puts a whole template in place of the present one, as `kubectl rollout undo` does. */
function replacing(template: JsonObject): JsonObject {
  return { spec: { template: { $patch: 'replace', ...template } } };
}

/** The change of the template that a plan stands for. */
export function rollbackChange(cluster: KubernetesCluster, plan: RollbackPlan): TemplateChange {
  const { kind, namespace, name, uid, templateHash: hash, toRevision, toHash } = plan;
  return {
    kind,
    namespace,
    name,
    uid,
    templateHash: hash,
    isMade: (template) => templateHash(template) === toHash,
    async patch(workload) {
      const revisions = await workloadsOf(cluster).revisions(kind, workload);
      const found = revisions.find(
        ({ number, template }) => number === toRevision && templateHash(template) === toHash,
      );
      if (found === undefined)
        throw new Refusal(`Revision ${toRevision} of ${fullWordOf(plan)} is no longer kept.`, 'Name another one.');
      return replacing(found.template);
    },
  };
}
