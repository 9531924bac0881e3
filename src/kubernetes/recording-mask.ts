import { isSecretName, mask, redact, redactEnvironment, redactWords } from '../redact.ts';

/** Fields whose text is an identifier, a word of the API's own or a time: masking one could only tear what belongs together. */
const structural =
  /^(?:name|generateName|namespace|uid|resourceVersion|kind|apiVersion|nodeName|hostname|image|imageID|containerID|type|status|reason|phase|qosClass|hostIP|podIP|ip|key|fieldPath|mountPath|subPath|\w*(?:Time|[tT]imestamp|At))$/;
/** A whole manifest in a text, with values that stand nowhere else in the object. */
const manifest = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * An object of the API's with its secrets masked, for a recording that is handed on: values with a secret's name (variables,
 * headers, annotations), command lines, and tokens in whatever text there is. managedFields, which tell nothing, are left out.
 */
export function maskedObject(value: unknown): unknown {
  if (Array.isArray(value)) return maskedList(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? redact(value) : value;
  const fields = Object.entries(value).filter(([key]) => key !== 'managedFields');
  const named = 'name' in value && typeof value.name === 'string' ? value.name : undefined;
  return Object.fromEntries(fields.map(([key, field]) => [key, maskedField(key, field, named)]));
}

function maskedList(items: readonly unknown[]): unknown[] {
  const words = items.filter((item) => typeof item === 'string');
  return words.length === items.length && items.length > 0 ? redactWords(words) : items.map(maskedObject);
}

function maskedField(key: string, field: unknown, named: string | undefined): unknown {
  if (typeof field !== 'string') return maskedObject(field);
  if (key === manifest) return mask;
  if (key === 'value' && named !== undefined) return redactEnvironment(named, field);
  if (structural.test(key)) return field;
  // A secret's own name is a reference to it: secretName, secretKeyRef's key.
  return isSecretName(key) ? mask : redact(field);
}
