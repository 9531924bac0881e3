import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type AskRoom, openAskRoom } from '../support/ask-room.ts';
import { findJava } from '../support/java.ts';
import type { ExecReply } from '../support/kubernetes/exec.ts';
import { waitFor } from '../support/process.ts';

const javas = findJava().filter(({ path, jdk }) => jdk.major >= 11 && hasJcmd(path));
/** A container as far as processes go: java is process 1 in a /proc of its own. */
const isPossible = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0 && javas.length > 0;

function hasJcmd(path: string): boolean {
  return spawnSync(join(dirname(path), 'jcmd'), ['-h']).status === 0;
}

const source = `public class Idle {
  public static void main(String[] args) throws Exception {
    byte[][] kept = new byte[8][];
    for (int i = 0; i < kept.length; i++) kept[i] = new byte[1 << 20];
    System.out.println("ready");
    Thread.sleep(600_000);
    System.out.println(kept.length);
  }
}`;

if (!isPossible)
  describe('a real JVM', () => {
    test.skip('is not asked: it takes a JDK with jcmd, and the right to make namespaces', () => {});
  });
else
  describe.each(javas.map(({ path, jdk }) => ({ path, jdk, name: jdk.text })))(
    'a real JVM of JDK $name',
    ({ path }) => {
      let folder: string;
      let room: AskRoom | undefined;
      let child: ChildProcess | undefined;
      let output = '';

      beforeAll(() => {
        folder = mkdtempSync(join(tmpdir(), 'quorum-idle-'));
        writeFileSync(join(folder, 'Idle.java'), source);
      });
      afterAll(() => rmSync(folder, { recursive: true }));
      afterEach(async () => {
        child?.kill('SIGKILL');
        await room?.stop();
        room = undefined;
      });

      /** The pid, seen from here, of process 1 in there. */
      function inside(): number {
        const parent = child?.pid ?? 0;
        const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(/\s+/);
        return Number(children[0]);
      }

      async function begin(flags: readonly string[], command: readonly string[]): Promise<AskRoom> {
        output = '';
        // The memory files would be this machine's own.
        const script = 'mount -t tmpfs none /sys/fs/cgroup; exec "$@"';
        const java = [path, ...flags, '-Ddb.password=hunter2-not-shown', join(folder, 'Idle.java')];
        child = spawn('unshare', ['-pf', '--mount-proc', '--kill-child', 'sh', '-c', script, 'sh', ...java]);
        const opened = await openAskRoom({ pod: { container: { command } } });
        room = opened;
        child.stdout?.on('data', (part: Buffer) => {
          output += part.toString();
          opened.api.setLog('shop', 'orders-1', 'app', output);
        });
        await waitFor('the program to run', () => output.includes('ready'), { timeoutMs: 20_000 });
        const pid = inside();
        opened.api.setExec(({ command: words }) => runInside(pid, words));
        return opened;
      }

      test('tells flags, heap, native memory and threads, and lives on', async () => {
        const flags = ['-Xmx80m', '-XX:+UseG1GC', '-XX:NativeMemoryTracking=summary'];
        const { asked, api } = await begin(flags, ['java', ...flags, '-jar', '/app.jar']);
        const change = await asked({ threads: true });
        expect(await change.run()).toEqual({ kind: 'done' });
        const { data, jvm } = change.intent as Record<string, Record<string, number>>;
        expect(jvm?.missing).toEqual([]);
        expect(data).toMatchObject({
          pid: 1,
          maxHeapBytes: 80 * 1024 ** 2,
          agrees: true,
          collector: 'G1',
          hasDeadlock: false,
        });
        expect(data?.heapUsedBytes).toBeGreaterThan(8 * 1024 ** 2);
        expect(data?.rssBytes).toBeGreaterThan(data?.anonymousBytes ?? 0);
        expect(change.notes['Thread dump taken']).toMatch(/^\d+ threads: \d+ [A-Z_]+/);
        // Every step was run twice: two dumps would have been two signals.
        expect(output.match(/^Full thread dump /gm)).toHaveLength(1);
        expect(JSON.stringify(change.intent)).not.toContain('hunter2');
        expect(api.executed().length).toBeGreaterThan(6);
        expect(child?.exitCode).toBeNull();
      }, 90_000);

      test('is left alone where it would die of a signal', async () => {
        const { asked } = await begin(['-Xrs', '-Xmx80m'], ['java', '-Xmx80m', '-jar', '/app.jar']);
        const change = await asked({ threads: true });
        expect(await change.run()).toEqual({ kind: 'done' });
        expect(JSON.stringify(change.intent.jvm)).toContain('does not catch SIGQUIT (-Xrs?)');
        expect(change.intent.data).toMatchObject({ maxHeapBytes: null, threads: expect.any(Number) });
        expect(child?.exitCode).toBeNull();
      }, 60_000);
    },
  );

function runInside(pid: number, words: readonly string[]): Promise<ExecReply> {
  return new Promise((done) => {
    const run = spawn('nsenter', ['-t', String(pid), '-p', '-m', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    run.stdout.on('data', (part: Buffer) => out.push(part));
    run.stderr.on('data', (part: Buffer) => err.push(part));
    run.on('close', (code) =>
      done({ stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), exitCode: code ?? 137 }),
    );
  });
}
