import { setTimeout as pause } from 'node:timers/promises';
import { connectKubernetes } from '../../src/kubernetes/client.ts';
import { startKubernetes } from './kubernetes/api.ts';
import { follow, killedPod, quick } from './pod-watch.ts';
import { makeFolder, removeFolder, waitFor } from './process.ts';
import { numbers } from './secrets.ts';

/** What came of a storm. */
export type Storm = {
  readonly faults: number;
  readonly watches: number;
  readonly lists: number;
  /** Kills that were never told, and those that were told twice as they happened: of both none are hoped for. */
  readonly missing: readonly string[];
  readonly doubled: readonly string[];
};

/**
 * Kills 200 pods once each, while all that can go wrong between a watch and its server does, the same for the same seed.
 * @param chanceOfFault before each kill: 0 to 1
 */
export async function watchThroughStorm(seed: number, chanceOfFault: number): Promise<Storm> {
  const pods = Array.from({ length: 200 }, (_, index) => `pod-${index}`);
  const folder = makeFolder('quorum-storm');
  const api = await startKubernetes({
    objects: pods.map((name) => killedPod('shop', name, 0)),
    pageSize: 60,
    expiredWatch: seed % 2 === 0 ? 'event' : 'status',
  });
  const kubeconfig = `${folder}/kubeconfig`;
  await api.writeKubeconfig(kubeconfig);
  const parts = { name: 'prod', kubeconfig, namespaces: [], requestTimeoutMs: 250 };
  const cluster = await connectKubernetes({ ...parts, podWatch: { ...quick, silenceMs: 100 } });
  const chance = numbers(seed);
  const oneOf = <Item>(items: readonly Item[]) => items[Math.floor(chance() * items.length)] as Item;
  const hit = { resource: 'pods', times: 1, retryAfterSeconds: 0 };
  const faults: readonly (() => unknown)[] = [
    ...(['end', 'reset', 'cut', 'silence'] as const).map((how) => () => api.breakWatches(how)),
    ...([403, 410, 429, 503] as const).map((status) => () => api.fault({ ...hit, status, after: oneOf([0, 1, 3]) })),
    ...(['hang', 'silent', 'reset'] as const).map((kind) => () => api.fault({ ...hit, kind, after: oneOf([0, 1]) })),
    () => api.compact(),
    () => api.bookmark(),
    () => api.tellWatches('what is this?'),
    async () => {
      await api.down();
      await pause(chance() * 50);
      await api.up();
    },
  ];
  try {
    const { counts, hears } = follow(cluster, 'shop');
    await hears(/^= /);
    const isTold = (name: string) => counts.has(`changed shop/${name} 1`) || counts.has(`listed shop/${name} 1`);
    let faultsSeen = 0;
    for (const name of pods) {
      const isFault = chance() < chanceOfFault;
      if (isFault) {
        faultsSeen += 1;
        await oneOf(faults)();
      }
      api.load([killedPod('shop', name, 1)]);
      // Some faults come one on the other, and some into a watch that has recovered.
      if (isFault && chance() < 0.7) await waitFor(`the kill of ${name}`, () => isTold(name), { timeoutMs: 10_000 });
      await pause(chance() * 10);
    }
    api.clearFaults();
    const missing = () => pods.filter((name) => !isTold(name));
    await waitFor('every kill', () => missing().length === 0, { timeoutMs: 20_000 }).catch(() => {});
    return {
      faults: faultsSeen,
      watches: api.requests().filter(({ query }) => 'watch' in query).length,
      lists: api.requests().filter(({ query }) => query.limit === '500').length,
      missing: missing(),
      doubled: [...counts].filter(([line, count]) => line.startsWith('changed') && count > 1).map(([line]) => line),
    };
  } finally {
    await cluster.close();
    await api.stop();
    removeFolder(folder);
  }
}
