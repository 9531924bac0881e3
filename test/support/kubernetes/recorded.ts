import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Recorded } from './cluster.ts';

/** The recorded cluster's pods by what they are there to show: `namespace/name`. */
export const recordedPods = {
  /** JDK 8u181 without flags, 512Mi: OOM-killed seven times, waiting for its eighth run. */
  unaware: 'shop/checkout-7d9f8b6c54-x2x9k',
  /** Its healthy sibling. */
  sibling: 'shop/checkout-7d9f8b6c54-m8kqz',
  /** JDK 8u212 without flags, 512Mi: ends by itself with "Java heap space". */
  heapSpace: 'shop/cart-5b7c9d6f48-t4qwz',
  /** JDK 8u181 with -Xms8m -Xmx128m: never killed. */
  capped: 'shop/ledger-6c4d8f7b59-8h2vd',
  /** nginx, running. */
  web: 'shop/web-6b8f5d9c7-qv6lt',
  /** A Go program, OOM-killed and running again. */
  go: 'shop/api-84f6d5b9fc-zl6qm',
  /** JDK 17.0.12 with 1Gi on a node with kernel 6.18 and cgroup v2: OOM-killed and running again. */
  newKernel: 'shop/worker-9c5d7f8b6-5nfhr',
  /** A StatefulSet's pod, running; `jobs` has one of the same name. */
  search: 'shop/search-0',
  searchInJobs: 'jobs/search-0',
  /** Evicted for the node's memory; its container never had a limit. */
  evicted: 'shop/reports-58c6b7d94f-4xk8p',
  /** The pod that replaced the evicted one. */
  replacement: 'shop/reports-58c6b7d94f-r9s7g',
  /** A Job's pod, OOM-killed for good: nothing restarts it. */
  job: 'jobs/nightly-report-1793671200-b2vkq',
} as const;

const file = join('test', 'fixtures', 'kubernetes', 'recorded.json');

/**
 * The recorded cluster as if it had been recorded at `now`: all times in objects and logs are moved by as much,
 * so that the last OOM kill was two minutes ago.
 */
export function loadRecorded({ now }: { now: Date }): Recorded {
  const recording = JSON.parse(readFileSync(fixturePath(), 'utf8')) as Recorded & { recordedAt: string };
  const wholeSeconds = Math.floor(now.getTime() / 1000) * 1000;
  const byMs = wholeSeconds - Date.parse(recording.recordedAt);
  return JSON.parse(JSON.stringify(recording), (_key, value: unknown) =>
    typeof value === 'string' ? value.replace(times, (time) => movedTime(time, byMs)) : value,
  );
}

/** `2026-11-03T09:14:00` or `2026/11/03 09:14:00`, whatever fraction and zone follow. */
const times = /\b\d{4}([-/])\d\d\1\d\d[T ]\d\d:\d\d:\d\d/g;

function movedTime(time: string, byMs: number): string {
  const at = Date.parse(`${time.slice(0, 10).replaceAll('/', '-')}T${time.slice(11)}Z`);
  const moved = new Date(at + byMs).toISOString();
  return `${moved.slice(0, 10).replaceAll('-', time[4] ?? '-')}${time[10]}${moved.slice(11, 19)}`;
}

/** The fixture lies beside the sources; this file may also run from where it was compiled to. */
function fixturePath(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, file))) return join(at, file);
  }
  throw new Error(`${file} is missing`);
}
