import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import type { Sample } from '../../src/kubernetes/memory-history.ts';
import { memoryOf, packed, sampledMemory, samplesIn, unpacked } from '../../src/kubernetes/memory-samples.ts';
import { connectSamples, type SampleClient } from '../../src/redis/sample-client.ts';
import { Refusal } from '../../src/refusal.ts';
import { createSampling } from '../../src/sampling.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { refusalOf } from '../support/why.ts';

const mebi = 1024 ** 2;
const startMs = Date.parse('2026-11-03T09:00:00Z');
const name = { namespace: 'shop', pod: 'checkout-7d9f8b6c54-x2x9k', container: 'checkout' };
const blind = {
  token: 'sees-no-metrics',
  name: 'blind',
  may: (_verb: string, group: string) => group !== 'metrics.k8s.io',
};

let redis: RedisServer;
let api: KubernetesApi;
let cluster: KubernetesCluster;
let blindCluster: KubernetesCluster;
let folder: string;
const clock = startMs;
const clients: SampleClient[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-samples-'));
  const recorded = loadRecorded({ now: new Date(startMs) });
  [redis, api] = await Promise.all([
    startRedis(),
    startKubernetes({ ...recorded, users: [blind], now: () => new Date(clock) }),
  ]);
  await Promise.all([api.writeKubeconfig(join(folder, 'admin')), api.writeKubeconfig(join(folder, 'blind'), 'blind')]);
  cluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] });
  blindCluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'blind'), namespaces: [] });
}, 60_000);
afterAll(async () => {
  await Promise.all([cluster.close(), blindCluster.close(), ...clients.map((client) => client.close())]);
  await Promise.all([redis.stop(), api.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function connect(prefix: string, url = redis.url): SampleClient {
  const client = connectSamples({ url, prefix: `${redis.prefix}-${prefix}` }, () => {});
  clients.push(client);
  return client;
}

describe('the memory that containers use now', () => {
  test('is sampled with one request a namespace and interval, by one of several workers, and becomes a history', async () => {
    const stores = [connect('round'), connect('round')];
    const told: unknown[] = [];
    const rounds = stores.map((store) =>
      createSampling({ kubernetes: async () => cluster, store, tell: (event, details) => told.push([event, details]) }),
    );
    const asked = () =>
      api
        .requests()
        .filter(({ path }) => path.includes('metrics.k8s.io'))
        .map(({ path }) => path);
    const before = asked().length;
    const sampled = { cluster: 'prod', namespaces: ['shop', 'jobs'], everyMs: 60_000 };
    await Promise.all([...rounds, ...rounds].map((round) => round(sampled)));
    expect(asked().slice(before).sort()).toEqual([
      '/apis/metrics.k8s.io/v1beta1/namespaces/jobs/pods',
      '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods',
    ]);
    expect(told).toEqual([]);
    const ledger = { namespace: 'shop', pod: 'ledger-6c4d8f7b59-8h2vd', container: 'ledger' };
    expect(await stores[0]?.read('prod', ledger)).toEqual([[startMs - 10_000, 224_395_264]]);
    expect(await stores[0]?.read('other', ledger)).toEqual([]);
  });

  test('is told once where it cannot be sampled, and once where it can again', async () => {
    const told: string[] = [];
    let asked = blindCluster;
    const round = createSampling({
      kubernetes: async () => asked,
      store: { ...connect('blind'), takeTurn: async () => true },
      tell: (event, { namespace, error }) => told.push([event, namespace, error].join(' | ')),
    });
    const sampled = { cluster: 'prod', namespaces: ['shop'], everyMs: 30_000 };
    await round(sampled);
    await round(sampled);
    asked = cluster;
    await round(sampled);
    await round(sampled);
    expect(told).toEqual([
      'memory not sampled | shop | pods.metrics.k8s.io: forbidden: Quorum may not list pods.metrics.k8s.io in namespace shop.',
      'memory sampled again | shop | ',
    ]);
  });

  test('of more than a thousand containers counts that of the largest thousand', () => {
    const metrics = Array.from({ length: 1500 }, (_, index) => ({
      metadata: { name: `pod-${index}` },
      timestamp: '2026-11-03T09:00:00Z',
      window: '30s',
      containers: [{ name: 'app', usage: { memory: `${index}Mi` } }],
    })) as unknown as Parameters<typeof samplesIn>[1];
    const samples = samplesIn('shop', metrics);
    expect(samples).toHaveLength(1000);
    expect(Math.min(...samples.map(({ sample }) => sample[1]))).toBe(500 * mebi);
  });

  test('that is no quantity or has no time is left out', () => {
    const odd = [
      {
        metadata: { name: 'a' },
        timestamp: 'soon',
        window: undefined,
        containers: [{ name: 'c', usage: { memory: '1Mi' } }],
      },
      {
        metadata: { name: 'b' },
        timestamp: '2026-11-03T09:00:00Z',
        window: undefined,
        containers: [
          { name: 'c', usage: { memory: 'much' } },
          { name: 'd', usage: {} },
        ],
      },
    ] as unknown as Parameters<typeof samplesIn>[1];
    expect(samplesIn('shop', odd)).toEqual([]);
  });
});

describe('samples in Redis', () => {
  const at = (index: number): Sample => [startMs + index * 30_000, (200 + index / 10) * mebi];

  test('of a day every 30 s take 40 KB for a container; the oldest go, and all of them a day after the last', async () => {
    const store = connect('day');
    const client = new Redis(redis.url);
    const key = `${redis.prefix}-day:memory:prod:shop/checkout-7d9f8b6c54-x2x9k/checkout`;
    await client.lpush(key, ...Array.from({ length: 2999 }, (_, index) => packed(at(index))));
    await store.keep('prod', [{ name, sample: at(2999) }], 30_000);
    const kept = await store.read('prod', name);
    expect(kept).toHaveLength(2880);
    expect([kept[0]?.[0], kept.at(-1)?.[0]]).toEqual([at(120)[0], at(2999)[0]]);
    const bytes = await client.memory('USAGE', key, 'SAMPLES', 0);
    const seconds = await client.ttl(key);
    client.disconnect();
    expect(bytes).toBeGreaterThan(30_000);
    expect(bytes).toBeLessThan(48_000);
    expect(seconds).toBeGreaterThan(86_000);
    expect(seconds).toBeLessThanOrEqual(86_400);
  });

  test('stand there once, however often the metrics server tells the same one', async () => {
    const store = connect('once');
    for (const index of [0, 0, 1, 1, 1]) await store.keep('prod', [{ name, sample: at(index) }], 30_000);
    expect((await store.read('prod', name)).map(([ms]) => ms)).toEqual([at(0)[0], at(1)[0]]);
  });

  test('are of more containers than go into one step', async () => {
    const store = connect('many');
    const many = Array.from({ length: 450 }, (_, index) => ({
      name: { ...name, pod: `p-${index}` },
      sample: at(index),
    }));
    await store.keep('prod', many, 30_000);
    expect((await store.read('prod', { ...name, pod: 'p-449' })).map(([ms]) => ms)).toEqual([at(449)[0]]);
  });

  test('are read or refused in a moment where Redis is away', async () => {
    const store = connect('away', 'redis://127.0.0.1:1');
    expect((await refusalOf(store.read('prod', name))).message).toBe(
      'The kept samples of memory cannot be read now: Redis does not answer.',
    );
  });

  test('are packed to the second and the KiB, and what is no sample is none', () => {
    expect(unpacked(packed([startMs + 123, 300 * mebi + 5]))).toEqual([startMs, 300 * mebi]);
    expect(['', 'x', ':', 'a:b:c', 'a:B', '../..'].map(unpacked)).toEqual(Array(6).fill(undefined));
  });
});

describe('a history of samples', () => {
  const range = { fromMs: startMs, toMs: startMs + 3_600_000, stepMs: 15_000 };

  test('knows its distances, and is taken apart at the restarts that the pod tells of', () => {
    const sizes = [100, 300, 490, 100, 300, 495, 90, 200];
    const samples = sizes.map((size, index): Sample => [startMs + index * 30_000, size * mebi]);
    const history = sampledMemory(samples, range, { startsMs: [startMs + 170_000], restarts: 2 });
    expect(history?.runs.map((run) => run.map(([, bytes]) => bytes / mebi))).toEqual([
      [100, 300, 490],
      [100, 300, 495],
      [90, 200],
    ]);
    expect(history).toMatchObject({ source: 'samples', everyMs: 30_000 });
  });

  test('is used where the Prometheus knows nothing or fails, and its failure is told where there are no samples', async () => {
    const failing = async () => ({ memory: () => Promise.reject(new Refusal('It hangs.', 'Wait.')) });
    const samples: Sample[] = [[startMs, 100 * mebi]];
    const known = { startsMs: [], restarts: 0 };
    const kept = memoryOf(failing, { read: async () => samples }, 'prod');
    expect((await kept.memory(name, range, known))?.source).toBe('samples');
    const empty = memoryOf(failing, { read: async () => [] }, 'prod');
    expect((await refusalOf(empty.memory(name, range, known))).message).toBe('It hangs.');
    const none = memoryOf(async () => undefined, { read: async () => [] }, 'prod');
    expect(await none.memory(name, range, known)).toBeUndefined();
  });
});
