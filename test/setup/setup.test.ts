import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findBinary } from '../../scripts/binaries.mjs';
import { installNodeModules } from '../../scripts/node-modules.mjs';
import { packagesToUnpack } from '../../scripts/packages.mjs';
import { countLine, failedFiles, withSecondRun } from '../../scripts/results.mjs';
import { checkNodeVersion, SetupError, setUp } from '../../scripts/setup.mjs';
import { runToEnd } from '../support/command-line.ts';
import { makeFolder, removeFolder } from '../support/process.ts';

const projectRoot = join(import.meta.dirname, '..', '..');
/** Packages of Debian and Ubuntu are no way on other systems. */
const onLinux = process.platform === 'linux' ? test : test.skip;
let folder: string;
const environment = { ...process.env };
const VARIABLES = ['PATH', 'XDG_CACHE_HOME', 'REDIS_URL', 'QUORUM_ETCD_ENDPOINTS'] as const;

beforeEach(() => {
  folder = makeFolder('quorum-setup');
  delete process.env.REDIS_URL;
  delete process.env.QUORUM_ETCD_ENDPOINTS;
});
afterEach(() => {
  removeFolder(folder);
  for (const name of VARIABLES) {
    const value = environment[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

function program(path: string, text = '#!/bin/sh\n'): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

describe('Set-up', () => {
  test('asks for Node.js 20.19, and says how to get it', () => {
    expect(() => checkNodeVersion('20.19.0')).not.toThrow();
    expect(() => checkNodeVersion('24.0.1')).not.toThrow();
    for (const tooOld of ['18.20.8', '20.18.3']) {
      expect(() => checkNodeVersion(tooOld)).toThrow(`This is Node.js ${tooOld}, and Quorum needs 20.19 or newer.`);
    }
  });

  test('takes the programs on PATH first, and those in the cache folder with their own libraries', () => {
    process.env.PATH = join(folder, 'path');
    process.env.XDG_CACHE_HOME = join(folder, 'cache');
    const unpacked = `cache/quorum/packages/${process.platform}-${process.arch}/redis/usr`;
    const cached = program(`${unpacked}/bin/redis-server`);
    mkdirSync(join(folder, unpacked, 'lib', 'x86_64-linux-gnu'), { recursive: true });

    const fromCache = findBinary('redis-server');
    expect(fromCache?.path).toBe(cached);
    expect(fromCache?.env.LD_LIBRARY_PATH?.split(':').slice(0, 2)).toEqual([
      join(folder, unpacked, 'lib', 'x86_64-linux-gnu'),
      join(folder, unpacked, 'lib'),
    ]);
    const onPath = program('path/redis-server');
    expect(findBinary('redis-server')?.path).toBe(onPath);
  });

  test('takes from a simulated installation what is not there yet, and leaves upgrades alone', () => {
    const simulation = [
      'Inst libjemalloc2 (5.3.0-1 Debian:12.15/oldstable [amd64])',
      'Inst libssl3 [3.0.15-1] (3.0.17-1 Debian:12.15/oldstable [amd64])',
      'Inst redis-tools (5:7.0.15-1 Debian-Security:12/oldstable-security [amd64])',
      'Conf libjemalloc2 (5.3.0-1 Debian:12.15/oldstable [amd64])',
    ].join('\n');
    expect(packagesToUnpack(simulation)).toEqual(['libjemalloc2', 'redis-tools']);
  });

  test('installs nothing for a Redis that REDIS_URL names', async () => {
    process.env.PATH = join(folder, 'nothing');
    process.env.XDG_CACHE_HOME = join(folder, 'cache');
    process.env.REDIS_URL = 'redis://cache.test:6379';
    const lines: string[] = [];
    const { env } = await setUp({ parts: ['redis'], log: (line) => lines.push(line) });
    expect(env.REDIS_URL).toBe('redis://cache.test:6379');
    expect(lines).toEqual([]);
    expect(existsSync(join(folder, 'cache'))).toBe(false);
  });

  test('says in one message what to install where there is no way to get it', async () => {
    process.env.PATH = join(folder, 'nothing');
    process.env.XDG_CACHE_HOME = join(folder, 'cache');
    const error: unknown = await setUp({ parts: ['redis'], log: () => undefined }).catch((reason: unknown) => reason);
    if (!(error instanceof SetupError)) throw new Error(`no SetupError but ${String(error)}`);
    expect(error.message).toBe('Redis is not on this machine and could not be fetched.');
    expect(error.advice).toContain('sudo apt-get install redis-server redis-tools');
    expect(error.advice).toContain('brew install redis');
    expect(error.advice).toContain('REDIS_URL=redis://127.0.0.1:6379');
  });

  onLinux('tells what apt said where the packages cannot be downloaded', async () => {
    for (const name of ['dpkg-deb', 'apt-cache', 'dpkg']) program(`path/${name}`);
    program(
      'path/apt-get',
      '#!/bin/sh\ncase "$*" in *--version*) exit 0;; esac\necho "E: Failed to fetch: Temporary failure resolving" >&2\nexit 100\n',
    );
    process.env.PATH = join(folder, 'path');
    process.env.XDG_CACHE_HOME = join(folder, 'cache');
    await expect(setUp({ parts: ['etcd'], log: () => undefined })).rejects.toThrow(
      'packages: apt-get update failed: E: Failed to fetch: Temporary failure resolving',
    );
  });

  test('takes Homebrew where there are no Debian packages', async () => {
    const installed = join(folder, 'path', 'redis-server');
    program(
      'path/brew',
      `#!/bin/sh\n[ "$1" = install ] && { : > ${installed}; /bin/chmod +x ${installed}; }\nexit 0\n`,
    );
    process.env.PATH = join(folder, 'path');
    process.env.XDG_CACHE_HOME = join(folder, 'cache');
    const lines: string[] = [];
    await setUp({ parts: ['redis'], log: (line) => lines.push(line) });
    expect(lines).toEqual(['Redis: brew install', 'Redis: there after 0 s']);
    expect(findBinary('redis-server')?.path).toBe(installed);
  });

  test('takes docker compose last, and names what it started in the environment', async () => {
    program('path/docker', `#!/bin/sh\necho "$*" >> ${join(folder, 'calls')}\n[ "$2" = cp ] && : > "$4"\nexit 0\n`);
    process.env.PATH = join(folder, 'path');
    process.env.XDG_CACHE_HOME = join(folder, 'cache');
    const { env } = await setUp({ parts: ['redis', 'etcd'], log: () => undefined });
    const calls = readFileSync(join(folder, 'calls'), 'utf8').split('\n');
    expect(calls).toContain('compose up --detach --wait redis');
    expect(calls).toContain('compose up --detach --wait etcd1 etcd2 etcd3');
    expect(env).toMatchObject({
      REDIS_URL: 'redis://127.0.0.1:6379',
      QUORUM_ETCD_ENDPOINTS: 'https://127.0.0.1:2379,https://127.0.0.1:22379,https://127.0.0.1:32379',
      QUORUM_ETCD_CERT: join(folder, 'cache', 'quorum', 'compose', 'client.crt'),
    });
    expect(existsSync(join(folder, 'cache', 'quorum', 'compose', 'client.key'))).toBe(true);
  });

  test('does nothing, and quickly, where all is there', async () => {
    const started = performance.now();
    const lines: string[] = [];
    await setUp({ parts: ['libraries', 'redis', 'etcd'], log: (line) => lines.push(line) });
    expect(lines).toEqual([]);
    expect(performance.now() - started).toBeLessThan(300);
  });
});

describe('The libraries', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '2.0.0', optional: true },
    },
  };
  const notedBy = (packages: object): void => {
    mkdirSync(join(folder, 'node_modules', 'a'), { recursive: true });
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    writeFileSync(join(folder, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
  };

  test('are taken as they are where npm ci has been run by hand', async () => {
    notedBy({ 'node_modules/a': { version: '1.0.0' } });
    process.env.PATH = join(folder, 'nothing');
    expect(await installNodeModules({ root: folder })).toBe(true);
    expect(readFileSync(join(folder, 'node_modules', '.quorum-lock-hash'), 'utf8')).toMatch(/^[0-9a-f]{64} /);
    expect(await installNodeModules({ root: folder })).toBe(false);
  });

  test('are installed anew where they are not what the lock file says', async () => {
    notedBy({ 'node_modules/a': { version: '0.9.0' } });
    program('path/npm', '#!/bin/sh\necho "$*" > npm-was-called\n');
    process.env.PATH = `${join(folder, 'path')}:${environment.PATH}`;
    await installNodeModules({ root: folder });
    expect(readFileSync(join(folder, 'npm-was-called'), 'utf8')).toContain('ci --no-audit');
  });

  test('that cannot be fetched are told with what npm said and what to do', async () => {
    notedBy({});
    program('path/npm', '#!/bin/sh\necho "npm error code ENOTFOUND" >&2\nexit 1\n');
    process.env.PATH = `${join(folder, 'path')}:${environment.PATH}`;
    await expect(installNodeModules({ root: folder })).rejects.toMatchObject({
      message: 'npm ci could not reach its registry.\nnpm error code ENOTFOUND',
      advice: expect.stringContaining('Check the network'),
    });
    expect(existsSync(join(folder, 'node_modules', '.quorum-lock-hash'))).toBe(false);
  });
});

describe('The last line of npm test', () => {
  test('counts what passed, failed and was skipped', () => {
    expect(countLine({ numPassedTests: 12, numFailedTests: 0 }, 0)).toBe('12 passed, 0 failed');
    expect(countLine({ numPassedTests: 12, numFailedTests: 2, numPendingTests: 1, numTodoTests: 3 }, 1)).toBe(
      '12 passed, 2 failed, 4 skipped',
    );
  });

  test('counts a file that does not load, and a run that wrote no results, as a failure', () => {
    expect(countLine({ numPassedTests: 3, numFailedTests: 0, numRuntimeErrorTestSuites: 1 }, 1)).toBe(
      '3 passed, 1 failed',
    );
    expect(countLine(undefined, 134)).toBe('0 passed, 1 failed');
  });
});

test('.ci/run calls npm test in the project, and nothing else', async () => {
  const npm = program('path/npm', '#!/bin/sh\necho "$PWD: $0 $*"\n');
  const { stdout, exitCode } = await runToEnd({
    name: '.ci/run',
    command: join(projectRoot, '.ci', 'run'),
    args: [],
    cwd: folder,
    env: { ...process.env, PATH: `${join(folder, 'path')}:${environment.PATH}` },
  });
  expect({ stdout, exitCode }).toEqual({ stdout: `${projectRoot}: ${npm} test\n`, exitCode: 0 });
});

test('a file that failed beside others counts by its second run, alone', () => {
  const file = (name: string, ...statuses: string[]) => ({
    name,
    status: statuses.includes('failed') ? 'failed' : 'passed',
    assertionResults: statuses.map((status) => ({ status })),
  });
  const first = {
    numPassedTests: 3,
    numFailedTests: 1,
    numPendingTests: 2,
    testResults: [file('a', 'passed', 'passed', 'pending'), file('b', 'passed', 'failed', 'pending')],
  };
  expect(failedFiles(first)).toEqual(['b']);
  const mended = {
    numPassedTests: 2,
    numFailedTests: 0,
    numPendingTests: 1,
    testResults: [file('b', 'passed', 'passed', 'pending')],
  };
  expect(countLine(withSecondRun(first, mended), 0)).toBe('4 passed, 0 failed, 2 skipped');
  const stillFails = {
    numPassedTests: 1,
    numFailedTests: 1,
    numPendingTests: 1,
    testResults: [file('b', 'passed', 'failed', 'pending')],
  };
  expect(countLine(withSecondRun(first, stillFails), 1)).toBe('3 passed, 1 failed, 2 skipped');
});
