import { parseArgs } from 'node:util';
import type { Command, Flag, Words } from './command.ts';
import { nearest } from './nearest.ts';
import { Refusal } from './refusal.ts';
import { listed, shortened } from './report/text.ts';
import { codeOf, messageOf } from './thrown.ts';
import { splitWords, unmangle } from './words.ts';

/** What a line asks for. `help` without a command is about the noun, or about everything. */
export type Asked =
  | { readonly kind: 'help'; readonly noun?: string; readonly command?: Command }
  | { readonly kind: 'command'; readonly command: Command; readonly args: readonly string[] };

/** The longest line that is read: Slack's own limit of a message is of this size, and nobody types more. */
const maxLineLength = 8000;

const helpFlag: Flag = { type: 'boolean', short: 'h', help: 'This help' };
const clusterFlag: Flag = {
  type: 'string',
  value: '<name>',
  help: 'Which configured cluster; else the channel’s, else the only one',
};

const reasonFlag: Flag = {
  type: 'string',
  value: '<text>',
  help: 'Why: shown to whoever approves, and kept in the audit',
};
const breakGlassFlag: Flag = {
  type: 'string',
  value: '<incident>',
  help: 'In an emergency without a second person: after two minutes in which anybody with a role may cancel',
};

/** The flags of a command with those that every command has. */
export function flagsOf(command: Command): Readonly<Record<string, Flag>> {
  return {
    ...command.flags,
    ...(command.job.kind === 'change' ? { reason: reasonFlag } : {}),
    ...(command.breakGlass === undefined ? {} : { 'break-glass': breakGlassFlag }),
    ...(command.cluster === 'none' ? {} : { cluster: clusterFlag }),
    help: helpFlag,
  };
}

/** `/etcd health [--cluster <name>]`: how the command is typed, with a workspace's prefix where there is one. */
export function usageOf(command: Command, prefix = ''): string {
  const flags = Object.entries(flagsOf(command))
    .filter(([name]) => name !== 'help')
    .map(([name, flag]) => {
      const written = flag.short === undefined ? `--${name}` : `-${flag.short}|--${name}`;
      const whole = `${written}${flag.type === 'string' ? ` ${flag.value ?? '<value>'}` : ''}`;
      return `${flag.required === true ? whole : `[${whole}]`}${flag.multiple === true ? '…' : ''}`;
    });
  return [`/${prefix}${command.name}`, ...(command.takes === '' ? [] : [command.takes]), ...flags].join(' ');
}

export function nounOf(command: Command): string {
  return command.name.split(' ')[0] ?? '';
}

export function verbOf(command: Command): string {
  return command.name.split(' ').slice(1).join(' ');
}

/**
 * One grammar for all: `/<noun> <verb> [words] [--flags]`; a verb may have two words.
 * @param line with or without the leading slash; as Slack or a terminal gives it
 * @throws Refusal for an unknown noun or verb (with the nearest one), for an unclosed quote, and for a private key, which it does not repeat
 */
export function parseLine(commands: readonly Command[], line: string, prefix = ''): Asked {
  if (line.length > maxLineLength)
    throw new Refusal(
      `That is ${line.length} characters; at most ${maxLineLength} are read.`,
      'Ask again with less text.',
    );
  // Before any other refusal, which may quote what was typed.
  if (/-----BEGIN [A-Z ]{0,40}PRIVATE KEY/.test(line))
    throw new Refusal(
      'A private key is in there. It was not kept; but whoever saw it on its way here can have it.',
      'Make a new key and certificate, and give the certificate alone, as a file.',
    );
  const [first = '', ...afterNoun] = splitWords(unmangle(line));
  const nouns = [...new Set(commands.map(nounOf))];
  const noun = first
    .replace(/^\//, '')
    .slice(first.startsWith(`/${prefix}`) ? prefix.length : 0)
    .toLowerCase();
  if (noun === '' || noun === 'help') return helpAbout(commands, afterNoun, prefix);
  if (!nouns.includes(noun)) {
    const near = nearest(noun, nouns) ?? commands.find((command) => verbOf(command) === noun)?.name;
    throw new Refusal(
      `There is no command \`${shortened(first, 40)}\`${near === undefined ? '.' : `; did you mean \`/${prefix}${near}\`?`}`,
      `Try ${listed(near === undefined ? nouns.map((known) => `\`/${prefix}${known} help\``) : [`\`/${prefix}${near} ${near.includes(' ') ? '--help' : 'help'}\``], 'or')}.`,
      nouns.map((known) => `/${prefix}${known}`),
    );
  }
  const [verb = '', ...after] = afterNoun;
  if (verb === '' || verb === 'help' || verb === '--help' || verb === '-h')
    return helpAbout(commands, [noun, ...after], prefix);
  return { kind: 'command', ...findCommand(commands, noun, [verb, ...after], prefix) };
}

function helpAbout(commands: readonly Command[], words: readonly string[], prefix: string): Asked {
  const [noun, ...after] = words;
  if (noun === undefined || !commands.some((command) => nounOf(command) === noun)) return { kind: 'help' };
  if (after[0] === undefined || after[0].startsWith('-')) return { kind: 'help', noun };
  return { kind: 'help', noun, command: findCommand(commands, noun, after, prefix).command };
}

/** The longest verb wins: of `snapshot verify` the second word belongs to it, of `snapshot --cluster prod` it does not. */
function findCommand(
  commands: readonly Command[],
  noun: string,
  words: readonly string[],
  prefix: string,
): { command: Command; args: readonly string[] } {
  const ofNoun = commands.filter((command) => nounOf(command) === noun);
  const lengthOf = (command: Command) => verbOf(command).split(' ').length;
  const [found] = ofNoun
    .filter((command) => verbOf(command) === words.slice(0, lengthOf(command)).join(' ').toLowerCase())
    .sort((a, b) => lengthOf(b) - lengthOf(a));
  if (found !== undefined) {
    const args = words.slice(lengthOf(found));
    demandNoMistypedVerb(found, args[0], ofNoun, prefix);
    return { command: found, args };
  }
  const verb = words[0] ?? '';
  const near = nearest(verb, ofNoun.map(verbOf)) ?? nearest(words.slice(0, 2).join(' '), ofNoun.map(verbOf));
  throw new Refusal(
    `\`/${prefix}${noun}\` has no \`${shortened(verb, 40)}\`${near === undefined ? '.' : `; did you mean \`/${prefix}${noun} ${near}\`?`}`,
    `Try \`/${prefix}${noun} help\`.`,
    ofNoun.map((command) => `/${prefix}${command.name}`),
  );
}

/** A command that takes no words, followed by one: then the longer verb was meant, and mistyped. @throws Refusal that names it */
function demandNoMistypedVerb(
  found: Command,
  word: string | undefined,
  ofNoun: readonly Command[],
  prefix: string,
): void {
  if (word === undefined || word.startsWith('-') || found.takes !== '') return;
  const longer = ofNoun.filter((command) => command.name.startsWith(`${found.name} `));
  if (longer.length === 0) return;
  const near = nearest(
    word,
    longer.map((command) => command.name.slice(found.name.length + 1)),
  );
  throw new Refusal(
    `\`/${prefix}${found.name}\` has no \`${shortened(word, 40)}\`${near === undefined ? '.' : `; did you mean \`/${prefix}${found.name} ${near}\`?`}`,
    `Try \`/${prefix}${found.name} --help\`.`,
    [found, ...longer].map((command) => `/${prefix}${command.name}`),
  );
}

/**
 * Takes apart what follows a command.
 * @throws Refusal for an unknown flag (with the nearest one), a flag without its value or with one too many
 */
export function parseWords(command: Command, args: readonly string[]): Words {
  const flags = flagsOf(command);
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      { type: flag.type, multiple: true as const, ...(flag.short === undefined ? {} : { short: flag.short }) },
    ]),
  );
  const terminatorAt = terminatorIndex(args, options);
  const before = terminatorAt === -1 ? args : args.slice(0, terminatorAt);
  const { values, positionals } = strictly(
    () => parseArgs({ args: [...before], options, allowPositionals: true, strict: true }),
    flags,
  );
  const given = new Map(Object.entries(values).map(([name, value]) => [name, [value].flat().map(String)]));
  for (const [name, value] of given) {
    if (flags[name]?.multiple !== true && flags[name]?.type === 'string' && value.length > 1)
      throw new Refusal(`--${name} is given ${value.length} times.`, `Give it once.`);
    if (flags[name]?.type === 'string' && value.some((one) => one === ''))
      throw new Refusal(`--${name} has an empty value.`, `Write --${name} ${flags[name]?.value ?? '<value>'}.`);
  }
  return {
    positionals,
    rest: terminatorAt === -1 ? [] : args.slice(terminatorAt + 1),
    flag: (name) => given.get(name)?.[0],
    flags: (name) => given.get(name) ?? [],
    isSet: (name) => given.has(name),
  };
}

/** Where the bare `--` stands that ends the flags: not one that is a flag's value. */
function terminatorIndex(
  args: readonly string[],
  options: NonNullable<Parameters<typeof parseArgs>[0]>['options'],
): number {
  const { tokens } = parseArgs({
    args: [...args],
    options: options ?? {},
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  return tokens.find((token) => token.kind === 'option-terminator')?.index ?? -1;
}

function strictly<T>(parse: () => T, flags: Readonly<Record<string, Flag>>): T {
  try {
    return parse();
  } catch (error) {
    const code = codeOf(error);
    const message = messageOf(error);
    const written = /'(-[^' ,=]*)/.exec(message)?.[1] ?? 'a flag';
    const name = written.replace(/^-+/, '');
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      const near = written.startsWith('--') ? nearest(name, Object.keys(flags)) : undefined;
      throw new Refusal(
        `There is no flag \`${shortened(written, 40)}\`${near === undefined ? '.' : `; did you mean \`--${near}\`?`}`,
        'A word that begins with a dash and is no flag goes behind a bare `--`.',
      );
    }
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      const long = /--([A-Za-z-]+)/.exec(message)?.[1] ?? name;
      const flag = flags[long];
      throw flag?.type === 'boolean'
        ? new Refusal(`--${long} takes no value.`, `Write --${long} alone.`)
        : new Refusal(
            `--${long} has no value.`,
            `Write --${long}=${flag?.value ?? '<value>'}; with = where the value begins with a dash.`,
          );
    }
    throw error;
  }
}
