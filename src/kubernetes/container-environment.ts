import { nodeMemoryBytes } from './memory-limit.ts';
import type { Container, EnvironmentVariable, Node, Pod } from './objects.ts';
import { parseQuantity } from './quantity.ts';

/** The variables of a container as far as its pod tells, and those whose values stand elsewhere. */
export type ContainerEnvironment = {
  readonly variables: Readonly<Record<string, string>>;
  /** Name → where the value stands, and is not read: `secret db, key url`. */
  readonly elsewhere: Readonly<Record<string, string>>;
  /** Name → where the value was read from: `config map shop, key jvm`. What is to be changed is changed there. */
  readonly origins: Readonly<Record<string, string>>;
  /** Whole maps that are poured in, may set anything and are not read: `secret shop`. */
  readonly poured: readonly string[];
};

/** Config maps by their names. One that is gone is not among them: what a container took from it at its start is not known. */
export type ConfigMaps = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** What the values are taken from. */
export type EnvironmentSource = {
  readonly pod?: Pod | undefined;
  readonly memory?: { readonly limitBytes: number | undefined; readonly requestBytes: number | undefined };
  readonly node?: Node | undefined;
  /** The config maps that were read, by name. */
  readonly configMaps?: ConfigMaps;
};

/** What a kubelet takes for the name of a variable from a map; other keys it leaves out (Kubernetes API, EnvFromSource). */
const variableName = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/**
 * Reads envFrom, then env in order, later ones win; `$(NAME)` takes earlier variables, `$$(NAME)` stays as it is (Kubernetes
 * API, EnvVar). Values from the pod's own fields and limits are computed, and config maps are read where they are at hand;
 * those in secrets never are, and are told as elsewhere.
 */
export function containerEnvironment(
  container: Container | undefined,
  source: EnvironmentSource,
): ContainerEnvironment {
  const variables: Record<string, string> = {};
  const elsewhere: Record<string, string> = {};
  const origins: Record<string, string> = {};
  const poured: string[] = [];
  for (const { prefix = '', configMapRef, secretRef } of container?.envFrom ?? []) {
    if (secretRef !== undefined) poured.push(`secret ${secretRef.name ?? '?'}`);
    if (configMapRef === undefined) continue;
    const name = configMapRef.name ?? '?';
    if (source.configMaps?.has(name) !== true) poured.push(`config map ${name}`);
    for (const [key, value] of Object.entries(source.configMaps?.get(name) ?? {})) {
      if (!variableName.test(prefix + key)) continue;
      variables[prefix + key] = value;
      origins[prefix + key] = `config map ${name}, key ${key}`;
    }
  }
  for (const variable of container?.env ?? []) {
    const { name, value, valueFrom } = variable;
    delete elsewhere[name];
    delete variables[name];
    delete origins[name];
    if (valueFrom === undefined) {
      variables[name] = expandReferences(value ?? '', variables);
      continue;
    }
    const { at, text, isRead } = readValue(valueFrom, container, source);
    if (text !== undefined) variables[name] = text;
    if (text !== undefined && isRead) origins[name] = at;
    if (text === undefined && !isRead) elsewhere[name] = at;
  }
  return { variables, elsewhere, origins, poured };
}

type Value = { readonly at: string; readonly text: string | undefined; readonly isRead: boolean };

/** Where a value stands, what it is, and whether it was looked at: a key that its config map does not have sets nothing. */
function readValue(
  { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef }: NonNullable<EnvironmentVariable['valueFrom']>,
  container: Container | undefined,
  source: EnvironmentSource,
): Value {
  if (configMapKeyRef !== undefined) {
    const { name = '?', key } = configMapKeyRef;
    const isRead = source.configMaps?.has(name) === true;
    return { at: `config map ${name}, key ${key}`, text: source.configMaps?.get(name)?.[key], isRead };
  }
  if (secretKeyRef !== undefined)
    return { at: `secret ${secretKeyRef.name ?? '?'}, key ${secretKeyRef.key}`, text: undefined, isRead: false };
  if (resourceFieldRef !== undefined)
    return {
      at: `the pod’s ${resourceFieldRef.resource}`,
      text: resourceValue(resourceFieldRef, container, source),
      isRead: false,
    };
  const path = fieldRef?.fieldPath ?? 'own fields';
  return { at: `the pod’s ${path}`, text: fieldValue(path, source.pod), isRead: false };
}

/** A field of the pod, as the API names those that a variable may take. Its addresses are not needed here. */
function fieldValue(path: string, pod: Pod | undefined): string | undefined {
  const { metadata, spec } = pod ?? {};
  const [, map, key = ''] = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path) ?? [];
  if (map === 'labels') return metadata?.labels[key] ?? '';
  if (map === 'annotations') return metadata?.annotations[key] ?? '';
  if (path === 'metadata.name') return metadata?.name;
  if (path === 'metadata.namespace') return metadata?.namespace;
  if (path === 'metadata.uid') return metadata?.uid;
  return path === 'spec.nodeName' ? spec?.nodeName : undefined;
}

type ResourceField = NonNullable<NonNullable<EnvironmentVariable['valueFrom']>['resourceFieldRef']>;

/**
 * A limit or request in units of its divisor, rounded up as the API server does: 1.5 Mi with a divisor of 1Mi is 2. A limit
 * that is not set is what the node can give (Kubernetes API, ResourceFieldSelector).
 */
function resourceValue(
  { resource, divisor, containerName }: ResourceField,
  container: Container | undefined,
  { memory, node, pod }: EnvironmentSource,
): string | undefined {
  const isOwn = containerName === undefined || containerName === container?.name;
  const named = isOwn
    ? container
    : [...(pod?.spec.containers ?? []), ...(pod?.spec.initContainers ?? [])].find(({ name }) => name === containerName);
  const [kind = '', what = ''] = resource.split('.');
  if (named === undefined || (kind !== 'limits' && kind !== 'requests')) return undefined;
  const written = named.resources[kind][what];
  const known =
    isOwn && what === 'memory' ? (kind === 'limits' ? memory?.limitBytes : memory?.requestBytes) : undefined;
  const nodeWide =
    kind === 'limits'
      ? (node?.status.allocatable[what] ?? (what === 'memory' ? nodeText(node) : undefined))
      : undefined;
  const amount = known ?? quantity(written ?? nodeWide);
  const unit = quantity(divisor ?? '1') ?? 1;
  return amount === undefined ? undefined : String(Math.ceil(amount / (unit === 0 ? 1 : unit)));
}

function nodeText(node: Node | undefined): string | undefined {
  const bytes = nodeMemoryBytes(node);
  return bytes === undefined ? undefined : String(bytes);
}

function quantity(written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  // Processors in thousandths: the size of a quantity is whole.
  const thousandths = /^(\d+)m$/.exec(written)?.[1];
  return thousandths === undefined ? parseQuantity(written) : Number(thousandths) / 1000;
}

/** `$(NAME)` in command, args and env; a name that is not known stays as it is written, `$$` is one `$` (Kubernetes API, Container). */
export function expandReferences(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^()$]*)\)/g, (written, name: string | undefined) =>
    name === undefined ? '$' : Object.hasOwn(variables, name) ? (variables[name] ?? '') : written,
  );
}
