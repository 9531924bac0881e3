import { z } from 'zod';
import type { Owner } from './owner.ts';
import type { TemplateChange } from './template-change.ts';
import { fieldsHash, isEdited, patchOf, type TemplateEdit, templateHash } from './template-edit.ts';
import { rolledKinds } from './workload-object.ts';

/** What an approval of a fix is bound to. */
export const fixPlanSchema = z.strictObject({
  cluster: z.string(),
  kind: z.enum(rolledKinds),
  namespace: z.string(),
  name: z.string(),
  /** The workload's own. */
  uid: z.string(),
  /** Of the pod template as it is. */
  templateHash: z.string(),
  /** Of the fields that are patched, as they are. */
  fieldsHash: z.string(),
  edit: z.strictObject({
    container: z.string(),
    list: z.enum(['containers', 'initContainers']),
    variable: z.string().nullable(),
    flags: z.array(z.string()).readonly(),
    limit: z.string().nullable(),
    request: z.string().nullable(),
  }),
});

export type FixPlan = z.infer<typeof fixPlanSchema>;

/** The plan for an edit of this workload as it is now. */
export function fixPlan(cluster: string, { kind, namespace, name, workload }: Owner, edit: TemplateEdit): FixPlan {
  const { template } = workload.spec;
  return {
    cluster,
    kind,
    namespace,
    name,
    uid: workload.metadata.uid ?? '',
    templateHash: templateHash(template),
    fieldsHash: fieldsHash(template, edit),
    edit: { ...edit, flags: [...edit.flags] },
  };
}

/** The change of the template that a plan stands for. */
export function changeOf({ kind, namespace, name, uid, templateHash: hash, edit }: FixPlan): TemplateChange {
  return {
    kind,
    namespace,
    name,
    uid,
    templateHash: hash,
    isMade: (template) => isEdited(template, edit),
    patch: async ({ spec }) => patchOf(spec.template, edit),
  };
}
