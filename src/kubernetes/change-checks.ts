import type { Check } from '../job.ts';
import type { JsonObject } from '../report/report.ts';
import { count, listed } from '../report/text.ts';
import { budgetCheck } from './budget-check.ts';
import { fine } from './checks.ts';
import type { PatchOutcome } from './cluster.ts';
import { keeperOf } from './gitops.ts';
import { isJsonObject, jsonObjects } from './json.ts';
import { fullWordOf, type Owner, wordOf } from './owner.ts';
import { partitionOf, replacementOf, rolloutOf } from './rollout.ts';
import { autoscalerCheck, verticalCheck } from './scaling-checks.ts';
import type { Surroundings } from './surroundings.ts';
import { templateHash } from './template-edit.ts';
import { controllerOf } from './workloads.ts';

/** What was found out before a workload's template is changed. */
export type ChangeFacts = {
  readonly owner: Owner;
  /** The cluster's name in the config. */
  readonly cluster: string;
  readonly allowsFixes: boolean;
  readonly surroundings: Surroundings;
  /** The template as it is to be. */
  readonly after: JsonObject;
  /** What the API server said to the patch without carrying it out; undefined where it was not asked. */
  readonly dryRun: PatchOutcome | undefined;
  /** Going back may end a rollout that is under way: whose new pods die is what it is for. */
  readonly purpose: 'fix' | 'rollback';
  /** Where the patch to make by hand stands: `the patch below`. */
  readonly byHand: string;
};

/** What holds for every change of a template, whatever it changes. */
export function changeChecks(facts: ChangeFacts): Check[] {
  const { owner, surroundings, after, purpose } = facts;
  return [
    allowedCheck(facts),
    keeperCheck(facts),
    ownerCheck(facts),
    rolloutCheck(facts),
    autoscalerCheck(owner, surroundings, after, purpose),
    verticalCheck(surroundings, after, purpose),
    budgetCheck(owner, surroundings),
    downtimeCheck(owner),
    dryRunCheck(facts),
  ];
}

function allowedCheck({ allowsFixes, cluster, byHand }: ChangeFacts): Check {
  const name = 'Changes are allowed here';
  const key = `kubernetes.clusters.${cluster}.allowFixes`;
  if (allowsFixes) return fine(name, `${key} is true.`);
  return {
    name,
    status: 'blocking',
    seen: `${key} is not set, so Quorum changes nothing in this cluster.`,
    advice: `Apply ${byHand} by hand; or set \`${key}: true\` and grant what \`quorum rbac --cluster ${cluster}\` then prints.`,
  };
}

function keeperCheck({ owner, byHand, purpose }: ChangeFacts): Check {
  const name = 'Nobody keeps it from elsewhere';
  const keeper = keeperOf(owner.workload);
  if (keeper === undefined) return appliedCheck(name, owner);
  const of = keeper.of === '' ? '' : ` (${keeper.of})`;
  return {
    name,
    status: 'blocking',
    seen: `${keeper.name}${of} keeps ${wordOf(owner)} as it is written elsewhere, and would take this back: ${keeper.evidence}.`,
    advice:
      purpose === 'fix'
        ? `${keeper.where} It is ${byHand}.`
        : 'Go back there: revert what was committed, or roll the release back, and let it follow.',
  };
}

/** Nobody watches over what was applied from a file or by a tool; the next time it is, what that says counts again. */
function appliedCheck(name: string, { workload: { metadata } }: Owner): Check {
  const tool = metadata.managedFields.find(({ manager }) => /^(?:terraform|hashicorp|pulumi)/i.test(manager ?? ''));
  const isApplied = metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'] !== undefined;
  const argoKey = Object.keys(metadata.annotations).find((key) => key.startsWith('argocd.argoproj.io/'));
  if (argoKey !== undefined)
    return {
      name,
      status: 'warning',
      seen: `The annotation ${argoKey} is for Argo CD, and nothing says which application it belongs to: if one does, it takes this back.`,
      advice: 'Look in Argo CD; what it keeps is changed in its repository.',
    };
  if (tool === undefined && !isApplied) return fine(name, 'No sign of Argo CD, Flux, Helm or the like.');
  return {
    name,
    status: 'warning',
    seen: `It was made with ${tool?.manager ?? 'kubectl apply'}: the next time that is done, what it says counts again.`,
    advice: 'Put the same into what it is made from.',
  };
}

/** Operators make Deployments of custom objects, and put back what differs. */
function ownerCheck({ owner }: ChangeFacts): Check {
  const name = 'It belongs to nobody else';
  const above = controllerOf(owner.workload.metadata);
  if (above === undefined) return fine(name, `${wordOf(owner)} has no owner above it.`);
  return {
    name,
    status: 'blocking',
    seen: `${wordOf(owner)} is made by ${above.kind} ${above.name}, whose controller would take this back.`,
    advice: `Set it in that object: kubectl edit ${above.kind.toLowerCase()} ${above.name} -n ${owner.namespace}`,
  };
}

function rolloutCheck({ owner, purpose }: ChangeFacts): Check {
  const name = 'No rollout is under way';
  const { state, seen, ready, wanted } = rolloutOf(owner.kind, owner.workload);
  const said = `${seen}.`;
  switch (state) {
    case 'settled':
      if (partitionOf(owner.kind, owner.workload) > 0)
        return {
          name,
          status: 'warning',
          seen: `${said} Its partition keeps ${count(partitionOf(owner.kind, owner.workload), 'pod')} of the lowest numbers as they are, whatever the template says.`,
          advice: 'Lower the partition when they are to follow.',
        };
      return fine(name, ready < wanted ? `${said} That pods of it die is no rollout.` : said);
    case 'stuck':
      return {
        name,
        status: 'warning',
        seen: `The last rollout passed its deadline: ${said}`,
        advice: 'This begins another one in its place. Or go back first: `/oom rollback`.',
      };
    case 'paused':
      return {
        name,
        status: 'blocking',
        seen: said,
        advice: `Nothing would be rolled out. Resume it first: kubectl rollout resume ${wordOf(owner)} -n ${owner.namespace}`,
      };
    case 'by-hand':
      return {
        name,
        status: 'warning',
        seen: `${said} Its strategy is OnDelete: earlier changes have not reached all pods yet.`,
        advice: 'Pods that are deleted from now on get all of it at once.',
      };
    case 'rolling':
      if (purpose === 'rollback')
        return {
          name,
          status: 'warning',
          seen: `One is under way, and this takes its place: ${said}`,
          advice: 'That is right where its new pods die. If it only takes its time, let it end first.',
        };
      return underWay(name, said, owner);
    case 'unobserved':
      return underWay(name, said, owner);
  }
}

function underWay(name: string, seen: string, owner: Owner): Check {
  return {
    name,
    status: 'blocking',
    seen,
    advice: `Wait for its end: kubectl rollout status ${wordOf(owner)} -n ${owner.namespace}. If the new pods are what dies, go back: \`/oom rollback ${fullWordOf(owner)}\`.`,
  };
}

/** What people notice while pods are replaced, apart from budgets. */
function downtimeCheck(owner: Owner): Check {
  const name = 'Somebody answers meanwhile';
  const { strategy, surge, unavailable } = replacementOf(owner.kind, owner.workload);
  const { ready, wanted } = rolloutOf(owner.kind, owner.workload);
  const claims = claimsOf(owner.workload.spec.template);
  if (strategy === 'on-delete')
    return {
      name,
      status: 'warning',
      seen: 'Its strategy is OnDelete: no pod is replaced by this.',
      advice: 'Delete its pods by hand afterwards, one at a time; each comes back with the new template.',
    };
  if (ready === 0) return fine(name, 'No pod of it is ready now: there is nothing to lose.');
  if (strategy === 'recreate' || ready <= unavailable)
    return {
      name,
      status: 'warning',
      seen: `${strategy === 'recreate' ? 'Its strategy is Recreate: all pods' : wanted === 1 ? 'Its only pod' : `Its ${count(ready, 'ready pod')}`} may stop before new ones are ready.`,
      advice: 'Expect downtime for as long as it takes to start.',
    };
  if (owner.kind === 'Deployment' && surge > 0 && claims.length > 0)
    return {
      name,
      status: 'warning',
      seen: `New pods start beside the old ones and share the claim ${listed(claims)}.`,
      advice:
        'Where it is ReadWriteOnce and the new pod lands on another node, it waits for the old one (Multi-Attach error): then delete the old pod, or set the strategy to Recreate.',
    };
  return fine(name, `At least ${Math.max(0, Math.min(ready, wanted - unavailable))} of ${count(wanted, 'pod')} stay.`);
}

function claimsOf(template: JsonObject): string[] {
  if (!isJsonObject(template.spec)) return [];
  return jsonObjects(template.spec.volumes).flatMap(({ persistentVolumeClaim: claim }) =>
    isJsonObject(claim) && claim.readOnly !== true && typeof claim.claimName === 'string' ? [claim.claimName] : [],
  );
}

function dryRunCheck({ dryRun, after }: ChangeFacts): Check {
  const name = 'The API server takes it (dry run)';
  if (dryRun === undefined)
    return { name, status: 'unknown', seen: 'It was not asked.', advice: 'Try it: kubectl patch … --dry-run=server' };
  if (dryRun.kind === 'done') {
    if (templateHash(dryRun.workload.spec.template) === templateHash(after))
      return fine(name, 'It would store exactly this.');
    return {
      name,
      status: 'warning',
      seen: 'It would take it, and something there (an admission webhook) changes more of the template than was asked for.',
      advice: 'Look at the result afterwards: kubectl get -o yaml.',
    };
  }
  return {
    name,
    status: 'blocking',
    seen: dryRun.refusal.message,
    advice: dryRun.refusal.advice,
  };
}
