/** Kubernetes objects as plain JSON: what the API server keeps, and what travels. */

export type ObjectMeta = {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  creationTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
};

/** An object with its kind; times are RFC 3339 strings, as on the wire. */
export type KubernetesObject = {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
};

export type Fields = Readonly<Record<string, unknown>>;

/** The field as an object; an empty one where it is absent or of another shape. */
export function fieldsAt(value: unknown, ...path: string[]): Fields {
  let at: unknown = value;
  for (const name of path) at = isFields(at) ? at[name] : undefined;
  return isFields(at) ? at : {};
}

/** The field as a list of objects; an empty one where it is absent. */
export function listAt(value: unknown, ...path: string[]): readonly Fields[] {
  const last = path[path.length - 1];
  const parent = fieldsAt(value, ...path.slice(0, -1));
  const list = last === undefined ? undefined : parent[last];
  return Array.isArray(list) ? list.filter(isFields) : [];
}

/** The field as text; undefined where it is absent or no text. */
export function textAt(value: unknown, ...path: string[]): string | undefined {
  const last = path[path.length - 1];
  const found = last === undefined ? undefined : fieldsAt(value, ...path.slice(0, -1))[last];
  return typeof found === 'string' ? found : undefined;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
