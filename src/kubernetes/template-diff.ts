import { mask, redact, redactEnvironment } from '../redact.ts';
import type { Json, JsonObject } from '../report/report.ts';
import { shortened } from '../report/text.ts';
import { isJsonObject, jsonObjects } from './json.ts';

/** What two pod templates differ in, line by line, with secrets masked: `- ` before, `+ ` after. */

const mostLines = 60;
const mostCharacters = 400;

type Line = { readonly path: string; readonly shown: string; readonly value: string };

/** The differences as text; empty where there are none. */
export function templateDiff(before: JsonObject, after: JsonObject): string {
  const old = new Map(linesOf(before).map((line) => [line.path, line]));
  const made = new Map(linesOf(after).map((line) => [line.path, line]));
  const paths = [...new Set([...old.keys(), ...made.keys()])].filter(
    (path) => old.get(path)?.value !== made.get(path)?.value,
  );
  const lines = paths.flatMap((path) => {
    const [was, is] = [old.get(path), made.get(path)];
    const isHidden = was !== undefined && is !== undefined && was.shown === is.shown;
    return [
      ...(was === undefined ? [] : [`- ${path}: ${was.shown}`]),
      ...(is === undefined ? [] : [`+ ${path}: ${is.shown}${isHidden ? ' (another value, not shown)' : ''}`]),
    ];
  });
  if (lines.length <= mostLines) return lines.join('\n');
  return [...lines.slice(0, mostLines), `… and ${lines.length - mostLines} lines more`].join('\n');
}

/** Every value with the way to it; what is listed by name is called by it, so that its place in the list does not matter. */
function linesOf(value: Json, path = '', name = ''): Line[] {
  if (isJsonObject(value)) {
    if (isVariable(path)) return variableLines(value, path, name);
    return Object.entries(value).flatMap(([key, inner]) => linesOf(inner, path === '' ? key : `${path}.${key}`, key));
  }
  if (Array.isArray(value)) {
    const named = jsonObjects(value);
    const isNamed = named.length === value.length && named.every((each) => typeof each.name === 'string');
    return value.flatMap((inner: Json, index) => {
      const key = isNamed && isJsonObject(inner) ? String(inner.name) : String(index);
      return linesOf(inner, `${path}[${key}]`, key);
    });
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return [{ path: shortPath(path), value: text, shown: shown(redactedAt(path, name, text)) }];
}

function isVariable(path: string): boolean {
  return /\.env\[[^\]]*\]$/.test(path);
}

/** A variable is one line: its value, or where that comes from. */
function variableLines(variable: JsonObject, path: string, name: string): Line[] {
  const { value, valueFrom } = variable;
  const text = typeof value === 'string' ? value : valueFrom === undefined ? '' : `from ${sourceOf(valueFrom)}`;
  const safe = typeof value === 'string' ? redactEnvironment(name, value) : text;
  return [{ path: shortPath(path), value: text, shown: shown(safe) }];
}

/** Where a value stands: names alone, never the value. */
function sourceOf(valueFrom: Json): string {
  if (!isJsonObject(valueFrom)) return 'elsewhere';
  const [kind = '', reference] = Object.entries(valueFrom)[0] ?? [];
  const { name = '?', key = '?', fieldPath, resource } = isJsonObject(reference) ? reference : {};
  if (kind === 'secretKeyRef') return `secret ${String(name)}, key ${String(key)}`;
  if (kind === 'configMapKeyRef') return `config map ${String(name)}, key ${String(key)}`;
  return `the pod’s ${String(fieldPath ?? resource ?? 'own fields')}`;
}

/** Annotations and labels may be called like secrets; arguments hold assignments. */
function redactedAt(path: string, name: string, text: string): string {
  return /\.(?:annotations|labels)\./.test(path)
    ? redactEnvironment(name, text)
    : redact(text) || (text === '' ? '' : mask);
}

/** `spec.containers[app]` is what people read as `app`. */
function shortPath(path: string): string {
  return path
    .replace(/^spec\.containers\[([^\]]+)\]\./, '$1 ')
    .replace(/^spec\.initContainers\[([^\]]+)\]\./, '$1 (init) ');
}

function shown(text: string): string {
  return shortened(text.replace(/\s*\n\s*/g, ' ⏎ '), mostCharacters);
}
