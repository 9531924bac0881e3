import type { Container } from './objects.ts';
import { parseQuantity } from './quantity.ts';

/** The variables of a container as far as its pod tells, and those whose values stand elsewhere. */
export type ContainerEnvironment = {
  readonly variables: Readonly<Record<string, string>>;
  /** Name → where the value stands: `secret db, key url`. */
  readonly elsewhere: Readonly<Record<string, string>>;
  /** Whole maps that are poured in and may set anything: `config map shop`. */
  readonly poured: readonly string[];
};

/**
 * Reads env in order, later ones win; `$(NAME)` takes earlier variables, `$$(NAME)` stays as it is (Kubernetes API, EnvVar).
 * Values from the pod's own limits are computed; those in config maps and secrets are not read and are told as elsewhere.
 */
export function containerEnvironment(
  container: Container | undefined,
  memory: { readonly limitBytes: number | undefined; readonly requestBytes: number | undefined },
  podName: string,
  namespace: string,
): ContainerEnvironment {
  const variables: Record<string, string> = {};
  const elsewhere: Record<string, string> = {};
  for (const { name, value, valueFrom } of container?.env ?? []) {
    delete elsewhere[name];
    delete variables[name];
    if (valueFrom === undefined) {
      variables[name] = expandReferences(value ?? '', variables);
      continue;
    }
    const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom;
    if (fieldRef?.fieldPath === 'metadata.name') variables[name] = podName;
    else if (fieldRef?.fieldPath === 'metadata.namespace') variables[name] = namespace;
    else if (resourceFieldRef !== undefined) {
      const bytes =
        resourceFieldRef.resource === 'limits.memory'
          ? memory.limitBytes
          : resourceFieldRef.resource === 'requests.memory'
            ? memory.requestBytes
            : undefined;
      const divisor = parseQuantity(resourceFieldRef.divisor ?? '1') ?? 1;
      const isOwn = resourceFieldRef.containerName === undefined || resourceFieldRef.containerName === container?.name;
      // The API server rounds up: 1.5 Mi with a divisor of 1Mi is 2.
      if (bytes !== undefined && isOwn) variables[name] = String(Math.ceil(bytes / (divisor === 0 ? 1 : divisor)));
      else elsewhere[name] = `the pod’s ${resourceFieldRef.resource}`;
    } else if (configMapKeyRef !== undefined)
      elsewhere[name] = `config map ${configMapKeyRef.name ?? '?'}, key ${configMapKeyRef.key}`;
    else if (secretKeyRef !== undefined)
      elsewhere[name] = `secret ${secretKeyRef.name ?? '?'}, key ${secretKeyRef.key}`;
    else elsewhere[name] = `the pod’s ${fieldRef?.fieldPath ?? 'own fields'}`;
  }
  const poured = (container?.envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
    ...(configMapRef === undefined ? [] : [`config map ${configMapRef.name ?? '?'}`]),
    ...(secretRef === undefined ? [] : [`secret ${secretRef.name ?? '?'}`]),
  ]);
  return { variables, elsewhere, poured };
}

/** `$(NAME)` in command, args and env; a name that is not known stays as it is written, `$$` is one `$` (Kubernetes API, Container). */
export function expandReferences(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^()$]*)\)/g, (written, name: string | undefined) =>
    name === undefined ? '$' : Object.hasOwn(variables, name) ? (variables[name] ?? '') : written,
  );
}
