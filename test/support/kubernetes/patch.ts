import { type Fields, fieldsAt, isFields, type KubernetesObject, listAt, textAt } from './object.ts';
import type { Resource } from './resource.ts';
import { badRequest, conflict, invalid } from './status.ts';

/** By which field the items of a list are known: the API's own patch merge keys (k8s.io/api, patchMergeKey). */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
};

/**
 * The object as a strategic merge patch makes it, with its generation raised where the spec changes.
 * @throws Failure 400 for what is no JSON, 409 for another uid or an older version, 422 for what the API would not store
 */
export function patched(resource: Resource, object: KubernetesObject, body: string): KubernetesObject {
  const patch = parsed(body);
  const { uid, resourceVersion } = fieldsAt(patch, 'metadata');
  const { group, plural } = resource;
  const about = { group, resource: plural, name: object.metadata.name };
  if (uid !== undefined && uid !== object.metadata.uid)
    throw conflict({
      ...about,
      why: `Precondition failed: UID in precondition: ${String(uid)}, UID in object meta: ${object.metadata.uid ?? ''}`,
    });
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion)
    throw conflict({
      ...about,
      why: 'the object has been modified; please apply your changes to the latest version and try again',
    });
  const merged = strategicMerge(object, patch) as KubernetesObject;
  const isChanged = JSON.stringify(merged.spec) !== JSON.stringify(object.spec);
  const generation = Number(object.metadata.generation ?? 1) + (isChanged ? 1 : 0);
  const made = { ...merged, metadata: { ...merged.metadata, generation } };
  demandValid(resource, made);
  return made;
}

function parsed(body: string): Fields {
  try {
    const patch: unknown = JSON.parse(body);
    if (isFields(patch)) return patch;
  } catch {
    // Said below.
  }
  throw badRequest('error decoding patch: json: cannot unmarshal into Go value');
}

/** Maps merge, lists of named things merge by their names, `$patch: replace` puts a map in place of the old one, null deletes. */
export function strategicMerge(before: unknown, patch: unknown, field = ''): unknown {
  if (isFields(patch)) {
    const { $patch, ...fields } = patch;
    const base = isFields(before) && $patch !== 'replace' ? before : {};
    const merged: Record<string, unknown> = { ...base };
    for (const [key, value] of Object.entries(fields)) {
      if (value === null && $patch !== 'replace') delete merged[key];
      else merged[key] = strategicMerge(base[key], value, key);
    }
    return merged;
  }
  const key = mergeKeys[field];
  if (!Array.isArray(patch) || key === undefined || !Array.isArray(before)) return patch;
  const items = patch.filter(isFields);
  const kept = before.map((item) => {
    const change = isFields(item) ? items.find((each) => each[key] === item[key]) : undefined;
    return change === undefined ? item : strategicMerge(item, change);
  });
  const added = items.filter((item) => !before.some((each) => isFields(each) && each[key] === item[key]));
  // As the API server does: what is new comes first (strategicpatch, mergeSortedSlice).
  return [...added, ...kept];
}

/** Of the API's validation, what a change of flags and memory can meet. */
function demandValid({ group, kind }: Resource, object: KubernetesObject): void {
  const containers = listAt(object, 'spec', 'template', 'spec', 'containers');
  const causes = containers.flatMap((container, index) => {
    const field = `spec.template.spec.containers[${index}]`;
    const limit = bytes(textAt(container, 'resources', 'limits', 'memory'));
    const written = textAt(container, 'resources', 'requests', 'memory');
    const request = bytes(written);
    const nameless = listAt(container, 'env').findIndex(({ name }) => typeof name !== 'string' || name === '');
    return [
      ...(limit !== undefined && request !== undefined && request > limit
        ? [
            {
              field: `${field}.resources.requests`,
              problem: `Invalid value: ${JSON.stringify(written)}: must be less than or equal to memory limit`,
            },
          ]
        : []),
      ...(nameless >= 0 ? [{ field: `${field}.env[${nameless}].name`, problem: 'Required value' }] : []),
    ];
  });
  if (causes.length > 0) throw invalid({ group, kind, name: object.metadata.name, causes });
}

function bytes(quantity: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(Ki|Mi|Gi)?$/.exec(quantity ?? '') ?? [];
  if (digits === undefined) return undefined;
  return Number(digits) * ({ '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 }[unit] ?? 1);
}
