import type { KubernetesObject } from './object.ts';
import type { Resource } from './resource.ts';

export type FieldTerm = { readonly field: string; readonly operator: '=' | '!='; readonly value: string };

/**
 * The terms of a field selector; commas and equals signs in values are written `\,` and `\=`.
 * Thrown as an Error with the server's words when a term is none.
 */
export function parseFieldSelector(text: string): FieldTerm[] {
  return splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^((?:[^=!\\]|\\.|!(?!=))*)(!=|==|=)(.*)$/s.exec(term);
      if (match === null) throw new Error(`invalid selector: '${text}'; can't understand '${term}'`);
      const [, field = '', operator, escaped = ''] = match;
      return { field, operator: operator === '!=' ? '!=' : '=', value: plainValue(escaped) };
    });
}

/** Whether the object is what the terms ask for. @throws Error naming a field that this resource cannot be narrowed by */
export function fieldMatcher(resource: Resource, terms: readonly FieldTerm[]): (object: KubernetesObject) => boolean {
  const tests = terms.map(({ field, operator, value }) => {
    const read = resource.fields[field];
    if (read === undefined) {
      throw new Error(resource.hasOwnFields ? `field label not supported: ${field}` : unsupported(field));
    }
    return (object: KubernetesObject) => (read(object) === value) === (operator === '=');
  });
  return (object) => tests.every((test) => test(object));
}

/** The name that the terms pin, which an authorizer then sees as the request's name. */
export function pinnedName(terms: readonly FieldTerm[]): string {
  return terms.find(({ field, operator }) => field === 'metadata.name' && operator === '=')?.value ?? '';
}

function unsupported(field: string): string {
  return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') {
      term += text.slice(at, at + 2);
      at += 1;
    } else if (char === ',') {
      terms.push(term);
      term = '';
    } else term += char;
  }
  return [...terms, term];
}

function plainValue(value: string): string {
  let plain = '';
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at] ?? '';
    if (char === '\\') {
      const next = value[at + 1] ?? '';
      if (!['\\', ',', '='].includes(next))
        throw new Error(`invalid field selector: invalid escape sequence: \\${next}`);
      plain += next;
      at += 1;
    } else if (char === '=' || char === ',') {
      throw new Error(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    } else plain += char;
  }
  return plain;
}
