import { digestOf } from '../digest.ts';
import { mergeOptions } from '../jvm/merge-options.ts';
import type { Json, JsonObject } from '../report/report.ts';
import { isJsonObject, jsonObjects } from './json.ts';

/** What a fix changes in one container of a pod template. */
export type TemplateEdit = {
  readonly container: string;
  readonly list: 'containers' | 'initContainers';
  /** The variable that gets the flags; null where none is set. */
  readonly variable: string | null;
  readonly flags: readonly string[];
  /** Quantities as they are to be written; null where they stay. */
  readonly limit: string | null;
  readonly request: string | null;
};

/** sha256 of the canonical JSON of a pod template. What is null there says as much as what is not there. */
export function templateHash(template: JsonObject): string {
  return digestOf(withoutNulls(template));
}

function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)]));
}

/** The container of a template; undefined where it has none of that name. */
export function containerIn(
  template: JsonObject,
  name: string,
): { readonly list: TemplateEdit['list']; readonly container: JsonObject } | undefined {
  for (const list of ['containers', 'initContainers'] as const) {
    const container = containersIn(template, list).find((each) => each.name === name);
    if (container !== undefined) return { list, container };
  }
  return undefined;
}

function containersIn(template: JsonObject, list: TemplateEdit['list']): JsonObject[] {
  return isJsonObject(template.spec) ? jsonObjects(template.spec[list]) : [];
}

/** A variable of a container as the template writes it; undefined where it is not there or comes from elsewhere. */
export function writtenVariable(container: JsonObject, name: string): string | undefined {
  const value = jsonObjects(container.env).find((each) => each.name === name)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** The container's fields that an edit writes, as they would be after it. */
function changedFields(container: JsonObject, edit: TemplateEdit): JsonObject {
  const { variable, flags, limit, request } = edit;
  const resources = {
    ...(limit === null ? {} : { limits: { memory: limit } }),
    ...(request === null ? {} : { requests: { memory: request } }),
  };
  return {
    ...(variable === null
      ? {}
      : { env: [{ name: variable, value: mergeOptions(writtenVariable(container, variable) ?? '', flags).value }] }),
    ...(limit === null && request === null ? {} : { resources }),
  };
}

/** The strategic merge patch of a whole workload that makes the edit: lists merge by name. */
export function patchOf(template: JsonObject, edit: TemplateEdit): JsonObject {
  const container = containerIn(template, edit.container)?.container ?? {};
  return {
    spec: {
      template: { spec: { [edit.list]: [{ name: edit.container, ...changedFields(container, edit) }] } },
    },
  };
}

/** The template as the edit makes it. Made twice it is the same. */
export function edited(template: JsonObject, edit: TemplateEdit): JsonObject {
  const spec = isJsonObject(template.spec) ? template.spec : {};
  const containers = containersIn(template, edit.list).map((container) =>
    container.name === edit.container ? withFields(container, changedFields(container, edit)) : container,
  );
  return { ...template, spec: { ...spec, [edit.list]: containers } };
}

function withFields(container: JsonObject, { env, resources }: JsonObject): JsonObject {
  const present = jsonObjects(container.env);
  const set = jsonObjects(env);
  // A strategic merge puts what is new in front (apimachinery, strategicpatch, mergeSortedSlice).
  const merged: Json = [
    ...set.filter(({ name }) => !present.some((each) => each.name === name)),
    ...present.map((each) => set.find(({ name }) => name === each.name) ?? each),
  ];
  return {
    ...container,
    ...(set.length === 0 ? {} : { env: merged }),
    ...(isJsonObject(resources) ? { resources: mergedResources(container.resources, resources) } : {}),
  };
}

function mergedResources(present: Json | undefined, set: JsonObject): JsonObject {
  const before = isJsonObject(present) ? present : {};
  const part = (name: 'limits' | 'requests') => {
    const mine = set[name];
    const theirs = before[name];
    return isJsonObject(mine) ? { [name]: { ...(isJsonObject(theirs) ? theirs : {}), ...mine } } : {};
  };
  return { ...before, ...part('limits'), ...part('requests') };
}

/** Whether the template already is as the edit makes it. */
export function isEdited(template: JsonObject, edit: TemplateEdit): boolean {
  return (
    containerIn(template, edit.container) !== undefined &&
    templateHash(edited(template, edit)) === templateHash(template)
  );
}

/** The fields that an edit writes, as they are now: what an approval is bound to besides the template. */
export function fieldsHash(template: JsonObject, edit: TemplateEdit): string {
  const container = containerIn(template, edit.container)?.container ?? {};
  const resources = isJsonObject(container.resources) ? container.resources : {};
  const memoryOf = (part: Json | undefined): Json => (isJsonObject(part) ? (part.memory ?? null) : null);
  return digestOf({
    variable: edit.variable === null ? null : (writtenVariable(container, edit.variable) ?? null),
    limit: edit.limit === null ? null : memoryOf(resources.limits),
    request: edit.request === null ? null : memoryOf(resources.requests),
  });
}
