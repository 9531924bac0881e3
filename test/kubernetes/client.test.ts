import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { connectKubernetes, type KubernetesConfig } from '../../src/kubernetes/client.ts';
import { Refusal } from '../../src/refusal.ts';
import { type Authority, issue, makeAuthority } from '../support/certificates.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';

const reader = {
  token: 'a-token-for-pods-in-shop',
  name: 'reader',
  may: (_verb: string, _group: string, resource: string, namespace: string) =>
    resource === 'pods' && namespace === 'shop',
};
const [checkoutNamespace = '', checkout = ''] = recordedPods.unaware.split('/');

let folder: string;
let api: KubernetesApi;
const servers: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-client-'));
  api = await startKubernetes({ ...loadRecorded({ now: new Date() }), users: [reader] });
});
afterEach(async () => {
  api.clearFaults();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});

let files = 0;
async function kubeconfigFile(content: string): Promise<string> {
  files += 1;
  const path = join(folder, `kubeconfig-${files}`);
  await writeFile(path, content);
  return path;
}

async function connect(content: string, more: Partial<KubernetesConfig> = {}) {
  return connectKubernetes({ name: 'prod', kubeconfig: await kubeconfigFile(content), namespaces: [], ...more });
}

function kubeconfigFor(
  server: string,
  cluster: Record<string, unknown> = {},
  user: Record<string, unknown> = { token: 'x' },
): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'one', cluster: { server, ...cluster } }],
    users: [{ name: 'ann', user }],
    contexts: [
      { name: 'one', context: { cluster: 'one', user: 'ann' } },
      { name: 'two', context: { cluster: 'lost', user: 'ann' } },
    ],
    'current-context': 'one',
  });
}

async function refusalOf(
  promise: Promise<unknown>,
): Promise<{ message: string; advice: string; choices: readonly string[] }> {
  const error = await promise.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Refusal)) throw error;
  return { message: error.message, advice: error.advice, choices: error.choices };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

describe('a Kubernetes cluster', () => {
  test('is read as plain data', async () => {
    const cluster = await connect(api.kubeconfig());
    const pod = await cluster.getPod(checkoutNamespace, checkout);
    expect(pod?.status.containerStatuses[0]?.lastState.terminated).toMatchObject({
      reason: 'OOMKilled',
      exitCode: 137,
    });
    expect((await cluster.getNode('node-1'))?.status.capacity.memory).toBe('8155000Ki');
    expect((await cluster.getWorkload('Deployment', 'shop', 'checkout'))?.spec.replicas).toBe(2);
    expect((await cluster.findWorkloads('StatefulSet', 'search')).map(({ metadata }) => metadata.namespace)).toEqual([
      'jobs',
      'shop',
    ]);
    expect((await cluster.listEvents(checkoutNamespace, checkout)).length).toBeGreaterThan(0);
    expect((await cluster.podMetrics('shop', recordedPods.web.split('/')[1] ?? ''))?.containers[0]?.name).toBe('web');
    expect(await cluster.version()).toBe('v1.20.15');
    expect(cluster.address).toBe(api.url);
    await cluster.close();
  });

  test('has nothing where something does not exist, and that is no refusal', async () => {
    const cluster = await connect(api.kubeconfig());
    expect(await cluster.getPod('shop', 'nope')).toBeUndefined();
    expect(await cluster.getNode('nope')).toBeUndefined();
    expect(await cluster.getWorkload('DaemonSet', 'shop', 'nope')).toBeUndefined();
    expect(await cluster.podMetrics('shop', 'nope')).toBeUndefined();
    expect(
      await cluster.podLog('shop', recordedPods.web.split('/')[1] ?? '', 'web', { previous: true, limitBytes: 1000 }),
    ).toBeUndefined();
    expect(await cluster.podLog('shop', 'nope', 'web', { previous: false, limitBytes: 1000 })).toBeUndefined();
    await cluster.close();
  });

  test('gives the end of a log, and its beginning', async () => {
    const cluster = await connect(api.kubeconfig());
    api.setLog('shop', checkout, 'checkout', 'one\ntwo\nthree\n', { previous: true });
    const log = (query: { tailLines?: number; limitBytes: number }) =>
      cluster.podLog(checkoutNamespace, checkout, 'checkout', { previous: true, ...query });
    expect(await log({ tailLines: 1, limitBytes: 1000 })).toBe('three\n');
    expect(await log({ limitBytes: 5 })).toBe('one\nt');
    await cluster.close();
  });

  test('pages through its pods', async () => {
    const cluster = await connect(api.kubeconfig());
    const first = await cluster.listPods({ namespace: 'shop', limit: 3 });
    const second = await cluster.listPods({ namespace: 'shop', limit: 500, continue: first.continue });
    const names = [...first.pods, ...second.pods].map(({ metadata }) => metadata.name);
    expect(first.pods).toHaveLength(3);
    expect(second.continue).toBeUndefined();
    expect(new Set(names).size).toBe(names.length);
    await cluster.close();
  });

  test('tells what may be done', async () => {
    const cluster = await connect(api.kubeconfig('reader'));
    expect(await cluster.canI({ verb: 'get', resource: 'pods', namespace: 'shop' })).toBe(true);
    expect(await cluster.canI({ verb: 'get', resource: 'pods/log', namespace: 'shop' })).toBe(false);
    expect(await cluster.canI({ verb: 'get', resource: 'nodes' })).toBe(false);
    await cluster.close();
  });

  test('is asked with names as names, whatever is in them', async () => {
    const cluster = await connect(api.kubeconfig());
    expect(await cluster.getPod('shop', '../../nodes/node-1?x=')).toBeUndefined();
    expect(api.requests().at(-1)?.path).not.toContain('/nodes/node-1');
    await cluster.close();
  });
});

describe('a request that fails', () => {
  test('for a permission names verb, resource and place, and how to grant it', async () => {
    const cluster = await connect(api.kubeconfig('reader'));
    expect(await refusalOf(cluster.listEvents('shop', 'x'))).toMatchObject({
      message: 'events: forbidden: Quorum may not list events in namespace shop.',
      advice: 'Grant list events in namespace shop to Quorum’s identity.',
    });
    expect(await refusalOf(cluster.getNode('node-1'))).toMatchObject({
      message: 'nodes: forbidden: Quorum may not get nodes in this cluster.',
    });
    expect(await refusalOf(cluster.listPods({ limit: 1 }))).toMatchObject({
      message: 'pods: forbidden: Quorum may not list pods in all namespaces.',
      advice: 'Grant list pods with a ClusterRole, in all namespaces to Quorum’s identity.',
    });
    await cluster.close();
  });

  test.each([
    [
      { status: 401 },
      'The Kubernetes API of prod does not know who asks (401). It said: Unauthorized',
      'The token or certificate in the kubeconfig is wrong or has expired: renew it.',
    ],
    [
      { status: 429, retryAfterSeconds: 7 },
      'The Kubernetes API of prod is too busy to get pods (429).',
      'Ask again in 7 s.',
    ],
    [
      { status: 503 },
      'The Kubernetes API of prod failed to get pods (503).',
      'Ask again; if it stays, look at the API server and its etcd at',
    ],
    [
      { kind: 'hang' },
      'The Kubernetes API of prod did not answer within 150 ms.',
      'is reachable from where Quorum runs, or raise requestTimeout.',
    ],
    [
      { kind: 'reset' },
      'The connection to the Kubernetes API of prod broke:',
      'is reachable from where Quorum runs, and ask again.',
    ],
  ] as const)('with %j says what and what to do', async (fault, message, advice) => {
    const cluster = await connect(api.kubeconfig(), {
      requestTimeoutMs: 'kind' in fault && fault.kind === 'hang' ? 150 : 3000,
    });
    api.fault({ ...fault, times: 1 });
    const refusal = await refusalOf(cluster.getPod('shop', 'x'));
    expect(refusal.message).toContain(message);
    expect(refusal.advice).toContain(advice);
    expect(await cluster.getPod('shop', 'x')).toBeUndefined();
    await cluster.close();
  });

  test('where nobody listens', async () => {
    const port = await listen(createHttpServer());
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    const cluster = await connect(kubeconfigFor(`https://127.0.0.1:${port}`));
    expect(await refusalOf(cluster.getPod('shop', 'x'))).toMatchObject({
      message: `Nobody listens at https://127.0.0.1:${port}, the Kubernetes API of prod (connection refused).`,
    });
  });

  test('where the name cannot be resolved', async () => {
    const cluster = await connect(kubeconfigFor('https://api.nowhere.invalid:6443'));
    expect([
      'The name in https://api.nowhere.invalid:6443, the Kubernetes API of prod, cannot be resolved.',
      'The Kubernetes API of prod did not answer within 3 s.',
    ]).toContain((await refusalOf(cluster.getPod('shop', 'x'))).message);
  });

  test.each([
    [
      'a page',
      200,
      'text/html',
      '<html>log in</html>',
      'did not answer as the Kubernetes API of prod: not JSON: <html>log in</html>',
    ],
    [
      'other JSON',
      200,
      'application/json',
      '{"metadata":{"name":7}}',
      'did not answer as the Kubernetes API of prod: metadata.name:',
    ],
    ['a redirect to nowhere', 204, 'text/plain', '', 'answered 204 where the Kubernetes API of prod was expected.'],
  ])('where something else answers: %s', async (_what, status, type, body, message) => {
    const port = await listen(
      createHttpServer((_request, response) => {
        response.writeHead(status, { 'content-type': type, connection: 'close' });
        response.end(status === 204 ? undefined : body);
      }),
    );
    const cluster = await connect(kubeconfigFor(`http://127.0.0.1:${port}`, { 'insecure-skip-tls-verify': true }));
    expect((await refusalOf(cluster.getPod('shop', 'x'))).message).toContain(message);
    await cluster.close();
  });
});

describe('TLS with a Kubernetes API', () => {
  let authority: Authority;
  let other: Authority;
  beforeAll(async () => {
    authority = await makeAuthority('cluster');
    other = await makeAuthority('another');
  });
  const ca = (of: Authority) => ({ 'certificate-authority-data': Buffer.from(of.certPem).toString('base64') });

  async function serve(addresses: readonly string[], notAfter?: Date): Promise<number> {
    const { certPem, keyPem } = await issue(authority, {
      commonName: 'api',
      addresses,
      usages: ['server'],
      ...(notAfter === undefined ? {} : { notBefore: new Date('2020-01-01'), notAfter }),
    });
    return listen(
      createTlsServer({ cert: certPem, key: keyPem }, (_request, response) => {
        response.writeHead(404, { connection: 'close' });
        response.end('{}');
      }),
    );
  }

  test('works with the right CA', async () => {
    const cluster = await connect(kubeconfigFor(`https://127.0.0.1:${await serve(['127.0.0.1'])}`, ca(authority)));
    expect(await cluster.getPod('shop', 'x')).toBeUndefined();
    await cluster.close();
  });

  test('is refused with another CA, an expired certificate or a name that is not in it, each told apart', async () => {
    const good = await serve(['127.0.0.1']);
    const expired = await serve(['127.0.0.1'], new Date('2021-01-01'));
    const elsewhere = await serve(['10.9.9.9']);
    const messages = await Promise.all(
      [
        connect(kubeconfigFor(`https://127.0.0.1:${good}`, ca(other))),
        connect(kubeconfigFor(`https://127.0.0.1:${expired}`, ca(authority))),
        connect(kubeconfigFor(`https://127.0.0.1:${elsewhere}`, ca(authority))),
      ].map(async (connecting) => refusalOf((await connecting).getPod('shop', 'x'))),
    );
    expect(messages.map(({ advice }) => advice)).toEqual([
      'Put the cluster’s CA into certificate-authority-data of the kubeconfig.',
      'The API server’s certificate has expired: renew it.',
      'The server address in the kubeconfig is not among the certificate’s names: use one that is, or set tls-server-name.',
    ]);
  });

  test('is refused when the kubeconfig’s certificate is no certificate', async () => {
    const port = await serve(['127.0.0.1']);
    const user = {
      'client-certificate-data': Buffer.from('nonsense').toString('base64'),
      'client-key-data': Buffer.from('x').toString('base64'),
    };
    const cluster = await connect(kubeconfigFor(`https://127.0.0.1:${port}`, ca(authority), user));
    expect((await refusalOf(cluster.getPod('shop', 'x'))).message).toContain(
      'TLS with the Kubernetes API of prod failed:',
    );
  });

  test('is asked for where the kubeconfig says http and does not say that it means it', async () => {
    const cluster = await connect(kubeconfigFor('http://127.0.0.1:1'));
    expect(await refusalOf(cluster.getPod('shop', 'x'))).toMatchObject({
      message: 'The kubeconfig of prod names a server without TLS (http://127.0.0.1:1).',
    });
  });
});
