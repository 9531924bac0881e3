import { fieldsAt, type KubernetesObject, textAt } from './object.ts';
import { badRequest, tooManyDisruptions } from './status.ts';

/**
 * Whether the budgets of a namespace let a pod be taken down, as the eviction API decides it.
 * @throws Failure 400 for a version that the server does not know, 429 where a budget forbids it
 */
export function demandEvictable(
  body: string,
  pod: KubernetesObject,
  budgets: readonly KubernetesObject[],
  version: string,
): void {
  const wanted = textAt(JSON.parse(body), 'apiVersion');
  const minor = Number(/^v1\.(\d+)/.exec(version)?.[1] ?? 0);
  if (wanted === 'policy/v1' && minor < 22)
    throw badRequest('no kind "Eviction" is registered for version "policy/v1" in scheme');
  const labels = fieldsAt(pod, 'metadata', 'labels');
  const holding = budgets.find((budget) =>
    Object.entries(fieldsAt(budget, 'spec', 'selector', 'matchLabels')).every(([key, value]) => labels[key] === value),
  );
  if (holding === undefined) return;
  if (Number(fieldsAt(holding, 'status').disruptionsAllowed ?? 0) < 1) throw tooManyDisruptions(holding.metadata.name);
}
