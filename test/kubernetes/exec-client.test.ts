import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { type ExecBounds, ExecFailure } from '../../src/kubernetes/exec.ts';
import { askPod } from '../support/ask-room.ts';
import { type KubernetesApi, type KubernetesOptions, startKubernetes } from '../support/kubernetes/api.ts';
import { kubeconfigText } from '../support/kubernetes/kubeconfig.ts';

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;
const place = { namespace: 'shop', pod: 'orders-1', container: 'app' };

async function start(options: KubernetesOptions & { user?: string } = {}): Promise<void> {
  const { user, ...server } = options;
  api = await startKubernetes({ objects: [askPod()], ...server });
  const kubeconfig = join(folder, 'kubeconfig');
  await api.writeKubeconfig(kubeconfig, user);
  cluster = await connectKubernetes({
    name: 'prod',
    kubeconfig,
    namespaces: [],
    allowExec: true,
    requestTimeoutMs: 2000,
  });
}

const run = (command: readonly string[] = ['cat', '/proc/1/status'], bounds: Partial<ExecBounds> = {}) => {
  const { exec } = cluster;
  if (exec === undefined) throw new Error('no exec');
  return exec.run(place, command, { timeoutMs: 5000, limitBytes: 1024 * 1024, ...bounds });
};

async function failureOf(promise: Promise<unknown>): Promise<ExecFailure> {
  const thrown = await promise.then(
    () => new Error('it was run'),
    (error: unknown) => error,
  );
  if (thrown instanceof ExecFailure) return thrown;
  throw thrown;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-exec-'));
});
afterEach(async () => {
  await cluster.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

describe('a command in a container', () => {
  test('is run with its words as they are, and its two outputs and exit code come back', async () => {
    await start();
    api.setExec(() => ({ stdout: 'über\n', stderr: 'no\n', exitCode: 3 }));
    const words = ['sh', '-c', 'echo "$1" && x', 'a b', '', '+&%?#', '日本'];
    expect(await run(words)).toEqual({ ending: 'ended', exitCode: 3, stdout: 'über\n', stderr: 'no\n' });
    expect(api.executed()).toEqual([{ ...place, command: words }]);
  });

  test.each(['v4.channel.k8s.io', 'v5.channel.k8s.io'])('is run by servers that speak %s', async (protocol) => {
    await start();
    api.setExec(() => ({ stdout: 'x', protocol }));
    expect(await run()).toMatchObject({ ending: 'ended', exitCode: 0, stdout: 'x' });
  });

  test('is read to its end where output comes after the status', async () => {
    await start();
    api.setExec(() => ({ stdout: 'late', trouble: 'late output' }));
    expect(await run()).toMatchObject({ exitCode: 0, stdout: 'late' });
  });

  test('survives frames that nobody sends', async () => {
    await start();
    api.setExec(() => ({ stdout: 'x', trouble: 'odd frames' }));
    expect(await run()).toMatchObject({ exitCode: 0, stdout: 'x' });
  });

  test('that writes without end is left at the limit', async () => {
    await start();
    api.setExec(() => ({ stdout: 'y'.repeat(5_000_000) }));
    const answer = await run(['yes'], { limitBytes: 100_000 });
    expect([answer.ending, answer.stdout.length]).toEqual(['too much', 100_000]);
  });

  test('that hangs is left at the deadline, with what it had said', async () => {
    await start();
    api.setExec(() => ({ stdout: 'halfhalf', trouble: 'hang' }));
    expect(await run(undefined, { timeoutMs: 300 })).toMatchObject({
      ending: 'deadline',
      exitCode: undefined,
      stdout: 'half',
    });
  });

  test('whose connection is cut is told from one that ended', async () => {
    await start();
    api.setExec(() => ({ stdout: 'halfhalf', trouble: 'cut' }));
    expect(await run()).toMatchObject({ ending: 'cut', exitCode: undefined, stdout: 'half' });
    api.setExec(() => ({ stdout: 'x', trouble: 'no status' }));
    expect(await run()).toMatchObject({ ending: 'cut', exitCode: undefined });
  });
});

describe('why a command is not run', () => {
  test('a missing permission is named with both verbs', async () => {
    await start({ users: [{ token: 't', name: 'eve', may: () => false }], user: 'eve' });
    const failure = await failureOf(run());
    expect([failure.kind, failure.message]).toEqual([
      'forbidden',
      'pods/exec: forbidden: Quorum may not create pods/exec in namespace shop.',
    ]);
    expect(failure.advice).toContain('Grant get and create pods/exec in namespace shop');
    expect(api.executed()).toEqual([]);
  });

  test('from Kubernetes 1.35 on get alone is not enough', async () => {
    const may = (verb: string) => verb === 'get';
    const users = [{ token: 't', name: 'eve', may }];
    await start({ users, user: 'eve', version: 'v1.34.1' });
    api.setExec(() => ({}));
    expect(await run()).toMatchObject({ exitCode: 0 });
    await cluster.close();
    await api.stop();
    await start({ users, user: 'eve', version: 'v1.35.0' });
    expect((await failureOf(run())).kind).toBe('forbidden');
  });

  test('a pod that is gone, and a container that does not run', async () => {
    await start();
    api.load([askPod({ state: { waiting: { reason: 'CrashLoopBackOff' } } })]);
    expect(await failureOf(run())).toMatchObject({ kind: 'not running' });
    api.remove('Pod', 'shop', 'orders-1');
    expect(await failureOf(run())).toMatchObject({ kind: 'missing', message: 'The pod shop/orders-1 is gone (404).' });
  });

  test('an image without the program, in the words of both runtimes', async () => {
    await start();
    api.setExec(() => ({
      notStarted:
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown',
    }));
    expect(await failureOf(run(['sh']))).toMatchObject({ kind: 'no program' });
    api.setExec(() => ({
      stdout: 'OCI runtime exec failed: exec: "sh": executable file not found in $PATH\r\n',
      exitCode: 126,
    }));
    expect(await failureOf(run(['sh']))).toMatchObject({ kind: 'no program' });
  });

  test('secrets in what the runtime says are masked', async () => {
    await start();
    api.setExec(() => ({ notStarted: 'cannot start with password=hunter2-not-shown' }));
    expect((await failureOf(run())).message).not.toContain('hunter2');
  });

  test('a server that does not answer costs the deadline and no more', async () => {
    await start();
    api.fault({ resource: 'pods/exec', times: 1, kind: 'hang' });
    const began = Date.now();
    expect(await failureOf(run(undefined, { timeoutMs: 400 }))).toMatchObject({ kind: 'unreachable' });
    expect(Date.now() - began).toBeLessThan(2000);
    await api.down();
    expect((await failureOf(run())).message).toContain('connection refused');
    await api.up();
  });

  test.each([
    ['answers as if it were any request', 200, '<html>Sign in</html>'],
    ['takes away the upgrade', 400, '{"kind":"Status","message":"Upgrade request required"}'],
    ['does not know it', 502, 'Bad Gateway'],
  ])('a proxy in between that %s is told as one', async (_what, status, body) => {
    await start();
    const proxy = createServer((_request, response) => response.writeHead(status).end(body));
    proxy.on('upgrade', (_request, socket) =>
      socket.end(`HTTP/1.1 ${status} X\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`),
    );
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const kubeconfig = join(folder, 'proxied');
    await writeFile(kubeconfig, kubeconfigText({ url, user: 'admin', token: 't' }));
    const proxied = await connectKubernetes({ name: 'prod', kubeconfig, namespaces: [], allowExec: true });
    const failure = await failureOf(
      proxied.exec?.run(place, ['cat'], { timeoutMs: 3000, limitBytes: 1000 }) ?? Promise.resolve(),
    );
    expect(failure.kind).toBe('no upgrade');
    await proxied.close();
    proxy.closeAllConnections();
    await new Promise((done) => proxy.close(done));
  });
});
