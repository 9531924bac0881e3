import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { MemoryRange } from '../../src/kubernetes/memory-history.ts';
import { connectPrometheus, type Prometheus, type PrometheusConfig } from '../../src/prometheus/client.ts';
import { recordedMemory } from '../../src/prometheus/recorded-client.ts';
import { rise, sawtooth } from '../support/memory-shapes.ts';
import { type PrometheusServer, scrapedHeap, scrapedRuns, startPrometheus } from '../support/prometheus.ts';
import { refusalOf } from '../support/why.ts';

const mebi = 1024 ** 2;
const fromMs = Date.parse('2026-11-03T09:00:00Z');
const minute = 60_000;
const range: MemoryRange = { fromMs, toMs: fromMs + 60 * minute, stepMs: 15_000 };
const name = { namespace: 'shop', pod: 'checkout-7d9f8b6c54-x2x9k', container: 'checkout' };
const none = { startsMs: [], restarts: 0 };

let server: PrometheusServer;
const connected: Prometheus[] = [];

beforeAll(async () => {
  server = await startPrometheus();
});
afterEach(() => {
  server.fault(undefined);
  for (const prometheus of connected.splice(0)) prometheus.close();
});
afterAll(() => server.stop());

async function connect(options: Partial<PrometheusConfig> = {}): Promise<Prometheus> {
  const made = await connectPrometheus({
    name: 'prod',
    url: server.url,
    labels: {},
    requestTimeoutMs: 2000,
    ...options,
  });
  connected.push(made);
  return made;
}

const killsMs = [17, 38, 57].map((minutes) => fromMs + minutes * minute);
const runs = sawtooth({ fromMs, toMs: range.toMs, everyMs: 15_000 }, killsMs, minute, 512);

describe('a container’s memory from Prometheus', () => {
  test('comes in its runs, each of which ended where its cgroup did', async () => {
    server.load(scrapedRuns(name, runs));
    const history = await (await connect()).memory(name, range, none);
    expect(history?.runs).toHaveLength(4);
    expect(history?.runs.flat().length).toBeGreaterThan(200);
    expect(history?.endsMs.map((ms) => new Date(ms).toISOString().slice(11, 19))).toEqual([
      '09:16:45',
      '09:37:45',
      '09:56:45',
    ]);
    expect(history).toMatchObject({ source: 'prometheus', everyMs: 15_000, heapRuns: [] });
  });

  test('is of this container alone, and counts once where two scrapes show it', async () => {
    const [own] = scrapedRuns(name, [rise({ fromMs, toMs: range.toMs, everyMs: 15_000 }, { from: 200, to: 300 })]);
    const twice = { ...own, labels: { ...own?.labels, instance: '10.0.0.7:10255' }, samples: own?.samples ?? [] };
    const foreign = [
      { ...name, pod: 'checkout-7d9f8b6c54-m8kqz' },
      { ...name, container: 'proxy' },
      { ...name, namespace: 'jobs' },
    ];
    const others = foreign.flatMap((other) =>
      scrapedRuns(other, [rise({ fromMs, toMs: range.toMs, everyMs: 15_000 }, { from: 900, to: 900 })]),
    );
    server.load([twice, twice, ...others]);
    const history = await (await connect()).memory(name, range, none);
    expect(history?.runs).toHaveLength(1);
    expect(history?.runs[0]).toHaveLength(241);
    expect(Math.max(...(history?.runs.flat() ?? []).map(([, bytes]) => bytes / mebi))).toBeLessThan(310);
  });

  test('has the heap as the sum of its pools, and the largest heap without the pools that have none', async () => {
    const used = rise({ fromMs, toMs: range.toMs, everyMs: 15_000 }, { from: 100, to: 100, unrestMiB: 0 });
    server.load([...scrapedRuns(name, [used]), ...scrapedHeap(name, [used], 128 * mebi)]);
    const history = await (await connect()).memory(name, range, none);
    expect(history?.heapMaxBytes).toBe(134_217_728);
    expect(history?.heapRuns.flat().every(([, bytes]) => Math.abs(bytes - 100 * mebi) < 4)).toBe(true);
    expect(history?.heapRuns.flat()).toHaveLength(241);
  });

  test('keeps the peak where the steps are longer than the scrapes are apart', async () => {
    const flat = rise(
      { fromMs, toMs: fromMs + 6 * 60 * minute, everyMs: 30_000 },
      { from: 200, to: 200, unrestMiB: 0 },
    );
    const spike = flat.map(([atMs, bytes]) => [atMs, atMs === fromMs + 61.5 * minute ? 498 * mebi : bytes] as const);
    server.load(scrapedRuns(name, [spike]));
    const long = { fromMs, toMs: fromMs + 6 * 60 * minute, stepMs: 5 * minute };
    const history = await (await connect()).memory(name, long, none);
    expect(Math.max(...(history?.runs.flat() ?? []).map(([, bytes]) => bytes))).toBe(498 * mebi);
    expect(server.queries().filter((query) => query.startsWith('max_over_time('))).toHaveLength(1);
  });

  test('leaves out values that are no sizes', async () => {
    const odd = ['NaN', '+Inf', '-Inf', '1e400', '', '-5', '300000000'];
    const samples = odd.map((value, index) => [fromMs + index * 15_000, value] as const);
    server.load(
      [{ ...scrapedRuns(name, [[]])[0], samples }].map(({ labels = {}, samples: values }) => ({
        labels,
        samples: values,
      })),
    );
    const history = await (await connect()).memory(name, range, none);
    expect(history?.runs.flat().map(([, bytes]) => bytes)).toEqual([300_000_000]);
  });

  test('is undefined where nothing is known of it', async () => {
    server.load([]);
    expect(await (await connect()).memory(name, range, none)).toBeUndefined();
  });

  test('is known of so many containers, or of none', async () => {
    server.load(scrapedRuns(name, runs));
    const prometheus = await connect();
    expect(await prometheus.containers(new Date(range.toMs))).toBe(1);
    expect(await prometheus.containers(new Date(range.toMs + 3_600_000))).toBe(0);
  });

  test('is asked for with labels whose values end nothing early', async () => {
    server.load(scrapedRuns(name, runs));
    const hostile = { ...name, pod: 'x"} or vector(1) #\\' };
    expect(await (await connect({ labels: { cluster: 'a"b\n' } })).memory(hostile, range, none)).toBeUndefined();
    expect(server.queries().at(-1)).toContain('cluster="a\\"b\\n",namespace="shop",pod="x\\"} or vector(1) #\\\\"}');
  });

  test('ignores series with labels of absurd length', async () => {
    const [series] = scrapedRuns(name, [rise({ fromMs, toMs: range.toMs, everyMs: 15_000 }, { from: 200, to: 300 })]);
    server.load([{ labels: { ...series?.labels, extra: 'x'.repeat(100_000) }, samples: series?.samples ?? [] }]);
    expect(await (await connect()).memory(name, range, none)).toBeUndefined();
  });
});

describe('a Prometheus that does not answer as one', () => {
  test.each([
    [
      { status: 200, text: '<html><title>Sign in</title></html>' },
      'answered 200 with something that no Prometheus says.',
    ],
    [
      { status: 200, text: '{"status":"success","data":{"resultType":"vector","result":[]}}' },
      'answered 200 with something that no Prometheus says.',
    ],
    [{ status: 502, text: 'Bad Gateway' }, 'answered 502 with something that no Prometheus says.'],
    [{ status: 403, text: 'Forbidden' }, 'The Prometheus of prod does not let Quorum in (403).'],
    [
      {
        status: 422,
        text: '{"status":"error","errorType":"execution","error":"query processing would load too many samples"}',
      },
      'The Prometheus of prod refused the query (422): execution: query processing would load too many samples.',
    ],
  ])('is refused: %j', async (fault, message) => {
    server.fault(fault);
    const refusal = await refusalOf((await connect()).memory(name, range, none));
    expect(refusal.message).toContain(message);
    expect(refusal.advice).not.toBe('');
  });

  test('is given up at its deadline', async () => {
    server.fault('hang');
    const refusal = await refusalOf((await connect({ requestTimeoutMs: 100 })).memory(name, range, none));
    expect(refusal.message).toBe('The Prometheus of prod did not answer within 100 ms.');
  });

  test('and is not there at all', async () => {
    const gone = await startPrometheus();
    await gone.stop();
    const refusal = await refusalOf((await connect({ url: gone.url })).memory(name, range, none));
    expect(refusal.message).toBe(`Nobody listens at ${gone.url}, the Prometheus of prod (connection refused).`);
  });

  test('lets in whoever has its token or its password, below a path of its own', async () => {
    for (const [authorization, options] of [
      ['Bearer s3cret', { token: 's3cret' }],
      ['Basic cXVvcnVtOnMzY3JldA==', { auth: { username: 'quorum', password: 's3cret' } }],
    ] as const) {
      const guarded = await startPrometheus({ authorization, series: scrapedRuns(name, runs) });
      const url = `${guarded.url}/prometheus`;
      try {
        expect((await (await connect({ url, ...options })).memory(name, range, none))?.runs).toHaveLength(4);
        const refusal = await refusalOf((await connect({ url })).memory(name, range, none));
        expect(refusal.message).toBe('The Prometheus of prod does not let Quorum in (401).');
      } finally {
        await guarded.stop();
      }
    }
  });
});

describe('a recorded prometheus.json', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'quorum-prometheus-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('answers with all that was recorded', async () => {
    server.load([...scrapedRuns(name, runs), ...scrapedHeap(name, runs, 1992 * mebi)]);
    const series = await (await connect()).range(
      '{__name__=~"container_memory.*|jvm_memory.*",namespace="shop"}',
      range,
    );
    const result = series.map(({ labels, samples }) => ({
      metric: labels,
      values: samples.map(([atMs, bytes]) => [atMs / 1000, String(bytes)]),
    }));
    writeFileSync(
      join(folder, 'prometheus.json'),
      JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } }),
    );
    const history = await (await recordedMemory(folder))?.memory(name, { fromMs: 0, toMs: 1, stepMs: 1 }, none);
    expect(history).toMatchObject({ fromMs, everyMs: 15_000, heapMaxBytes: 2_088_763_392 });
    expect(history?.runs).toHaveLength(4);
    expect(history?.heapRuns).toHaveLength(4);
  });

  test('is nothing where there is no such file, and refused where it is something else', async () => {
    expect(await recordedMemory(join(folder, 'nowhere'))).toBeUndefined();
    const other = mkdtempSync(join(folder, 'other-'));
    writeFileSync(join(other, 'prometheus.json'), '<html>');
    expect((await refusalOf(recordedMemory(other))).message).toContain(
      'prometheus.json is no answer of /api/v1/query_range.',
    );
  });
});
