import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { type ApiException, CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node';
import { apiCases } from '../kubernetes/api-cases.ts';
import { closeSubject, surveyCluster } from '../kubernetes/api-subject.ts';
import { type KubernetesApi, type KubernetesOptions, startKubernetes } from './kubernetes/api.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { loadRecorded, recordedPods } from './kubernetes/recorded.ts';

const nobody = { token: 'the-token-of-nobody', name: 'nobody', may: () => false };
const folder = await mkdtemp(join(tmpdir(), 'quorum-kubernetes-'));
afterAll(() => rm(folder, { recursive: true }));

const started: KubernetesApi[] = [];
afterEach(async () => {
  for (const api of started.splice(0)) await api.stop();
});

async function start(options: KubernetesOptions = {}): Promise<KubernetesApi> {
  const api = await startKubernetes(options);
  started.push(api);
  return api;
}

function clientOf(api: KubernetesApi, user?: string): CoreV1Api {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig(user));
  return kubeConfig.makeApiClient(CoreV1Api);
}

function pod(namespace: string, name: string, containers = ['app']): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app: name } },
    spec: { nodeName: 'node-1', containers: containers.map((each) => ({ name: each, image: 'openjdk:8u181-jre' })) },
    status: {
      phase: 'Running',
      containerStatuses: containers.map((each) => ({
        name: each,
        restartCount: 0,
        state: { running: { startedAt: '2026-11-03T09:00:00Z' } },
      })),
    },
  };
}

// One server for all cases, with what the recorded cluster lacks: a pod of two containers.
const recorded = await startKubernetes({ ...loadRecorded({ now: new Date() }), users: [nobody] });
recorded.load([pod('shop', 'duo', ['app', 'sidecar'])]);
await recorded.writeKubeconfig(join(folder, 'admin'));
await recorded.writeKubeconfig(join(folder, 'nobody'), 'nobody');
const subject = await surveyCluster(join(folder, 'admin'), join(folder, 'nobody'));

describe('the recorded Kubernetes API', () => {
  afterAll(async () => {
    await closeSubject(subject);
    await recorded.stop();
  });
  for (const { title, applies, run } of apiCases) {
    test(title, async () => {
      expect(applies === undefined || applies(subject)).toBe(true);
      await run(subject);
    });
  }
});

describe('the recorded cluster', () => {
  const now = new Date('2030-01-02T03:04:05.678Z');
  const { objects, logs, metrics } = loadRecorded({ now });
  const containerStatusOf = (path: string) => at(path)?.status?.containerStatuses?.[0];
  const at = (path: string) => {
    const [namespace, name] = path.split('/');
    const found = objects.find(
      ({ kind, metadata }) => kind === 'Pod' && metadata.namespace === namespace && metadata.name === name,
    );
    return found as { spec?: unknown; status?: { containerStatuses?: unknown[] } } | undefined;
  };

  test('holds every pod that it is said to hold', () => {
    expect(Object.values(recordedPods).filter((path) => at(path) === undefined)).toEqual([]);
  });

  test('had its last OOM kill two minutes ago, and nothing in it lies in the future', () => {
    expect(containerStatusOf(recordedPods.unaware)).toMatchObject({
      restartCount: 7,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: {
        terminated: {
          reason: 'OOMKilled',
          exitCode: 137,
          startedAt: '2030-01-02T03:01:18Z',
          finishedAt: '2030-01-02T03:02:05Z',
        },
      },
    });
    const times = JSON.stringify({ objects, logs, metrics }).match(/20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d/g) ?? [];
    expect(times.length).toBeGreaterThan(200);
    expect(
      times
        .map((time) => time.replace(' ', 'T'))
        .sort()
        .at(-1),
    ).toBe('2030-01-02T03:03:56');
  });

  test('says in the log of the run that ended when it ended', () => {
    const log = logs.find((each) => each.pod.startsWith('checkout-7d9f8b6c54-x2x9k'));
    expect(log?.text.split('\n')[0]).toContain('2030-01-02 03:01:19.872  INFO 1 --- [           main]');
    expect(logs.find((each) => each.pod.startsWith('cart-'))?.text).toContain(
      'java.lang.OutOfMemoryError: Java heap space',
    );
  });

  test('has the nodes of the published cases and one with a new kernel', () => {
    const nodes = objects.filter(({ kind }) => kind === 'Node') as { metadata: { name: string }; status?: object }[];
    expect(nodes.map(({ metadata: { name }, status }) => ({ name, ...status }))).toMatchObject([
      ...['node-1', 'node-2'].map((name) => ({
        name,
        capacity: { cpu: '2', memory: '8155000Ki' },
        nodeInfo: { kernelVersion: '3.10.0-1160.el7.x86_64', containerRuntimeVersion: 'docker://20.10.7' },
      })),
      { name: 'node-3', nodeInfo: { kernelVersion: '6.18.5-22.amzn2023.x86_64' } },
    ]);
  });
});

describe('the in-memory Kubernetes API', () => {
  test('refuses whoever brings no token', async () => {
    const api = await start();
    const response = await fetch(`${api.url}/api/v1/pods`);
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Unauthorized',
      reason: 'Unauthorized',
      code: 401,
    });
  });

  test('lets a user do what they may, and tells which requests came from whom', async () => {
    const reader = {
      token: 'the-token-of-reader',
      name: 'reader',
      may: (verb: string, _group: string, resource: string, namespace: string) =>
        verb === 'list' && resource === 'pods' && namespace === 'shop',
    };
    const api = await start({ objects: [pod('shop', 'web')], users: [reader] });
    const core = clientOf(api, 'reader');
    const { items } = await core.listNamespacedPod({ namespace: 'shop', labelSelector: 'app=web' });
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(['web']);
    await expect(core.readNamespacedPod({ namespace: 'shop', name: 'web' })).rejects.toMatchObject({ code: 403 });
    expect(api.requests().map(({ method, path, query, user }) => ({ method, path, query, user }))).toEqual([
      { method: 'GET', path: '/api/v1/namespaces/shop/pods', query: { labelSelector: 'app=web' }, user: 'reader' },
      { method: 'GET', path: '/api/v1/namespaces/shop/pods/web', query: {}, user: 'reader' },
    ]);
  });

  test('shows one state on all pages of a list, and 410 once that state is forgotten', async () => {
    const api = await start({ objects: ['a', 'b', 'c'].map((name) => pod('shop', name)), pageSize: 1 });
    const core = clientOf(api);
    const names = ({ items }: { items: { metadata?: { name?: string } }[] }) =>
      items.map((each) => each.metadata?.name);
    const first = await core.listNamespacedPod({ namespace: 'shop', limit: 500 });
    expect(names(first)).toEqual(['a']);
    expect(first.metadata?.remainingItemCount).toBe(2);
    api.load([pod('shop', 'aa')]);
    api.remove('Pod', 'shop', 'b');
    const next = { namespace: 'shop', limit: 500, _continue: first.metadata?._continue ?? '' };
    expect(names(await core.listNamespacedPod(next))).toEqual(['b']);
    api.compact();
    const error: unknown = await core.listNamespacedPod(next).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 410 });
    const status = JSON.parse(String((error as ApiException<string>).body));
    expect(status.reason).toBe('Expired');
    const rest = await core.listNamespacedPod({ ...next, _continue: status.metadata.continue });
    expect(names(rest)).toEqual(['aa']);
  });

  test('tells a watch what comes, changes and leaves its selection, and ends it with 410 where writes are forgotten', async () => {
    const api = await start({ objects: [pod('shop', 'web')] });
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromString(api.kubeconfig());
    const told: { type: string; name: string | undefined }[] = [];
    const { metadata } = await clientOf(api).listNamespacedPod({ namespace: 'shop' });
    const watch = (query: object, ended: (error: unknown) => void) =>
      new Watch(kubeConfig).watch(
        '/api/v1/namespaces/shop/pods',
        { resourceVersion: metadata?.resourceVersion, allowWatchBookmarks: true, ...query },
        (type: string, object: { metadata?: { name?: string }; code?: number }) =>
          told.push({ type, name: object.metadata?.name ?? object.code?.toString() }),
        ended,
      );
    const watching = await watch({ labelSelector: 'app in (web, api)' }, () => {});
    const other = pod('shop', 'web');
    api.load([pod('shop', 'api'), pod('jobs', 'api'), pod('shop', 'cart'), pod('shop', 'web')]);
    api.load([{ ...other, metadata: { ...other.metadata, labels: { app: 'other' } } }]);
    api.remove('Pod', 'shop', 'api');
    api.bookmark();
    await until(() => told.length === 5);
    expect(told).toEqual([
      { type: 'ADDED', name: 'api' },
      { type: 'MODIFIED', name: 'web' },
      { type: 'DELETED', name: 'web' },
      { type: 'DELETED', name: 'api' },
      { type: 'BOOKMARK', name: undefined },
    ]);
    watching.abort();
    api.compact();
    told.length = 0;
    await new Promise((resolve) => watch({}, resolve));
    expect(told).toEqual([{ type: 'ERROR', name: '410' }]);
  });

  test('breaks its watches as it is told to, and is down and up again at its address', async () => {
    const api = await start({ objects: [pod('shop', 'web')], expiredWatch: 'status' });
    const path = `${api.url}/api/v1/namespaces/shop/pods?watch=true&allowWatchBookmarks=true`;
    const headers = { authorization: `Bearer ${api.token}` };
    const open = (more = '') => fetch(path + more, { headers });
    const ended = await open();
    expect(api.breakWatches('end')).toBe(1);
    expect(await ended.text()).toMatch(/^\{"type":"ADDED".*\}\n$/);
    for (const how of ['reset', 'cut'] as const) {
      const broken = await open();
      api.breakWatches(how);
      await expect(broken.text()).rejects.toThrow('terminated');
    }
    const silent = await open('&timeoutSeconds=1&resourceVersion=9999');
    api.breakWatches('silence');
    api.bookmark();
    expect(api.tellWatches('never told')).toBe(1);
    expect(await silent.text()).toBe('');
    const told = await open('&timeoutSeconds=1&resourceVersion=9999');
    api.tellWatches('as it is');
    expect(await told.text()).toBe('as it is\n');
    api.compact();
    expect((await open('&resourceVersion=1')).status).toBe(410);
    await api.down();
    await expect(open()).rejects.toThrow('fetch failed');
    await api.up();
    api.fault({ resource: 'pods', verb: 'watch', after: 1, times: 1, status: 429, retryAfterSeconds: 7 });
    const statuses = [
      await open('&timeoutSeconds=0'),
      await open('&timeoutSeconds=0'),
      await open('&timeoutSeconds=0'),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([200, 429, 200]);
    for (const { body } of statuses) await body?.cancel();
  });

  test('fails as it is told to, as often as it is told to', async () => {
    const api = await start({ objects: [pod('shop', 'web')] });
    const core = clientOf(api);
    const read = () => core.readNamespacedPod({ namespace: 'shop', name: 'web' });
    for (const status of [401, 403, 404, 500, 503] as const) {
      api.fault({ resource: 'pods', times: 1, status });
      await expect(read()).rejects.toMatchObject({ code: status });
    }
    api.fault({ path: '/api/v1/namespaces/shop/pods/web', times: 2, status: 429, retryAfterSeconds: 7 });
    await expect(read()).rejects.toMatchObject({ code: 429, headers: { 'retry-after': '7' } });
    await expect(read()).rejects.toMatchObject({ code: 429 });
    expect((await read()).metadata?.name).toBe('web');
    api.fault({ resource: 'pods/log', times: 1, status: 500 });
    expect((await read()).metadata?.name).toBe('web');
    await expect(core.readNamespacedPodLog({ namespace: 'shop', name: 'web' })).rejects.toMatchObject({ code: 500 });
  });

  test('hangs and tears connections down, and still stops', async () => {
    const api = await start();
    api.fault({ path: /nodes/, times: 1, kind: 'reset' });
    await expect(clientOf(api).listNode()).rejects.toThrow();
    api.fault({ resource: 'nodes', times: 1, kind: 'hang' });
    const hanging = fetch(`${api.url}/api/v1/nodes`, { headers: { authorization: `Bearer ${api.token}` } });
    const outcome = hanging.then(
      () => 'answered',
      () => 'broken off',
    );
    await until(() => api.requests().length === 2);
    await api.stop();
    expect(await outcome).toBe('broken off');
  });

  test('gives the part of a log that is asked for', async () => {
    const now = new Date('2026-11-03T09:16:00Z');
    const api = await start({ objects: [pod('shop', 'web')], now: () => now });
    const core = clientOf(api);
    api.setLog('shop', 'web', 'app', 'one\ntwo\nthree\n');
    const log = (query: object) => core.readNamespacedPodLog({ namespace: 'shop', name: 'web', ...query });
    expect(await log({})).toBe('one\ntwo\nthree\n');
    expect(await log({ tailLines: 2 })).toBe('two\nthree\n');
    expect(await log({ tailLines: 2, limitBytes: 5 })).toBe('two\nt');
    expect(await log({ sinceSeconds: 1 })).toBe('two\nthree\n');
    expect(await log({ tailLines: 1, timestamps: true })).toBe('2026-11-03T09:16:00.000000000Z three\n');
  });

  test('words the refusals of a kubelet for containers that have not started', async () => {
    const api = await start();
    const core = clientOf(api);
    const messageFor = async (status: object) => {
      api.load([{ ...pod('shop', 'web'), status }]);
      const error: unknown = await core
        .readNamespacedPodLog({ namespace: 'shop', name: 'web' })
        .catch((failure) => failure);
      return JSON.parse(String((error as ApiException<string>).body)).message;
    };
    const waiting = (reason: string) => ({
      containerStatuses: [{ name: 'app', state: { waiting: { reason } }, lastState: {} }],
    });
    const before = 'container "app" in pod "web" is';
    expect(await messageFor(waiting('ContainerCreating'))).toBe(`${before} waiting to start: ContainerCreating`);
    expect(await messageFor(waiting('ImagePullBackOff'))).toBe(
      `${before} waiting to start: trying and failing to pull image`,
    );
    expect(await messageFor({ phase: 'Failed', reason: 'Evicted' })).toBe(`${before} not available`);
  });

  test('can be without a metrics server, or have one that is down', async () => {
    const path = '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web';
    const ask = async (api: KubernetesApi) => {
      const response = await fetch(api.url + path, { headers: { authorization: `Bearer ${api.token}` } });
      return { code: response.status, body: await response.text() };
    };
    const objects = [pod('shop', 'web')];
    expect(await ask(await start({ objects, metricsApi: 'absent' }))).toEqual({
      code: 404,
      body: '404 page not found\n',
    });
    expect(await ask(await start({ objects, metricsApi: 'unavailable' }))).toEqual({
      code: 503,
      body: 'service unavailable\n',
    });
    const api = await start({ objects });
    expect(JSON.parse((await ask(api)).body).message).toBe('podmetrics.metrics.k8s.io "shop/web" not found');
    api.setMetrics('shop', 'web', { app: { cpu: '12m', memory: '471Mi' } });
    expect(JSON.parse((await ask(api)).body)).toMatchObject({
      kind: 'PodMetrics',
      metadata: { namespace: 'shop', name: 'web' },
      window: '30s',
      containers: [{ name: 'app', usage: { cpu: '12m', memory: '471Mi' } }],
    });
  });

  test('shows the same events as core/v1 and as events.k8s.io/v1', async () => {
    const event: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: 'shop', name: 'web.1' },
      involvedObject: { kind: 'Pod', namespace: 'shop', name: 'web' },
      reason: 'BackOff',
      message: 'Back-off restarting failed container',
      type: 'Warning',
      count: 52,
      lastTimestamp: '2026-11-03T09:15:48Z',
    };
    const api = await start({ objects: [event] });
    const path = '/apis/events.k8s.io/v1/namespaces/shop/events?fieldSelector=regarding.name%3Dweb';
    const response = await fetch(api.url + path, { headers: { authorization: `Bearer ${api.token}` } });
    expect(await response.json()).toMatchObject({
      kind: 'EventList',
      items: [
        {
          regarding: { kind: 'Pod', name: 'web' },
          note: 'Back-off restarting failed container',
          deprecatedCount: 52,
          deprecatedLastTimestamp: '2026-11-03T09:15:48Z',
        },
      ],
    });
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error('it did not come true within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
