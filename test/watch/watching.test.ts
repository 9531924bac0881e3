import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { podSchema } from '../../src/kubernetes/objects.ts';
import type { PodWatcher, PodWatching } from '../../src/kubernetes/pod-watch.ts';
import type { Standing } from '../../src/watch/watch-store.ts';
import { startWatching, type Watching } from '../../src/watch/watching.ts';
import { type DyingPod, dyingPod } from '../support/dying-pods.ts';
import { waitFor } from '../support/process.ts';

const now = Date.parse('2026-11-29T10:00:00Z');
const minuteMs = 60_000;

let watching: Watching | undefined;
let watchers: Map<string | undefined, PodWatcher>;
let taken: string[];
let told: { standings: readonly Standing[]; watched: readonly string[] }[];
let refusals: number;

beforeEach(() => {
  [watchers, taken, told, refusals] = [new Map(), [], [], 0];
});
afterEach(async () => {
  await watching?.stop();
});

const cluster: PodWatching = {
  watchPods(namespace, watcher) {
    watchers.set(namespace, watcher);
    return { stop: async () => {} };
  },
};

async function watch(namespaces: readonly string[] = [], everyMs = 20): Promise<void> {
  watching = startWatching([{ name: 'prod', namespaces }], {
    async kubernetes() {
      if (refusals-- > 0) throw new Error('the kubeconfig is not there');
      return cluster;
    },
    hints: [],
    kills: { record: async () => {}, since: async () => [] },
    store: {
      lastWatched: async () => now - 10_000,
      async tell(standings, watched) {
        told.push({ standings, watched });
      },
      standings: async () => [],
      choices: async () => [],
      choose: async () => {},
    },
    async take(ends) {
      taken.push(...ends.map(({ kill }) => kill.workload));
    },
    worker: 'w1',
    everyMs,
    retryMs: 10,
    now: () => new Date(now),
    log: () => {},
  });
  await waitFor('the watches', () => watchers.size === Math.max(1, namespaces.length));
}

function shows(how: 'listed' | 'changed', pod: DyingPod): void {
  watchers.get(undefined)?.pod(podSchema.parse(dyingPod(pod)), how);
}

describe('the watch of a cluster', () => {
  test('that could not be reached at first is watched when it can, with namespaces too', async () => {
    refusals = 1;
    await watch(['shop', 'pay']);
    for (const watcher of watchers.values()) watcher.listed(3);
    await waitFor('it to be said', () => told.at(-1)?.watched.includes('prod'));
    expect(told.at(-1)?.standings.map(({ namespace, trouble }) => [namespace, trouble])).toEqual([
      ['shop', null],
      ['pay', null],
    ]);
  });

  test('is said to be watched as soon as it is listed', async () => {
    await watch([], 60_000);
    shows('listed', { name: 'a', ended: { at: new Date(now) } });
    watchers.get(undefined)?.listed(1);
    await waitFor('it to be said', () => told.at(-1)?.watched.includes('prod'));
    expect(taken).toEqual(['deploy/a']);
  });

  test('takes what dies before its eyes whatever the clock of its node says', async () => {
    await watch();
    shows('listed', { name: 'before', ended: { at: new Date(now - 30 * minuteMs) } });
    shows('listed', { name: 'behind' });
    watchers.get(undefined)?.listed(2);
    shows('changed', { name: 'before', labels: { touched: 'yes' }, ended: { at: new Date(now - 30 * minuteMs) } });
    shows('changed', { name: 'behind', ended: { at: new Date(now - 30 * minuteMs) } });
    await waitFor('the death', () => taken.length > 0);
    expect(taken).toEqual(['deploy/behind']);
  });
});
