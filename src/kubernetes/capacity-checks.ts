import type { Check } from '../job.ts';
import type { JsonObject } from '../report/report.ts';
import { formatBytes } from '../report/text.ts';
import { fine, unseen } from './checks.ts';
import { isJsonObject, jsonObjects } from './json.ts';
import type { Node } from './objects.ts';
import type { Owner } from './owner.ts';
import { parseQuantity } from './quantity.ts';
import { replacementOf, rolloutOf } from './rollout.ts';
import { memoryText } from './scaling-checks.ts';
import type { Surroundings } from './surroundings.ts';
import type { LimitRange, Quota } from './workload-object.ts';

/** What a namespace allows is judged when pods are made, not when the workload is changed: no dry run of a workload tells it. */
export function namespaceCheck(owner: Owner, { limitRanges, quotas }: Surroundings, after: JsonObject): Check {
  const name = 'The namespace allows it';
  if (memoryText(owner.workload.spec.template) === memoryText(after))
    return fine(name, 'Limits and requests stay as they are.');
  if (limitRanges.value === undefined) return unseen(name, limitRanges.unseen, 'limitranges');
  if (quotas.value === undefined) return unseen(name, quotas.unseen, 'resourcequotas');
  const trouble = [
    ...limitRanges.value.flatMap((range) => rangeTrouble(range, after)),
    ...quotas.value.flatMap((quota) => quotaTrouble(owner, quota, after)),
  ];
  if (trouble.length === 0)
    return fine(name, `${limitRanges.value.length} limit ranges and ${quotas.value.length} quotas stand in no way.`);
  return {
    name,
    status: 'blocking',
    seen: `${trouble.join('; ')}: new pods would be refused.`,
    advice: 'Have it raised; or `/oom fix` with another --limit, or with --keep-resources for the flags alone.',
  };
}

type Sizes = { readonly limit: number; readonly request: number };

function sizesOf(container: JsonObject): Sizes {
  const { limits, requests } = isJsonObject(container.resources) ? container.resources : {};
  const limit = bytesIn(limits) ?? 0;
  return { limit, request: bytesIn(requests) ?? limit };
}

function bytesIn(part: unknown): number | undefined {
  const memory = isJsonObject(part) ? part.memory : undefined;
  return memory === undefined || memory === null ? undefined : parseQuantity(String(memory));
}

function containersIn(template: JsonObject): JsonObject[] {
  return isJsonObject(template.spec) ? jsonObjects(template.spec.containers) : [];
}

function sumOf(template: JsonObject): Sizes {
  return containersIn(template)
    .map(sizesOf)
    .reduce((sum, each) => ({ limit: sum.limit + each.limit, request: sum.request + each.request }), {
      limit: 0,
      request: 0,
    });
}

function rangeTrouble({ metadata, spec }: LimitRange, after: JsonObject): string[] {
  return (spec.limits ?? []).flatMap(({ type, max, maxLimitRequestRatio }) => {
    const mostBytes = parseQuantity(max?.memory ?? '');
    const ratio = Number(maxLimitRequestRatio?.memory ?? Number.POSITIVE_INFINITY);
    const sizes = type === 'Pod' ? [sumOf(after)] : type === 'Container' ? containersIn(after).map(sizesOf) : [];
    const largest = Math.max(0, ...sizes.map(({ limit }) => limit));
    const isLopsided = sizes.some(({ limit, request }) => request > 0 && limit / request > ratio);
    return [
      ...(mostBytes !== undefined && largest > mostBytes
        ? [
            `limit range ${metadata.name ?? '?'} allows at most ${formatBytes(mostBytes)} a ${(type ?? '').toLowerCase()}, and this is ${formatBytes(largest)}`,
          ]
        : []),
      ...(isLopsided
        ? [`limit range ${metadata.name ?? '?'} allows a limit of at most ${ratio} times the request`]
        : []),
    ];
  });
}

/** Where new pods start beside the old ones the quota has to hold both for a while. */
function quotaTrouble(owner: Owner, { metadata, spec, status }: Quota, after: JsonObject): string[] {
  // A quota with scopes is for some pods only, and whether for these cannot be told for certain.
  if ((spec?.scopes ?? []).length > 0 || spec?.scopeSelector != null) return [];
  const { wanted } = rolloutOf(owner.kind, owner.workload);
  const { surge } = replacementOf(owner.kind, owner.workload);
  const before = sumOf(owner.workload.spec.template);
  const made = sumOf(after);
  const keys = [
    ['limits.memory', 'limit'],
    ['requests.memory', 'request'],
    ['memory', 'request'],
  ] as const;
  return keys.flatMap(([key, part]) => {
    const hard = parseQuantity(status?.hard?.[key] ?? '');
    const used = parseQuantity(status?.used?.[key] ?? '0') ?? 0;
    if (hard === undefined) return [];
    const more = wanted * Math.max(0, made[part] - before[part]);
    // At the end of the rollout: all new ones, and as many old ones as may be too many.
    const peak = used + more + Math.min(surge, wanted) * before[part];
    return peak > hard
      ? [
          `quota ${metadata.name ?? '?'} allows ${formatBytes(hard)} of ${key}, ${formatBytes(used)} are used, and the rollout needs ${formatBytes(peak - used)} more`,
        ]
      : [];
  });
}

/** What all pods of a node ask for, where they could be listed. */
export type NodeUse = { readonly node: Node | undefined; readonly requestedBytes: number | undefined };

/** Whether a larger request still finds a place: on the node of the pod that was looked at, as far as one node tells. */
export function roomCheck(owner: Owner, { node, requestedBytes }: NodeUse, after: JsonObject): Check {
  const name = 'A node has room for it';
  const before = sumOf(owner.workload.spec.template).request;
  const made = sumOf(after).request;
  if (made <= before) return fine(name, 'It asks for no more than before.');
  const allocatable = parseQuantity(node?.status.allocatable.memory ?? '');
  const nodeName = node?.metadata.name ?? 'its node';
  if (allocatable === undefined)
    return {
      name,
      status: 'unknown',
      seen: 'The node could not be read.',
      advice: 'Look with kubectl describe nodes.',
    };
  if (made > allocatable)
    return {
      name,
      status: 'blocking',
      seen: `A pod would ask for ${formatBytes(made)}, and ${nodeName} can give ${formatBytes(allocatable)} in all.`,
      advice: 'Name a smaller --limit, or add larger nodes first: a pod that fits nowhere stays Pending.',
    };
  if (requestedBytes === undefined)
    return {
      name,
      status: 'unknown',
      seen: `A pod would ask for ${formatBytes(made)}; what else ${nodeName} has given away could not be seen.`,
      advice: 'Look with kubectl describe nodes.',
    };
  const { surge } = replacementOf(owner.kind, owner.workload);
  const free = allocatable - requestedBytes + (surge > 0 && owner.kind === 'Deployment' ? 0 : before);
  if (made <= free)
    return fine(name, `${formatBytes(made)} a pod; ${nodeName} alone has ${formatBytes(free)} left to give.`);
  return {
    name,
    status: 'warning',
    seen: `A pod would ask for ${formatBytes(made)}, and ${nodeName} has ${formatBytes(Math.max(0, free))} left to give: another node has to take it.`,
    advice: 'A pod that fits nowhere stays Pending, and the old ones stay: look with kubectl describe nodes.',
  };
}
