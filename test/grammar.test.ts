import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { type Command, command } from '../src/command.ts';
import { parseLine, parseWords, usageOf } from '../src/grammar.ts';
import { look } from '../src/job.ts';
import { Refusal } from '../src/refusal.ts';

const job = look({
  name: 'etcd health',
  input: z.object({}),
  run: async () => {
    throw new Error('not run here');
  },
});

const health = command({
  name: 'etcd health',
  summary: 'Who is healthy',
  takes: '',
  examples: ['/etcd health'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {},
  job,
  input: () => ({}),
});
const members = { ...health, name: 'etcd members' };
const why = {
  ...health,
  name: 'oom why',
  takes: '<pod>',
  cluster: 'kubernetes' as const,
  flags: {
    namespace: { type: 'string', short: 'n', value: '<namespace>', help: 'Where' },
    env: { type: 'string', multiple: true, value: '<name=value>', help: 'A variable' },
    all: { type: 'boolean', help: 'All' },
  },
} satisfies Command;
const commands: readonly Command[] = [health, members, why];

function refusal(run: () => unknown): Refusal {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a line finds its command', () => {
  test.each([
    ['/etcd health', 'etcd health'],
    ['etcd health', 'etcd health'],
    ['/ETCD Health', 'etcd health'],
    ['/oom why web-1 -n shop', 'oom why'],
  ])('%s', (line, name) => {
    const asked = parseLine(commands, line);
    expect(asked.kind === 'command' && asked.command.name).toBe(name);
  });

  test('with the prefix of a workspace where /etcd is taken', () => {
    const asked = parseLine(commands, '/q-etcd health', 'q-');
    expect(asked.kind === 'command' && asked.command.name).toBe('etcd health');
  });

  test.each(['', '/', 'help', '/help', '   '])('%j is help about everything', (line) => {
    expect(parseLine(commands, line)).toEqual({ kind: 'help' });
  });

  test.each(['/etcd', '/etcd help', '/etcd --help', '/etcd -h'])('%s is help about the noun', (line) => {
    expect(parseLine(commands, line)).toEqual({ kind: 'help', noun: 'etcd' });
  });

  test('/etcd help members is help about the command', () => {
    expect(parseLine(commands, '/etcd help members')).toEqual({ kind: 'help', noun: 'etcd', command: members });
  });
});

describe('a near miss gets the nearest word', () => {
  test.each([
    ['/etcd helth', '`/etcd` has no `helth`; did you mean `/etcd health`?'],
    ['/etcd member', '`/etcd` has no `member`; did you mean `/etcd members`?'],
    ['/etdc health', 'There is no command `/etdc`; did you mean `/etcd`?'],
    ['/etcd 🙂', '`/etcd` has no `🙂`.'],
    ['/kubernetes', 'There is no command `/kubernetes`.'],
  ])('%s', (line, message) => {
    expect(refusal(() => parseLine(commands, line)).message).toBe(message);
  });

  test.each([
    [['--namspace', 'x'], 'There is no flag `--namspace`; did you mean `--namespace`?'],
    [['-x'], 'There is no flag `-x`.'],
    [['--namespace'], '--namespace has no value.'],
    [['-n', '--all'], '--namespace has no value.'],
    [['--all=1'], '--all takes no value.'],
    [['-n', 'a', '-n', 'b'], '--namespace is given 2 times.'],
    [['--namespace='], '--namespace has an empty value.'],
  ])('%j', (args, message) => {
    expect(refusal(() => parseWords(why, args)).message).toBe(message);
  });

  test('40,000 characters are not read', () => {
    expect(refusal(() => parseLine(commands, `/oom why ${'x'.repeat(40_000)}`)).message).toBe(
      'That is 40009 characters; at most 8000 are read.',
    );
  });
});

test('flags, positionals and what follows a bare -- are told apart', () => {
  const words = parseWords(why, ['web-1', '-n', 'shop', '--env', 'A=1', '--env=B=2', '--', '-Xmx1g', '--all', '--']);
  expect(words.positionals).toEqual(['web-1']);
  expect(words.flag('namespace')).toBe('shop');
  expect(words.flags('env')).toEqual(['A=1', 'B=2']);
  expect(words.isSet('all')).toBe(false);
  expect(words.rest).toEqual(['-Xmx1g', '--all', '--']);
});

test('usage is made from the data', () => {
  expect(usageOf(why, 'q-')).toBe(
    '/q-oom why <pod> [-n|--namespace <namespace>] [--env <name=value>]… [--all] [--cluster <name>]',
  );
});

test('10,000 random lines each get a command, help or a refusal', () => {
  // A fixed seed: a line that fails once fails again.
  let seed = 42;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const pieces = [
    '/etcd',
    '/oom',
    'health',
    'why',
    ' ',
    ' ',
    '--',
    '-n',
    '--cluster',
    '"',
    "'",
    '\\',
    '<@U1|a>',
    '&amp;',
    '—',
    '“',
    '🙂',
    'مرحبا',
    '\u202e',
    '\0',
    '\n',
    '`',
    '=',
    'x'.repeat(300),
    '<https://a|b>',
    '\ud800',
    '${HOME}',
    '__proto__',
    '--constructor',
  ];
  const outcomes = { command: 0, help: 0, refused: 0 };
  for (let line = 0; line < 10_000; line++) {
    const text = Array.from(
      { length: random(12) },
      () => pieces[random(pieces.length)] ?? String.fromCharCode(random(65_536)),
    ).join(random(2) === 0 ? '' : ' ');
    try {
      const asked = parseLine(commands, text);
      if (asked.kind === 'command') parseWords(asked.command, asked.args);
      outcomes[asked.kind]++;
    } catch (error) {
      if (!(error instanceof Refusal)) throw new Error(`${JSON.stringify(text)}: ${String(error)}`);
      outcomes.refused++;
    }
  }
  expect(outcomes.command + outcomes.help + outcomes.refused).toBe(10_000);
  expect(outcomes.refused).toBeGreaterThan(1000);
});

describe('a verb of two words', () => {
  const snapshot = { ...health, name: 'etcd snapshot' };
  const snapshots = { ...health, name: 'etcd snapshots' };
  const verify = { ...health, name: 'etcd snapshot verify', takes: '<name>' };
  const known: readonly Command[] = [health, snapshot, snapshots, verify];

  test.each([
    ['/etcd snapshot', 'etcd snapshot', []],
    ['/etcd snapshot --cluster prod', 'etcd snapshot', ['--cluster', 'prod']],
    ['/etcd snapshots', 'etcd snapshots', []],
    ['/etcd snapshot verify', 'etcd snapshot verify', []],
    ['/etcd Snapshot Verify latest', 'etcd snapshot verify', ['latest']],
  ])('%s', (line, name, args) => {
    const asked = parseLine(known, line);
    expect(asked.kind === 'command' && [asked.command.name, asked.args]).toEqual([name, args]);
  });

  test('its help is found', () => {
    expect(parseLine(known, '/etcd help snapshot verify')).toEqual({ kind: 'help', noun: 'etcd', command: verify });
    expect(parseLine(known, '/etcd help snapshot')).toEqual({ kind: 'help', noun: 'etcd', command: snapshot });
  });

  test.each([
    ['/etcd snapshot verfy latest', '`/etcd snapshot` has no `verfy`; did you mean `/etcd snapshot verify`?'],
    ['/etcd snapshot prod', '`/etcd snapshot` has no `prod`.'],
    ['/etcd snapsot verify latest', '`/etcd` has no `snapsot`; did you mean `/etcd snapshot`?'],
  ])('%s gets the nearest', (line, message) => {
    expect(refusal(() => parseLine(known, line)).message).toBe(message);
  });
});
