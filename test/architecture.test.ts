import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { commands } from '../commands/index.ts';

const root = resolve(import.meta.dirname, '..');
const entries = ['src/cli.ts', 'src/serve.ts', 'src/docs.ts', 'src/record.ts'];
const drivers = [
  '@slack/bolt',
  '@slack/web-api',
  'bullmq',
  'ioredis',
  'etcd3',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  '@kubernetes/client-node',
  's3mini',
];
const inputOutput = [
  ...drivers,
  'pino',
  'prom-client',
  ...[
    'fs',
    'fs/promises',
    'net',
    'http',
    'https',
    'http2',
    'tls',
    'dns',
    'dgram',
    'child_process',
    'readline',
    'worker_threads',
  ].map((name) => `node:${name}`),
];

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** What a file imports when it runs: imports of types alone are gone by then, and isIP only reads a text. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8').replace(/^import \{ isIP \} from 'node:net';$/m, '');
  const found = [
    ...source.matchAll(/^\s*(?:import|export)\s(?!type\b)(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm),
    ...source.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g),
  ];
  return found
    .map((match) => match[1] ?? '')
    .map((name) => (name.startsWith('.') ? relative(root, resolve(root, dirname(file), name)) : name));
}

const sources = filesUnder('src');
const isClient = (file: string) => /(^|\/)([a-z0-9-]+-)?client\.ts$/.test(file);

describe('the rules of the house', () => {
  test('only clients and entries do input and output', () => {
    const offenders = [...sources, ...filesUnder('commands'), ...filesUnder('jobs')]
      .filter((file) => !isClient(file) && !entries.includes(file))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => inputOutput.includes(name))
          .map((name) => `${file} imports ${name}`),
      );
    expect(offenders).toEqual([]);
  });

  test('pure files know neither the environment nor the clock nor chance', () => {
    const offenders = sources
      .filter((file) => !isClient(file) && !entries.includes(file))
      .filter((file) =>
        /process\.env|Date\.now\(\)|new Date\(\)|Math\.random\(\)/.test(
          readFileSync(join(root, file), 'utf8').replace(/^\s*(\*|\/\/).*$/gm, ''),
        ),
      );
    expect(offenders).toEqual([]);
  });

  test('src imports neither commands nor jobs, the entries apart', () => {
    const offenders = sources
      .filter((file) => !entries.includes(file))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => /^(commands|jobs|test|demo|bench)\//.test(name))
          .map((name) => `${file} imports ${name}`),
      );
    expect(offenders).toEqual([]);
  });

  test('jobs do not import commands', () => {
    expect(
      filesUnder('jobs').flatMap((file) => importsOf(file).filter((name) => name.startsWith('commands/'))),
    ).toEqual([]);
  });

  test('the path of a command, of its job and of its test is what people type', () => {
    const missing = commands.flatMap((command) => {
      // `etcd snapshot verify` is etcd/snapshot-verify.
      const path = command.name.replace(' ', '/').replaceAll(' ', '-');
      return [`commands/${path}.ts`, `jobs/${path}.ts`].filter((file) => !existsSync(join(root, file)));
    });
    expect(missing).toEqual([]);
    expect(filesUnder('commands').length).toBe(commands.length + 1);
    expect(commands.map((command) => command.job.name)).toEqual(commands.map((command) => command.name));
  });

  test('no name says nothing', () => {
    expect(
      [...sources, ...filesUnder('test')].filter((file) => /(utils?|helpers?|manager|service)\.ts$/.test(file)),
    ).toEqual([]);
  });
});
