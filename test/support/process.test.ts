import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { transformSync } from '@swc/core';
import {
  findFreePorts,
  makeFolder,
  type RunningProcess,
  removeFolder,
  Stop,
  startProcess,
  waitFor,
} from './process.ts';

const started: RunningProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.kill()));
});

async function startShell(script: string, stopTimeoutMs = 2000): Promise<RunningProcess> {
  const running = await startProcess({ name: 'shell', command: '/bin/sh', args: ['-c', script], stopTimeoutMs });
  started.push(running);
  return running;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('A started process', () => {
  test('keeps its log of both streams, and tells how it ended', async () => {
    const running = await startShell('echo out; echo err >&2; exit 3');
    expect(await running.exited).toEqual({ code: 3, signal: null });
    expect(running.log().split('\n').sort()).toEqual(['', 'err', 'out']);
    expect(running.isRunning()).toBe(false);
  });

  test('is asked to end first, and killed where it does not listen', async () => {
    const polite = await startShell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    await waitFor('the trap', () => polite.log().includes('ready'));
    expect(await polite.stop()).toEqual({ code: 0, signal: null });

    const deaf = await startShell("trap '' TERM; echo ready; while :; do sleep 0.05; done", 100);
    await waitFor('the trap', () => deaf.log().includes('ready'));
    expect(await deaf.stop()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('can be stopped while it hangs', async () => {
    const running = await startShell('exec sleep 60');
    running.pause();
    expect(running.isPaused()).toBe(true);
    expect(await running.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  test('that does not exist is told by its name', async () => {
    await expect(startProcess({ name: 'etcd etcd-1', command: '/nowhere/etcd', args: [] })).rejects.toThrow(
      'etcd etcd-1 could not be started (/nowhere/etcd): spawn /nowhere/etcd ENOENT',
    );
  });

  test('ends, and its folder goes, even where its parent is killed with SIGKILL', async () => {
    const folder = makeFolder('quorum-orphan');
    const source = readFileSync(join(import.meta.dirname, 'process.ts'), 'utf8');
    const { code } = transformSync(source, {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    });
    writeFileSync(join(folder, 'process.mjs'), code);
    writeFileSync(
      join(folder, 'parent.mjs'),
      `import { makeFolder, startProcess } from './process.mjs';
       const folder = makeFolder('quorum-orphan-child');
       makeFolder('quorum-orphan-child');
       const child = await startProcess({ name: 'sleep', command: 'sleep', args: ['60'] });
       console.log(JSON.stringify({ folder, pid: child.pid }));
       setInterval(() => {}, 1000);`,
    );
    const parent = spawn(process.execPath, [join(folder, 'parent.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const told = await new Promise<{ folder: string; pid: number }>((resolve) => {
      parent.stdout.once('data', (text) => resolve(JSON.parse(String(text))));
    });
    expect(isAlive(told.pid)).toBe(true);
    parent.kill('SIGKILL');
    await waitFor('the end of the orphan', () => !isAlive(told.pid));
    await waitFor('the end of its folder', () => !existsSync(told.folder));
    removeFolder(folder);
  });
});

describe('Free ports', () => {
  test('are different, really free, and below those that systems give to outgoing connections', async () => {
    const ports = await findFreePorts(20);
    expect(new Set(ports).size).toBe(20);
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(15_000);
      expect(port).toBeLessThan(30_000);
    }
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(ports[0], '127.0.0.1', resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('Waiting for a condition', () => {
  test('gives back what the condition gave', async () => {
    let asked = 0;
    const value = await waitFor('a third look', () => {
      asked += 1;
      return asked >= 3 && `look ${asked}`;
    });
    expect(value).toBe('look 3');
  });

  test('says after the deadline what it waited for and the last error', async () => {
    const never = waitFor('the impossible', () => Promise.reject(new Error('not yet')), { timeoutMs: 30 });
    await expect(never).rejects.toThrow('the impossible: not within 30 ms: not yet');
  });

  test('ends at once where the check says that it is of no use', async () => {
    const useless = waitFor('a dead process', () => {
      throw new Stop(new Error('it ended'));
    });
    await expect(useless).rejects.toThrow(/^it ended$/);
  });
});
