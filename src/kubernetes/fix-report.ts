import { stringify } from 'yaml';
import { redactEnvironment, redactWords } from '../redact.ts';
import type { JsonObject, Section } from '../report/report.ts';
import { count, formatBytes, listed } from '../report/text.ts';
import type { FixDecision } from './fix-decision.ts';
import { keeperOf } from './gitops.ts';
import { kubectl } from './heap-flags.ts';
import { isJsonObject, jsonObjects } from './json.ts';
import { type Owner, wordOf } from './owner.ts';
import { replacementOf, rolloutOf } from './rollout.ts';
import { templateDiff } from './template-diff.ts';
import { edited, patchOf, type TemplateEdit } from './template-edit.ts';

/** The plan in words: `set -Xmx312m in JAVA_TOOL_OPTIONS of container app of deploy/checkout in shop`. */
export function describeFix(owner: Owner, edit: TemplateEdit): string {
  const { variable, flags, limit, request, container } = edit;
  const memory =
    limit !== null && limit === request
      ? [`the memory limit and request to ${limit}`]
      : [
          ...(limit === null ? [] : [`the memory limit to ${limit}`]),
          ...(request === null ? [] : [`the memory request to ${request}`]),
        ];
  const set = variable === null || flags.length === 0 ? undefined : `${redactWords(flags).join(' ')} in ${variable}`;
  return `set ${listed([...(set === undefined ? [] : [set]), ...memory])} of container ${container} of ${wordOf(owner)} in ${owner.namespace}`;
}

/** What an approver wants to see of a fix: what died, what is changed, what that restarts, and how it was reckoned. */
export function fixSections(
  owner: Owner,
  { edit, reckoned }: FixDecision,
  why: string,
  context: string | undefined,
  allowsFixes: boolean,
): Section[] {
  const before = owner.workload.spec.template;
  const isKept = keeperOf(owner.workload) !== undefined;
  const byHand = isKept || !allowsFixes ? {} : ({ more: true } as const);
  return [
    { kind: 'text', title: 'Why', text: why },
    { kind: 'code', title: 'Difference', text: templateDiff(before, edited(before, edit)) },
    { kind: 'text', title: 'What it restarts', text: restarts(owner) },
    {
      kind: 'code',
      ...byHand,
      title: isKept ? 'Patch to commit' : allowsFixes ? 'The same by hand' : 'Patch to apply by hand',
      text: patchText(owner, edit, context),
    },
    reckoningSection(reckoned),
  ];
}

/** How the heap of the new JVM comes about. */
export function reckoningSection({ arithmetic }: Pick<FixDecision['reckoned'], 'arithmetic'>): Section {
  return {
    kind: 'table',
    more: true,
    title: 'How the flags were reckoned',
    columns: ['What', 'Size', 'Why'],
    rows: arithmetic.map(({ name, bytes, why }) => [name, formatBytes(bytes), why]),
  };
}

/** Which pods are made anew by a changed template, and how. */
export function restarts(owner: Owner): string {
  const { wanted } = rolloutOf(owner.kind, owner.workload);
  const { strategy, surge, unavailable } = replacementOf(owner.kind, owner.workload);
  const pods = `${count(wanted, 'pod')} of ${wordOf(owner)}`;
  if (wanted === 0) return `Nothing now: ${wordOf(owner)} is scaled to 0.`;
  if (strategy === 'on-delete')
    return `Nothing by itself: the strategy is OnDelete, so each of the ${pods} gets it once it is deleted by hand.`;
  if (strategy === 'recreate') return `All ${pods}: they stop, then new ones start.`;
  const order =
    owner.kind === 'StatefulSet'
      ? 'one after another, the highest number first; one that keeps dying holds up the others, and is evicted for it'
      : owner.kind === 'DaemonSet'
        ? `node by node, ${surge > 0 ? `${surge} more at a time` : `${unavailable} at a time`}`
        : `at most ${surge} more and ${unavailable} fewer at a time`;
  return `${pods}: ${order}.`;
}

/** The patch as YAML, with secrets masked, and how to apply it. */
export function patchText(owner: Owner, edit: TemplateEdit, context: string | undefined): string {
  const { template } = owner.workload.spec;
  const patch = patchOf(template, edit);
  const manifest = {
    apiVersion: 'apps/v1',
    kind: owner.kind,
    metadata: { name: owner.name, namespace: owner.namespace },
    ...masked(patch),
  };
  const apply = kubectl(context, ['patch', wordOf(owner), '-n', owner.namespace, '--patch-file', 'patch.yaml']);
  const isMasked = JSON.stringify(masked(patch)) !== JSON.stringify(patch);
  return `# ${apply}\n${isMasked ? '# *** stands for what is there and is not shown: keep it.\n' : ''}${stringify(manifest, { lineWidth: 0 }).trimEnd()}`;
}

/** Values of variables that look secret are not for a channel. */
function masked(patch: JsonObject): JsonObject {
  return mapObjects(patch, (object) => {
    const { name, value } = object;
    return typeof name === 'string' && typeof value === 'string'
      ? { ...object, value: redactEnvironment(name, value) }
      : object;
  });
}

function mapObjects(value: JsonObject, change: (object: JsonObject) => JsonObject): JsonObject {
  const mapped = Object.entries(change(value)).map(([key, inner]) => {
    if (isJsonObject(inner)) return [key, mapObjects(inner, change)];
    return [key, Array.isArray(inner) ? jsonObjects(inner).map((each) => mapObjects(each, change)) : inner];
  });
  return Object.fromEntries(mapped);
}
