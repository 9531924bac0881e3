import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { commands } from '../commands/index.ts';
import { scopes } from '../src/slack/manifest.ts';
import { answersIn, openTerminal } from './support/executable.ts';

const terminal = openTerminal();
const { quorum, file } = terminal;

afterAll(() => terminal.close());

describe('one command', () => {
  const size = '/oom size --limit 1Gi --jdk 17';

  test('is answered as text or as one line of JSON, with 0 for ok, 1 for findings, 2 for what is refused', async () => {
    const heap = '/oom heap --jdk 8u181 --limit 512Mi --node 8155000Ki --cgroup v1';
    const [text, json, findings, refused, nothing] = await Promise.all([
      quorum(['run', size]),
      quorum(['run', size, '--output', 'json']),
      quorum(['run', heap, '--output', 'json']),
      quorum(['run', '/etcd helth']),
      quorum(['run']),
    ]);
    expect(text.stdout).toContain('JDK 17 in 1Gi: set -XX:MaxRAMPercentage=75.0, a heap of 768 MiB (75%)');
    expect(text.stdout).not.toContain('\u001b');
    expect(answersIn(json)).toEqual([expect.objectContaining({ command: '/oom size', verdict: 'ok' })]);
    expect(answersIn(findings)).toEqual([expect.objectContaining({ command: '/oom heap', verdict: 'findings' })]);
    expect(refused.stdout).toContain('`/etcd` has no `helth`; did you mean `/etcd health`?');
    expect(nothing).toMatchObject({ stdout: '', stderr: expect.stringContaining('There is no command to run.') });
    expect([text, json, findings, refused, nothing].map(({ exitCode }) => exitCode)).toEqual([0, 0, 1, 2, 2]);
    expect([text, json, findings, refused].map(({ stderr }) => stderr)).toEqual(['', '', '', '']);
  });

  test('what is no command of the executable is refused on standard error, with the nearest one', async () => {
    const [verb, flag, word, help] = await Promise.all([
      quorum(['strat']),
      quorum(['run', size, '--outptu', 'json']),
      quorum(['check', 'prod.yaml']),
      quorum(['help']),
    ]);
    expect([verb, flag, word, help].map(({ exitCode }) => exitCode)).toEqual([2, 2, 2, 0]);
    expect([verb, flag, word].map(({ stdout }) => stdout)).toEqual(['', '', '']);
    expect(verb.stderr).toContain('There is no `quorum strat`; did you mean `quorum start`?');
    expect(flag.stderr).toContain('There is no option --outptu here; did you mean --output?');
    expect(word.stderr).toContain('quorum check --config prod.yaml');
    expect(help.stdout).toContain('quorum run -');
  });
});

describe('a command a line', () => {
  test('gives exactly one JSON object for each line that is not empty, in order, and exits with the worst', async () => {
    const lines: readonly (readonly [string, string])[] = [
      ['/oom size --limit 1Gi --jdk 17', 'ok'],
      ['/help', 'ok'],
      ['/oom why --help', 'ok'],
      ['/etcd helth', 'refused'],
      ['/oom size --limit "1Gi', 'refused'],
      ['x'.repeat(40_000), 'refused'],
      [`/oom why ${'🔥'.repeat(200)}`, 'refused'],
      ['/🔥 🔥', 'refused'],
      ['\u202e/oom why gnp.exe', 'refused'],
      ['/oom why مرحبا', 'refused'],
      ['\u0000', 'refused'],
      ['/oom size --limit 1Gi\u0000 --jdk 17', 'refused'],
      ['/oom\u2028size --limit 1Gi --jdk 17', 'ok'],
      ['/oom size --limit 1Gi --jdk 17\r', 'ok'],
      ['/oom\rsize --limit 1Gi --jdk 17', 'ok'],
      ['__proto__', 'refused'],
      ['/oom constructor', 'refused'],
      ['/oom size --__proto__ x', 'refused'],
      ['/oom heap --jdk 8u181 --limit 512Mi --node 8155000Ki --cgroup v1', 'findings'],
      ['{"command":"/oom size"}', 'refused'],
      ['/OOM SIZE --limit 1Gi --jdk 17', 'ok'],
    ];
    const result = await quorum(['run', '-'], `\n${lines.map(([line]) => line).join('\n\n')}`);
    const answers = answersIn(result);
    expect(answers.map(({ verdict }, index) => [lines[index]?.[0].slice(0, 60), verdict])).toEqual(
      lines.map(([line, verdict]) => [line.slice(0, 60), verdict]),
    );
    expect(answers[5]?.summary).toBe('That is 40000 characters; at most 8000 are read.');
    expect(result.stdout).not.toMatch(/[\u0085\u2028\u2029]/);
    expect([result.exitCode, result.stderr]).toEqual([2, '']);
  });

  test('exits with 0 where all is ok and with 1 where findings are the worst', async () => {
    const ok = '/oom size --limit 1Gi --jdk 17\n';
    const findings = '/oom heap --jdk 8u181 --limit 512Mi --node 8155000Ki --cgroup v1\n';
    const results = await Promise.all([
      quorum(['run', '-'], ''),
      quorum(['run', '-'], ok.repeat(3)),
      quorum(['run', '-'], ok + findings + ok),
    ]);
    expect(results.map(({ exitCode, stdout }) => [exitCode, stdout.split('\n').length - 1])).toEqual([
      [0, 0],
      [0, 3],
      [1, 3],
    ]);
  });
});

describe('the config', () => {
  test('that cannot be used refuses what needs it and nothing else, and says where the mistake is', async () => {
    const configs: readonly (readonly [string, string])[] = [
      ['nowhere.yaml', 'The config nowhere.yaml cannot be read: there is no such file.'],
      ['.', 'The config . cannot be read: it is a folder.'],
      [file('broken.yaml', 'etcd: ['), 'The config is not YAML: '],
      [file('list.yaml', '- etcd\n'), 'The config is a list, not a mapping.'],
      [file('text.yaml', 'hello'), 'The config is a string, not a mapping.'],
      [file('typo.yaml', 'etcd: { clustres: {} }'), 'etcd.clustres: unknown key; did you mean `clusters`?'],
      [file('empty.yaml', ''), 'No etcd cluster is configured.'],
    ];
    const results = await Promise.all(
      configs.map(([path]) => quorum(['run', '-', '--config', path], '/etcd health\n/oom size --limit 1Gi --jdk 17\n')),
    );
    expect(results.map((result) => answersIn(result).map(({ verdict }) => verdict))).toEqual(
      configs.map(() => ['refused', 'ok']),
    );
    expect(results.map((result) => answersIn(result)[0]?.summary)).toEqual(
      configs.map(([, said]) => expect.stringContaining(said)),
    );
    expect(results.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(configs.map(() => [2, '']));
  });

  test('is checked in one line for each mistake; nothing is started with it', async () => {
    const path = file('two-mistakes.yaml', 'etcd: { clustres: {} }\nredis: { uri: x }\n');
    const [checked, started, manifest] = await Promise.all([
      quorum(['check', '--config', path]),
      quorum(['start', '--config', path]),
      quorum(['manifest', '--config', path]),
    ]);
    expect(checked.stdout.split('\n').slice(0, -1)).toEqual([
      expect.stringMatching(/^FAIL {2}config .*redis\.uri: unknown key; did you mean `url`\? → .+/),
      expect.stringMatching(/^FAIL {2}config .*etcd\.clustres: unknown key; did you mean `clusters`\? → .+/),
    ]);
    expect([checked, started, manifest].map(({ exitCode }) => exitCode)).toEqual([2, 2, 2]);
    expect([started, manifest].map(({ stdout }) => stdout)).toEqual(['', '']);
    expect(started.stderr).toContain('etcd.clustres: unknown key; did you mean `clusters`?');
  });
});

describe('recorded objects', () => {
  test('are answered as of when they were recorded', async () => {
    const directory = join(import.meta.dirname, 'fixtures', 'oom', 'limit-8u181-takes-the-host');
    const result = await quorum(['run', '/oom why x', '--recorded', directory, '--output', 'json']);
    expect(answersIn(result)).toEqual([
      expect.objectContaining({
        command: '/oom why x',
        verdict: 'findings',
        summary:
          'payments/billing-66b9fd7c4d-nq8zt: OOM-killed (7 restarts): heap may grow to 1992 MiB in 512 MiB; set -Xmx292m',
        asOf: expect.stringMatching(/^2026-02-11T03:1/),
      }),
    ]);
    expect(result.exitCode).toBe(1);
  });

  test('that are missing, not there or broken are refused; etcd has none', async () => {
    mkdirSync(join(terminal.folder, 'nothing'));
    mkdirSync(join(terminal.folder, 'broken'));
    file('broken/pod.json', '{"kind": "Pod"');
    const lines = '/oom why x\n/etcd health\n/oom why x --cluster other\n';
    const results = await Promise.all(
      ['nowhere', 'nothing', 'broken'].map((path) => quorum(['run', '-', '--recorded', path], lines)),
    );
    const summaries = results.map((result) => answersIn(result).map(({ summary }) => summary));
    const others = [
      'The config quorum.yaml cannot be read: there is no such file.',
      'There is no Kubernetes cluster `other`.',
    ];
    expect(summaries).toEqual([
      ['There is no pod.json in nowhere.', ...others],
      ['There is no pod.json in nothing.', ...others],
      [expect.stringMatching(/^broken\/pod\.json is not JSON: /), ...others],
    ]);
    expect(results.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
      [2, ''],
      [2, ''],
      [2, ''],
    ]);
  });
});

test('rbac prints roles for what is configured, and its options belong to it alone', async () => {
  const [printed, elsewhere, both] = await Promise.all([
    quorum(['rbac', '-n', 'shop', '--user', 'oncall']),
    quorum(['run', '/oom list', '--cluster', 'prod']),
    quorum(['rbac', '--cluster', 'nowhere']),
  ]);
  expect([printed.exitCode, printed.stderr]).toEqual([0, '']);
  expect(parseAllDocuments(printed.stdout).map((document) => document.toJS().kind)).toEqual([
    'Role',
    'RoleBinding',
    'Role',
    'RoleBinding',
    'ClusterRole',
    'ClusterRoleBinding',
  ]);
  expect(elsewhere.stderr).toContain('There is no option --cluster here\nA Slack command goes in quotes');
  expect(both.stderr).toContain('There is no Kubernetes cluster `nowhere` in the config.');
  expect([elsewhere.exitCode, both.exitCode]).toEqual([2, 2]);
});

test('the manifest is YAML that holds every noun and every scope', async () => {
  const { stdout, stderr, exitCode } = await quorum(['manifest']);
  expect([exitCode, stderr]).toEqual([0, '']);
  const { features, oauth_config } = parse(stdout);
  const nouns = [...new Set(commands.map(({ name }) => `/${name.split(' ')[0]}`))];
  expect(features.slash_commands.map(({ command }: { command: string }) => command)).toEqual(nouns);
  expect([...oauth_config.scopes.bot].sort()).toEqual(Object.keys(scopes).sort());
});
