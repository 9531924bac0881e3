import { z } from 'zod';
import type { Command } from './command.ts';
import { duration, schema } from './config.ts';
import { flagsOf, nounOf, usageOf } from './grammar.ts';
import { formatDuration } from './report/text.ts';

const madeBy = '<!-- Made by `npm run docs` from the code. Edit the code, not this. -->';

/** The table of commands, for README. */
export function commandTable(commands: readonly Command[]): string {
  return [
    '| type | to learn |',
    '|---|---|',
    ...commands.map(
      (command) =>
        `| \`/${command.name}${command.takes === '' ? '' : ` ${cell(command.takes)}`}\` | ${cell(command.summary)} |`,
    ),
  ].join('\n');
}

/** README with its generated part made afresh. @throws Error where the markers are missing */
export function withCommandTable(readme: string, commands: readonly Command[]): string {
  const [begin, end] = ['<!-- commands -->', '<!-- /commands -->'];
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from === -1 || to === -1) throw new Error(`README.md has lost ${begin} … ${end}`);
  return `${readme.slice(0, from + begin.length)}\n${commandTable(commands)}\n${readme.slice(to)}`;
}

/** docs/commands.md: every command with its usage, flags and examples. */
export function commandsPage(commands: readonly Command[]): string {
  const nouns = [...new Set(commands.map(nounOf))];
  return [
    madeBy,
    '# Commands',
    '',
    'Typed in Slack as a slash command, as a mention (`@Quorum etcd health`, also in a thread) or in a direct message to the bot; in a terminal as',
    '`quorum run "/etcd health"`. `/etcd help` lists, `/etcd health --help` explains. Words are quoted as in a shell; a word that begins with a dash',
    'and is no flag goes behind a bare `--`.',
    '',
    ...nouns.flatMap((noun) => [
      `## /${noun}`,
      '',
      ...commands.filter((command) => nounOf(command) === noun).flatMap(commandPart),
    ]),
  ].join('\n');
}

function commandPart(command: Command): string[] {
  const flags = Object.entries(flagsOf(command));
  return [
    `### /${command.name}`,
    '',
    `${command.summary}. For ${command.allowed}s and above.`,
    '',
    '```',
    usageOf(command),
    '```',
    '',
    ...(command.explains === undefined ? [] : [command.explains, '']),
    '| flag | meaning |',
    '|---|---|',
    ...flags.map(
      ([name, flag]) =>
        `| \`${flag.short === undefined ? '' : `-${flag.short}, `}--${name}${flag.type === 'string' ? ` ${flag.value ?? '<value>'}` : ''}\`${flag.multiple === true ? ' (repeatable)' : ''} | ${cell(flag.help)} |`,
    ),
    '',
    ...command.examples.map((example) => `    ${example}`),
    '',
  ];
}

/** docs/configuration.md: every key of quorum.yaml. */
export function configurationPage(example: string): string {
  return [
    madeBy,
    '# Configuration',
    '',
    'One file, `quorum.yaml`: named with `--config`, else by `QUORUM_CONFIG`, else in the folder where quorum is started. `${NAME}` is taken from the',
    'environment. Durations are written `500ms`, `1s`, `15m`, `24h`. An unknown key is an error that names the nearest known one;',
    '`quorum check` tries the file and every connection in it. `changes` and what `access` says about operators, approvers and approvals is read',
    'and checked already; the operations that use it are on their way.',
    '',
    '```yaml',
    example.trimEnd(),
    '```',
    '',
    '| key | default | meaning |',
    '|---|---|---|',
    ...rows(schema, []).map(({ path, standard, meaning }) => `| \`${path}\` | ${standard} | ${cell(meaning)} |`),
    '',
  ].join('\n');
}

type Row = { readonly path: string; readonly standard: string; readonly meaning: string };

/** A key's default and description stand on its wrappers: they are peeled off one by one. */
function rows(start: z.ZodType, path: readonly string[]): Row[] {
  let type: unknown = start;
  let standard = '';
  let meaning = '';
  let isOptional = false;
  for (;;) {
    if (!(type instanceof z.ZodType)) return [];
    meaning = meaning === '' ? (type.description ?? '') : meaning;
    if (type === duration) break;
    if (type instanceof z.ZodDefault) standard = defaultText(type.def.defaultValue, innermost(type) === duration);
    if (type instanceof z.ZodOptional) isOptional = true;
    if (type instanceof z.ZodOptional || type instanceof z.ZodDefault || type instanceof z.ZodPrefault)
      type = type.unwrap();
    else break;
  }
  if (type instanceof z.ZodObject)
    return Object.entries(type.shape).flatMap(([key, inner]) =>
      inner instanceof z.ZodType ? rows(inner, [...path, key]) : [],
    );
  if (type instanceof z.ZodRecord && type.valueType instanceof z.ZodType)
    return rows(type.valueType, [...path, '<name>']);
  if (type instanceof z.ZodArray && type.element instanceof z.ZodObject) return rows(type.element, [...path, '[]']);
  return [{ path: path.join('.'), standard: standard === '' ? (isOptional ? '–' : 'needed') : standard, meaning }];
}

function innermost(type: z.ZodType): unknown {
  let inner: unknown = type;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap();
  return inner;
}

function defaultText(value: unknown, isDuration: boolean): string {
  if (isDuration && typeof value === 'number') return formatDuration(value);
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return value === '' ? 'none' : `\`${String(value)}\``;
}

/** A pipe would end the cell, and an angle bracket would be HTML. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
