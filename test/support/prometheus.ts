import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Sample } from '../../src/kubernetes/memory-history.ts';

/** A series as it was scraped: `__name__` and its labels, and a value a scrape, as text where it is no number ("NaN", "+Inf"). */
export type Scraped = {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly (readonly [atMs: number, value: number | string])[];
};

export type PrometheusOptions = {
  readonly series?: readonly Scraped[];
  /** Without it, or with another one: 401. */
  readonly authorization?: string;
};

/** What goes wrong: an HTTP status with a text, or nothing at all comes back. */
export type PrometheusFault = { readonly status: number; readonly text: string } | 'hang';

/** A Prometheus in this process that knows the queries Quorum asks, and no others. */
export type PrometheusServer = {
  readonly url: string;
  load(series: readonly Scraped[]): void;
  fault(fault: PrometheusFault | undefined): void;
  /** The queries that came in. */
  queries(): readonly string[];
  stop(): Promise<void>;
};

/** How old a value may be and still count, where its series was not marked as ended. */
const lookbackMs = 5 * 60_000;

export async function startPrometheus(options: PrometheusOptions = {}): Promise<PrometheusServer> {
  let scraped = options.series ?? [];
  let fault: PrometheusFault | undefined;
  const asked: string[] = [];
  const hanging = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const query = url.searchParams.get('query') ?? '';
    asked.push(query);
    if (fault === 'hang') {
      hanging.add(response);
      return;
    }
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    if (fault !== undefined) return answer(fault.status, fault.text);
    if (options.authorization !== undefined && request.headers.authorization !== options.authorization)
      return answer(401, 'Unauthorized');
    if (!url.pathname.endsWith('/api/v1/query_range')) return answer(404, '404 page not found');
    try {
      const [fromMs, toMs, stepMs] = ['start', 'end', 'step'].map((name) => Number(url.searchParams.get(name)) * 1000);
      const result = evaluate(query, scraped, { fromMs: fromMs ?? 0, toMs: toMs ?? 0, stepMs: stepMs ?? 1 });
      return answer(200, JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } }));
    } catch (error) {
      return answer(400, JSON.stringify({ status: 'error', errorType: 'bad_data', error: String(error) }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    load(series) {
      scraped = series;
    },
    fault(next) {
      fault = next;
    },
    queries: () => asked,
    async stop() {
      for (const response of hanging) response.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Range = { readonly fromMs: number; readonly toMs: number; readonly stepMs: number };

/** `name{…}`, `{__name__=~"a|b",…}` and `max_over_time(name{…}[300s])`, and `count(name{…})` at the end of the range. */
function evaluate(query: string, scraped: readonly Scraped[], { fromMs, toMs, stepMs }: Range) {
  const counted = /^count\((.*)\)$/s.exec(query);
  if (counted !== null) {
    const matches = selector(counted[1] ?? '');
    const found = scraped.filter(({ labels, samples }) => matches(labels) && latest(samples, toMs) !== undefined);
    return found.length === 0 ? [] : [{ metric: {}, values: [[toMs / 1000, String(found.length)]] }];
  }
  const over = /^max_over_time\((.*)\[(\d+)s\]\)$/s.exec(query);
  const windowMs = over === null ? undefined : Number(over[2]) * 1000;
  const matches = selector(over?.[1] ?? query);
  return scraped
    .filter(({ labels }) => matches(labels))
    .flatMap(({ labels, samples }) => {
      const values: [number, string][] = [];
      for (let atMs = fromMs; atMs <= toMs; atMs += stepMs) {
        const value = windowMs === undefined ? latest(samples, atMs) : largest(samples, atMs, windowMs);
        if (value !== undefined) values.push([atMs / 1000, String(value)]);
      }
      const { __name__, ...others } = labels;
      const metric = windowMs === undefined ? labels : others;
      return values.length === 0 ? [] : [{ metric, values }];
    });
}

/** A series that is not scraped any more is marked as ended at the next scrape: then no value counts. */
function latest(samples: Scraped['samples'], atMs: number): number | string | undefined {
  const index = samples.findLastIndex(([sampleMs]) => sampleMs <= atMs);
  const [sampleMs = 0, value] = samples[index] ?? [];
  const everyMs = (samples[1]?.[0] ?? 0) - (samples[0]?.[0] ?? 0);
  const isEnded = index === samples.length - 1 && everyMs > 0 && atMs >= sampleMs + everyMs;
  return isEnded || atMs - sampleMs > lookbackMs ? undefined : value;
}

function largest(samples: Scraped['samples'], atMs: number, windowMs: number): number | undefined {
  const values = samples
    .filter(([sampleMs]) => sampleMs > atMs - windowMs && sampleMs <= atMs)
    .map(([, value]) => Number(value));
  return values.length === 0 ? undefined : Math.max(...values);
}

function selector(text: string): (labels: Scraped['labels']) => boolean {
  const match = /^([a-z_]*)\{(.*)\}$/s.exec(text);
  if (match === null) throw new Error(`not known here: ${text}`);
  const matchers = [...(match[2] ?? '').matchAll(/(\w+)(=~|=)("(?:[^"\\]|\\.)*")/gs)].map(([, name, how, quoted]) => ({
    name: name ?? '',
    how,
    value: String(JSON.parse(quoted ?? '""')),
  }));
  return (labels) =>
    (match[1] === '' || labels.__name__ === match[1]) &&
    matchers.every(({ name, how, value }) =>
      how === '=' ? (labels[name] ?? '') === value : new RegExp(`^(?:${value})$`).test(labels[name] ?? ''),
    );
}

/** The working set of a container as the kubelet's cAdvisor shows it: a series for each run, told apart by the cgroup's id. */
export function scrapedRuns(
  { namespace, pod, container }: { namespace: string; pod: string; container: string },
  runs: readonly (readonly Sample[])[],
): Scraped[] {
  return runs.map((samples, index) => ({
    labels: {
      __name__: 'container_memory_working_set_bytes',
      job: 'kubelet',
      metrics_path: '/metrics/cadvisor',
      instance: '10.0.0.7:10250',
      id: `/kubepods/burstable/pod0f3c/${index}`,
      name: `${index}`,
      namespace,
      pod,
      container,
    },
    samples,
  }));
}

/** The heap as Micrometer shows it: three pools that make up what is in use, of which the old one alone has a largest size. */
export function scrapedHeap(
  { namespace, pod, container }: { namespace: string; pod: string; container: string },
  runs: readonly (readonly Sample[])[],
  maxBytes: number,
): Scraped[] {
  const common = { job: 'shop', instance: '10.1.2.3:8080', namespace, pod, container, area: 'heap' };
  const all = runs.flat();
  const shares = { 'G1 Eden Space': 0.25, 'G1 Survivor Space': 0.05, 'G1 Old Gen': 0.7 };
  return Object.entries(shares).flatMap(([id, share]) => [
    {
      labels: { ...common, __name__: 'jvm_memory_used_bytes', id },
      samples: all.map(([atMs, bytes]) => [atMs, Math.round(bytes * share)] as const),
    },
    {
      labels: { ...common, __name__: 'jvm_memory_max_bytes', id },
      samples: all.map(([atMs]) => [atMs, id === 'G1 Old Gen' ? maxBytes : -1] as const),
    },
  ]);
}
