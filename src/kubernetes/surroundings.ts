import { type Looked, tryLook } from '../etcd/patience.ts';
import type { WorkloadClient } from './cluster.ts';
import { isJsonObject } from './json.ts';
import type { Owner } from './owner.ts';
import { selects } from './selector.ts';
import type { Autoscaler, DisruptionBudget, LimitRange, Quota, VerticalAutoscaler } from './workload-object.ts';

/** What has a say in a workload's pods besides the workload itself; what could not be seen is told, and never taken for none. */
export type Surroundings = {
  /** Those that scale this workload. */
  readonly autoscalers: Looked<readonly Autoscaler[]>;
  readonly verticals: Looked<readonly VerticalAutoscaler[]>;
  /** Those that hold its pods. */
  readonly budgets: Looked<readonly DisruptionBudget[]>;
  readonly limitRanges: Looked<readonly LimitRange[]>;
  readonly quotas: Looked<readonly Quota[]>;
};

/** Reads them side by side. */
export async function seeSurroundings(workloads: WorkloadClient, owner: Owner): Promise<Surroundings> {
  const { namespace } = owner;
  const isTarget = (target: { kind?: string | undefined; name?: string | undefined } | null | undefined) =>
    target?.kind === owner.kind && target.name === owner.name;
  const labels = templateLabels(owner);
  const [autoscalers, verticals, budgets, limitRanges, quotas] = await Promise.all([
    look(() => workloads.autoscalers(namespace), 'horizontalpodautoscalers'),
    // There are none where the API server knows no such kind: it is an add-on.
    look(async () => (await workloads.verticalAutoscalers(namespace)) ?? [], 'verticalpodautoscalers'),
    look(() => workloads.budgets(namespace), 'poddisruptionbudgets'),
    look(() => workloads.limitRanges(namespace), 'limitranges'),
    look(() => workloads.quotas(namespace), 'resourcequotas'),
  ]);
  return {
    autoscalers: among(autoscalers, ({ spec }) => isTarget(spec.scaleTargetRef)),
    verticals: among(verticals, ({ spec }) => isTarget(spec.targetRef)),
    budgets: among(budgets, ({ spec }) => selects(spec.selector, labels)),
    limitRanges,
    quotas,
  };
}

/** The labels that its pods carry. */
export function templateLabels({ workload }: Owner): Readonly<Record<string, string>> {
  const { metadata } = workload.spec.template;
  if (!isJsonObject(metadata) || !isJsonObject(metadata.labels)) return {};
  return Object.fromEntries(
    Object.entries(metadata.labels).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}

async function look<Item>(
  read: () => Promise<readonly Item[] | undefined>,
  plural: string,
): Promise<Looked<readonly Item[]>> {
  const looked = await tryLook(read);
  if (looked.unseen !== undefined) return { unseen: looked.unseen };
  return looked.value === undefined
    ? { unseen: `this API server serves no ${plural} in a version that Quorum knows` }
    : { value: looked.value };
}

function among<Item>(looked: Looked<readonly Item[]>, isMeant: (item: Item) => boolean): Looked<readonly Item[]> {
  return looked.value === undefined ? looked : { value: looked.value.filter(isMeant) };
}
