import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import type { WatchTiming } from '../../src/kubernetes/watch-pace.ts';
import { type KubernetesApi, type KubernetesOptions, startKubernetes } from '../support/kubernetes/api.ts';
import { type Followed, follow, killedPod, quick } from '../support/pod-watch.ts';
import { watchThroughStorm } from '../support/pod-watch-storm.ts';
import { waitFor } from '../support/process.ts';

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;
let namespacesOfReader: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-pod-watch-'));
});
afterEach(async () => {
  await cluster.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

type Started = { readonly user?: string; readonly timing?: Partial<WatchTiming>; readonly requestTimeoutMs?: number };

async function start(options: KubernetesOptions = {}, { user, timing, requestTimeoutMs }: Started = {}) {
  namespacesOfReader = ['shop', 'jobs'];
  const reader = {
    token: 'a-token-for-some-namespaces',
    name: 'reader',
    may: (_verb: string, _group: string, _resource: string, namespace: string) =>
      namespacesOfReader.includes(namespace),
  };
  api = await startKubernetes({
    objects: [killedPod('shop', 'web', 0), killedPod('shop', 'cart', 0), killedPod('jobs', 'batch', 0)],
    users: [reader],
    ...options,
  });
  const kubeconfig = join(folder, 'kubeconfig');
  await api.writeKubeconfig(kubeconfig, user);
  await connect(kubeconfig, timing, requestTimeoutMs);
}

async function connect(kubeconfig: string, timing: Partial<WatchTiming> = {}, requestTimeoutMs = 3000) {
  const podWatch = { ...quick, ...timing };
  cluster = await connectKubernetes({ name: 'prod', kubeconfig, namespaces: [], requestTimeoutMs, podWatch });
}

/** Follows a namespace until its list was told and the watch is open. */
async function followed(namespace: string | undefined): Promise<Followed> {
  const watch = follow(cluster, namespace);
  await watch.hears(/^= /);
  await waitFor('the watch to be open', () => requests('watch').length > 0);
  watch.news();
  return watch;
}

/** All requests of a kind; a list of one pod, which only asks for the version, is none. */
function requests(verb: 'list' | 'watch') {
  const pods = api.requests().filter(({ path }) => /pods$/.test(path));
  return pods.filter(({ query }) => (verb === 'watch' ? 'watch' in query : query.limit === '500'));
}

describe('a watch of pods', () => {
  test('tells what there is, that this was all, and then what happens, as it happens', async () => {
    await start();
    const watch = follow(cluster, 'shop');
    await watch.hears('= 2');
    expect(watch.news()).toEqual(['listed shop/cart 0', 'listed shop/web 0', '= 2']);
    api.load([killedPod('shop', 'web', 1), killedPod('jobs', 'batch', 1), killedPod('shop', 'new', 0)]);
    api.remove('Pod', 'shop', 'cart');
    await watch.hears('gone shop/cart 0');
    expect(watch.news()).toEqual(['changed shop/web 1', 'changed shop/new 0', 'gone shop/cart 0']);
  });

  test('asks for nothing more, however many are killed', async () => {
    await start();
    const watch = await followed(undefined);
    const asked = api.requests().length;
    for (let kills = 1; kills <= 100; kills += 1) api.load([killedPod('shop', 'web', kills)]);
    await watch.hears('changed shop/web 100');
    expect(watch.news()).toHaveLength(100);
    expect(api.requests()).toHaveLength(asked);
  });

  test('is of all namespaces where none is named', async () => {
    await start();
    const watch = follow(cluster, undefined);
    await watch.hears('= 3');
    expect(watch.news()).toEqual(['listed jobs/batch 0', 'listed shop/cart 0', 'listed shop/web 0', '= 3']);
  });

  test('lists by pages of five hundred, and asks for bookmarks and an end within ten minutes', async () => {
    const objects = Array.from({ length: 1100 }, (_, index) => killedPod('shop', `pod-${index}`, 0));
    await start({ objects });
    const watch = await followed('shop');
    expect(watch.counts.size).toBe(1100);
    expect(requests('list').map(({ query }) => query.limit)).toEqual(['500', '500', '500']);
    const { query } = requests('watch')[0] ?? {};
    expect(query).toMatchObject({ allowWatchBookmarks: 'true', watch: 'true' });
    expect(Number(query?.timeoutSeconds)).toBeGreaterThanOrEqual(300);
    expect(Number(query?.timeoutSeconds)).toBeLessThanOrEqual(600);
  });

  test.each(['end', 'reset', 'cut'] as const)(
    'goes on where it stood after a connection’s %s, without a list and without a word',
    async (how) => {
      await start();
      const watch = await followed('shop');
      api.load([killedPod('shop', 'web', 1)]);
      await watch.hears('changed shop/web 1');
      await pastStable();
      expect(api.breakWatches(how)).toBe(1);
      api.load([killedPod('shop', 'web', 2)]);
      api.load([killedPod('shop', 'web', 3)]);
      await watch.hears('changed shop/web 3');
      expect(watch.news()).toEqual(['changed shop/web 1', 'changed shop/web 2', 'changed shop/web 3']);
      expect(requests('list')).toHaveLength(1);
    },
  );

  test('notices silence, and misses nothing of what happened meanwhile', async () => {
    await start({}, { timing: { silenceMs: 150 } });
    const watch = await followed('shop');
    api.breakWatches('silence');
    api.load([killedPod('shop', 'web', 1)]);
    await watch.hears('changed shop/web 1');
    expect(watch.news()).toEqual(['changed shop/web 1']);
    expect(requests('list')).toHaveLength(1);
  });

  test('takes bookmarks for a sign of life, and goes on from the last one', async () => {
    await start({}, { timing: { silenceMs: 1000 } });
    const watch = await followed('shop');
    const openedMs = performance.now();
    await waitFor('longer than it bears silence', () => {
      api.bookmark();
      return performance.now() - openedMs > 1600;
    });
    expect(requests('watch')).toHaveLength(1);
    api.load([killedPod('jobs', 'batch', 1)]);
    api.compact();
    api.bookmark();
    api.breakWatches('end');
    api.load([killedPod('shop', 'web', 1)]);
    await watch.hears('changed shop/web 1');
    expect(watch.told.filter((line) => line.startsWith('='))).toEqual(['= 2']);
    expect(requests('list')).toHaveLength(1);
  });

  test('lists anew where the server is behind it: its etcd was restored', async () => {
    await start({}, { timing: { silenceMs: 100, stableMs: 5 } });
    const watch = await followed('shop');
    const later = { type: 'BOOKMARK', object: { kind: 'Pod', metadata: { resourceVersion: '999999' } } };
    api.tellWatches(JSON.stringify(later));
    api.breakWatches('end');
    await waitFor('the watch to go on', () =>
      requests('watch').some(({ query }) => query.resourceVersion === '999999'),
    );
    await watch.hears('= 2');
    expect(watch.news()).toEqual(['listed shop/cart 0', 'listed shop/web 0', '= 2']);
    api.load([killedPod('shop', 'web', 1)]);
    await watch.hears('changed shop/web 1');
  });

  test('lists nothing anew at a server where nothing happens', async () => {
    await start({}, { timing: { silenceMs: 50, stableMs: 5 } });
    const watch = await followed('shop');
    await waitFor('some silences', () => requests('watch').length >= 15);
    expect(requests('list')).toHaveLength(1);
    expect(watch.told.filter((line) => /^[!w]/.test(line))).toEqual([]);
  });

  test('says once that nobody listens, and once that it works again', async () => {
    await start();
    const watch = await followed('shop');
    await pastStable();
    const asked = api.requests().length;
    await api.down();
    await watch.hears(/^! Nobody listens/);
    await api.up();
    api.load([killedPod('shop', 'web', 1)]);
    await watch.hears('works');
    await watch.hears('changed shop/web 1');
    expect([...watch.news()].sort()).toEqual([
      `! Nobody listens at ${api.url}, the Kubernetes API of prod (connection refused).`,
      'changed shop/web 1',
      'works',
    ]);
    expect(watch.advice).toEqual(['Check that the API server runs, and the server address in the kubeconfig.']);
    expect(api.requests()).toHaveLength(asked + 1);
  });

  test.each(['event', 'status'] as const)(
    'lists at once where what it missed is forgotten (410 as %s), and tells who is gone',
    async (expiredWatch) => {
      await start({ expiredWatch });
      const watch = await followed('shop');
      await api.down();
      api.load([killedPod('shop', 'web', 1), killedPod('shop', 'new', 0)]);
      api.remove('Pod', 'shop', 'cart');
      api.compact();
      await api.up();
      await watch.hears('= 2');
      api.load([killedPod('shop', 'web', 2)]);
      await watch.hears('changed shop/web 2');
      expect(watch.news().filter((line) => !/^[!w]/.test(line))).toEqual([
        'listed shop/new 0',
        'listed shop/web 1',
        'gone shop/cart -',
        '= 2',
        'changed shop/web 2',
      ]);
      expect(requests('list')).toHaveLength(2);
    },
  );

  test('knows a pod that came in the place of another of its name', async () => {
    await start();
    const watch = await followed('shop');
    await api.down();
    api.remove('Pod', 'shop', 'cart');
    api.load([killedPod('shop', 'cart', 0)]);
    api.compact();
    await api.up();
    await watch.hears('= 2');
    expect(watch.news().filter((line) => line.includes('cart'))).toEqual(['gone shop/cart -', 'listed shop/cart 0']);
  });

  test('begins its list anew where a page is forgotten, and says so where that goes on', async () => {
    const objects = Array.from({ length: 600 }, (_, index) => killedPod('shop', `pod-${index}`, 0));
    await start({ objects });
    api.fault({ resource: 'pods', verb: 'list', after: 1, times: 1, status: 410 });
    const watch = await followed('shop');
    expect(watch.told.filter((line) => !line.startsWith('listed'))).toEqual(['= 600']);
    expect(requests('list').map(({ query }) => 'continue' in query)).toEqual([false, true, false, true]);
    await watch.stop();
    api.fault({ resource: 'pods', verb: 'list', times: 20, status: 410 });
    const other = follow(cluster, 'shop');
    await other.hears('works', 20_000);
    expect(other.told.filter((line) => !line.startsWith('listed'))).toEqual([
      '! The Kubernetes API of prod forgets what it tells faster than it can be read (list pods, 410). It said: The resourceVersion for the provided list is too old',
      '= 600',
      'works',
    ]);
  });

  test('does not list as fast as it can where its watch is forgotten each time', async () => {
    await start();
    api.fault({ resource: 'pods', verb: 'watch', times: 6, status: 410 });
    const startedMs = performance.now();
    const watch = follow(cluster, 'shop');
    await watch.hears('works');
    // Two at once, then waits of at least 10, 20, 40 and 50 ms.
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(110);
    expect(requests('list')).toHaveLength(7);
    expect(watch.told.filter((line) => /^[=!w]/.test(line)).map((line) => line.slice(0, 36))).toEqual([
      '= 2',
      '= 2',
      '= 2',
      ...Array.from({ length: 4 }, () => ['! The Kubernetes API of prod forgets', '= 2']).flat(),
      'works',
    ]);
  });

  test('waits as long as a busy server asks for', async () => {
    await start();
    for (const verb of ['list', 'watch'])
      api.fault({ resource: 'pods', verb, times: 1, status: 429, retryAfterSeconds: 1 });
    const watch = follow(cluster, 'shop');
    await waitFor('the watch to be open', () => requests('watch').length === 2);
    await watch.hears('works');
    for (const verb of ['list', 'watch'] as const) {
      const [first, second] = requests(verb).map(({ at }) => at.getTime());
      expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(990);
    }
    expect(watch.news().filter((line) => !/^listed/.test(line))).toEqual([
      '! The Kubernetes API of prod is too busy to list pods (429).',
      '= 2',
      '! The Kubernetes API of prod is too busy to watch pods (429).',
      'works',
    ]);
  });

  test.each([
    [{ kind: 'hang' }, '! The Kubernetes API of prod did not answer within 200 ms.'],
    [{ kind: 'silent' }, '! The Kubernetes API of prod did not answer within 200 ms.'],
    [{ kind: 'reset' }, /^! The connection to the Kubernetes API of prod broke: /],
    [{ status: 503 }, '! The Kubernetes API of prod failed to list pods (503).'],
    [{ status: 404 }, /^! The Kubernetes API of prod has no pods in namespace shop \(404\)/],
  ] as const)('says %j of its list, and tries again', async (fault, said) => {
    await start({}, { requestTimeoutMs: 200 });
    api.fault({ resource: 'pods', verb: 'list', times: 2, ...fault });
    const watch = follow(cluster, 'shop');
    await watch.hears(said);
    await watch.hears('works');
    expect(watch.told.filter((line) => line.startsWith('!'))).toHaveLength(1);
  });

  test('of one namespace that is taken away costs no other, and comes back with it', async () => {
    await start({}, { user: 'reader' });
    const shop = follow(cluster, 'shop');
    const jobs = follow(cluster, 'jobs');
    await Promise.all([shop.hears('= 2'), jobs.hears('= 1')]);
    await waitFor('both watches', () => requests('watch').length === 2);
    await pastStable();
    namespacesOfReader = ['shop'];
    api.remove('Pod', 'jobs', 'batch');
    api.breakWatches('end');
    await jobs.hears('! pods: forbidden: Quorum may not watch pods in namespace jobs.');
    expect(jobs.advice).toEqual(['Grant watch pods in namespace jobs to Quorum’s identity.']);
    api.load([killedPod('shop', 'web', 1)]);
    await shop.hears('changed shop/web 1');
    namespacesOfReader = ['shop', 'jobs'];
    api.load([killedPod('jobs', 'batch', 0)]);
    await jobs.hears('works');
    await jobs.hears('changed jobs/batch 0');
    expect(shop.told.filter((line) => /^[!w]/.test(line))).toEqual([]);
    expect(jobs.told.filter((line) => line.startsWith('!'))).toHaveLength(1);
  });

  test('without the permission says which, once, however often it is refused', async () => {
    await start({}, { user: 'reader' });
    const watch = follow(cluster, undefined);
    await waitFor('some refusals', () => requests('list').length >= 5);
    expect(watch.told).toEqual(['! pods: forbidden: Quorum may not list pods in all namespaces.']);
  });

  test('skips what is no pod, and says so', async () => {
    await start();
    const watch = await followed('shop');
    const odd = (name: string) =>
      JSON.stringify({ type: 'MODIFIED', object: { metadata: { namespace: 'shop', name }, spec: { containers: 7 } } });
    api.tellWatches(odd('odd'));
    api.tellWatches(odd('odd-too'));
    api.tellWatches('{"type":"MODIFIED","object":null}');
    api.tellWatches('{"type":"HELLO","object":{}}');
    api.load([killedPod('shop', 'web', 1)]);
    await watch.hears('changed shop/web 1');
    expect(watch.news()).toEqual([
      '! The Kubernetes API of prod sent a pod that cannot be read: shop/odd: spec.containers: Invalid input: expected array, received number.',
      'works',
      '! The Kubernetes API of prod sent a pod that cannot be read: MODIFIED without a name.',
      'works',
      '! The Kubernetes API of prod sent a pod that cannot be read: an event of the type HELLO.',
      'works',
      'changed shop/web 1',
    ]);
  });

  test('goes on where a stream is not the API’s, or ends with an error of the server’s', async () => {
    await start();
    const watch = await followed('shop');
    await pastStable();
    api.tellWatches('<html>Sign in</html>');
    api.load([killedPod('shop', 'web', 1)]);
    await watch.hears('changed shop/web 1');
    await pastStable();
    api.tellWatches('{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is away"}}');
    api.load([killedPod('shop', 'web', 2)]);
    await watch.hears('changed shop/web 2');
    expect(requests('list')).toHaveLength(1);
    expect(watch.counts.get('changed shop/web 1')).toBe(1);
  });

  test('survives a watcher that throws', async () => {
    await start();
    const watch = follow(cluster, 'shop', (pod) => {
      if (pod.metadata.name === 'cart') throw new Error('no room for password=hunter2');
    });
    await watch.hears('= 2');
    api.load([killedPod('shop', 'cart', 1), killedPod('shop', 'web', 1)]);
    await watch.hears('changed shop/web 1');
    expect(watch.told).toEqual([
      'listed shop/cart 0',
      expect.stringMatching(
        /^! The pod shop\/cart was seen and could not be dealt with: no room for password=(?!hunter2)/,
      ),
      'works',
      'listed shop/web 0',
      '= 2',
      'changed shop/cart 1',
      'changed shop/web 1',
    ]);
  });

  test.each(['a list that hangs', 'a later list that hangs', 'an open watch', 'a wait'] as const)(
    'ends at once during %s',
    async (during) => {
      await start();
      if (during === 'a list that hangs') api.fault({ resource: 'pods', times: 1, kind: 'hang' });
      if (during === 'a wait') api.fault({ resource: 'pods', times: 1, status: 429, retryAfterSeconds: 60 });
      const watch = follow(cluster, 'shop');
      if (during === 'an open watch') await watch.hears('= 2');
      else if (during === 'a later list that hangs') {
        await watch.hears('= 2');
        await waitFor('the watch to be open', () => requests('watch').length > 0);
        api.fault({ resource: 'pods', verb: 'list', times: 1, kind: 'hang' });
        api.tellWatches('{"type":"ERROR","object":{"code":410}}');
        await waitFor('the list', () => requests('list').length === 2);
      } else if (during === 'a wait') await watch.hears(/429/);
      else await waitFor('the request', () => requests('list').length > 0);
      watch.news();
      const startedMs = performance.now();
      await watch.stop();
      expect(performance.now() - startedMs).toBeLessThan(1000);
      const asked = api.requests().length;
      api.load([killedPod('shop', 'web', 9)]);
      await watch.stop();
      expect(watch.news()).toEqual([]);
      expect(api.requests()).toHaveLength(asked);
    },
  );
});

describe('the watches of a cluster', () => {
  test('end with it', async () => {
    await start();
    const watches = [follow(cluster, 'shop'), follow(cluster, 'jobs'), follow(cluster, undefined)];
    await Promise.all(watches.map((watch) => watch.hears(/^= /)));
    await waitFor('the watches to be open', () => requests('watch').length === 3);
    await cluster.close();
    await waitFor('the watches to be gone', () => api.breakWatches('end') === 0);
    api.load([killedPod('shop', 'web', 1)]);
    expect(watches.flatMap(({ told }) => told).filter((line) => line.startsWith('changed'))).toEqual([]);
  });
});

describe('credentials that are renewed', () => {
  async function kubeconfigWith(user: object): Promise<string> {
    const path = join(folder, 'renewed');
    await writeFile(
      path,
      stringify({
        clusters: [{ name: 'one', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'ann', user }],
        contexts: [{ name: 'one', context: { cluster: 'one', user: 'ann' } }],
        'current-context': 'one',
      }),
    );
    return path;
  }

  test('by a program that hangs are waited for no longer than for an answer', async () => {
    await start();
    await cluster.close();
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sleep', args: ['2'] };
    await connect(await kubeconfigWith({ exec }), { firstMs: 10_000 }, 200);
    const watch = follow(cluster, 'shop');
    await watch.hears('! The Kubernetes API of prod did not answer within 200 ms.');
    expect(requests('list')).toEqual([]);
    await watch.stop();
  });

  test.each(['a token file', 'a program', 'the kubeconfig itself'] as const)('by %s are taken up', async (by) => {
    await start();
    await cluster.close();
    const put = async (token: string) => {
      const status = { token };
      const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status };
      await writeFile(join(folder, 'credential'), by === 'a program' ? JSON.stringify(credential) : `${token}\n`);
      return await kubeconfigWith(
        by === 'a program'
          ? { exec: { apiVersion: credential.apiVersion, command: 'cat', args: [join(folder, 'credential')] } }
          : by === 'a token file'
            ? { tokenFile: 'credential' }
            : { token },
      );
    };
    await connect(await put('an-old-token'));
    const watch = follow(cluster, 'shop');
    await watch.hears('! The Kubernetes API of prod does not know who asks (401). It said: Unauthorized');
    await put(api.token);
    await watch.hears('works');
    expect(watch.told.filter((line) => /^[!=]/.test(line))).toHaveLength(2);
  });
});

describe('whatever goes wrong', () => {
  test('each of 200 kills is told, and none twice as it happens', async () => {
    const storm = await watchThroughStorm(1, 0.2);
    expect(storm).toMatchObject({ missing: [], doubled: [] });
    expect(storm.faults).toBeGreaterThan(30);
    expect(storm.watches).toBeGreaterThan(15);
    expect(storm.lists).toBeGreaterThan(3);
  }, 60_000);
});

/** A watch that was open for so long counts as one that worked. */
async function pastStable(): Promise<void> {
  const fromMs = performance.now();
  await waitFor('the watch to have worked for a while', () => performance.now() - fromMs > 60);
}
