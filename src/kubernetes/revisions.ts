import type { JsonObject } from '../report/report.ts';
import { isJsonObject } from './json.ts';
import type { Revision, RevisionItem, RolledWorkload } from './workload-object.ts';
import { controllerOf } from './workloads.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
/** What the controllers add to the templates and pods of each revision. */
const hashLabels = ['pod-template-hash', 'controller-revision-hash'];

/**
 * The pod templates that a workload has had, oldest first, as its ReplicaSets (a Deployment's) or ControllerRevisions tell them.
 * @param items as they were listed: others' are left out
 */
export function revisionsOf(workload: RolledWorkload, items: readonly RevisionItem[]): Revision[] {
  const { uid } = workload.metadata;
  return items
    .filter(({ metadata }) => uid !== undefined && controllerOf(metadata)?.uid === uid)
    .flatMap((item) => {
      const number = item.revision ?? Number(item.metadata.annotations[revisionAnnotation]);
      const template = templateIn(item);
      if (!Number.isInteger(number) || template === undefined) return [];
      const { labels, name = '' } = item.metadata;
      const hash = hashLabels.map((label) => labels[label]).find((value) => value !== undefined) ?? name;
      return [{ number, hash, madeAt: item.metadata.creationTimestamp, template: withoutHash(template) }];
    })
    .sort((a, b) => a.number - b.number);
}

/** A ReplicaSet holds the template itself, a ControllerRevision a patch that replaces it. */
function templateIn({ spec, data }: RevisionItem): JsonObject | undefined {
  if (spec?.template != null) return spec.template;
  const inner = isJsonObject(data?.spec) ? data.spec.template : undefined;
  if (!isJsonObject(inner)) return undefined;
  const { $patch: _patch, ...template } = inner;
  return template;
}

/** The label tells which revision it is, and is none of what was written. */
function withoutHash(template: JsonObject): JsonObject {
  const { metadata } = template;
  if (!isJsonObject(metadata) || !isJsonObject(metadata.labels)) return template;
  const labels = Object.fromEntries(Object.entries(metadata.labels).filter(([key]) => key !== 'pod-template-hash'));
  return { ...template, metadata: { ...metadata, labels } };
}
