import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { oomList as command } from '../../commands/oom/list.ts';
import { oomList } from '../../jobs/oom/list.ts';
import { emptyConfig } from '../../src/config.ts';
import { parseWords } from '../../src/grammar.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import type { KillStore } from '../../src/kubernetes/kill.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Report } from '../../src/report/report.ts';
import { splitWords } from '../../src/words.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { memoryKills } from '../support/memory-kills.ts';
import { askWhy, contextOf, now, tableOf } from '../support/why.ts';

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-list-'));
  api = await startKubernetes({
    ...loadRecorded({ now }),
    now: () => now,
    pageSize: 25,
    users: [
      { token: 'nobody', name: 'nobody', may: () => false },
      { token: 'shop', name: 'shop', may: (_verb, _group, _resource, namespace) => namespace === 'shop' },
    ],
  });
  await api.writeKubeconfig(join(folder, 'admin'));
  await api.writeKubeconfig(join(folder, 'nobody'), 'nobody');
  await api.writeKubeconfig(join(folder, 'shop'), 'shop');
  cluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] });
});
afterAll(async () => {
  await cluster.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

type Asked = { readonly namespace?: string; readonly sinceMs?: number; readonly kills?: KillStore; readonly at?: Date };

function askList(
  on: KubernetesCluster,
  { namespace, sinceMs = 86_400_000, kills, at = now }: Asked = {},
): Promise<Report> {
  return oomList.run(
    { cluster: 'prod', namespace: namespace ?? null, sinceMs },
    contextOf(on, { now: () => at, ...(kills === undefined ? {} : { kills }) }),
  );
}

const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString();

/** A running pod of `deploy/<name>`, OOM-killed so many minutes ago after so many minutes. */
function loadKilled(namespace: string, name: string, ago: number, ran: number, restartCount = 1): void {
  api.load([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace,
        name: `${name}-6d4f-x`,
        uid: `${namespace}-${name}`,
        labels: { 'pod-template-hash': '6d4f' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-6d4f`, uid: 'r', controller: true },
        ],
      },
      spec: { containers: [{ name, resources: { limits: { memory: '512Mi' } } }] },
      status: {
        phase: 'Running',
        startTime: minutesAgo(3000),
        containerStatuses: [
          {
            name,
            restartCount,
            state: { running: { startedAt: minutesAgo(ago) } },
            lastState: {
              terminated: {
                containerID: 'docker://1',
                reason: 'OOMKilled',
                exitCode: 137,
                startedAt: minutesAgo(ago + ran),
                finishedAt: minutesAgo(ago),
              },
            },
          },
        ],
      },
    },
  ]);
}

describe('of the recorded cluster, without a history', () => {
  test('tells who was killed, the worst first, and the next question', async () => {
    const report = await askList(cluster);
    expect(report.summary).toBe('4 workloads OOM-killed in 24 h; shop/checkout about 8 times');
    expect(report.verdict).toBe('findings');
    expect(tableOf(report, 'OOM-killed in 24 h')).toEqual([
      ['shop/checkout', 'about 8 (1 seen)', 'every 4 min, last 2 min ago', 'start-up peak'],
      ['shop/worker', '1', 'last 6 min ago', 'too few to say'],
      ['shop/api', '1', 'last 29 min ago', 'too few to say'],
      ['jobs/nightly-report-1793671200 (report)', '1', 'last 7 h 5 min ago', 'too few to say'],
    ]);
    expect(report.findings.map(({ severity, grade, claim }) => [severity, grade, claim])).toEqual([
      [
        'critical',
        'inferred',
        'shop/checkout: OOM-killed about 8 times in 39 min, every 4 min, 12 an hour; looks like a start-up peak.',
      ],
      ['info', 'fact', 'A terminal keeps no history: this is what the pods show now, the last end of each container.'],
    ]);
    expect(report.copy).toBe('/oom why shop/deploy/checkout --cluster prod');
    expect(report.data).toMatchObject({ podsSeen: 12, isComplete: true, history: 'none' });
  });

  test('tells of one namespace where one is named, and of a shorter time', async () => {
    expect((await askList(cluster, { namespace: 'jobs' })).summary).toBe(
      '1 workload OOM-killed in 24 h: jobs/nightly-report-1793671200 once',
    );
    expect((await askList(cluster, { namespace: 'jobs', sinceMs: 3_600_000 })).summary).toBe(
      'prod, namespace jobs: nobody was OOM-killed in 1 h among 2 pods',
    );
  });

  test('asks at most 6 requests of one namespace and 8 of all, each with a limit, and says how far that reached', async () => {
    for (let pod = 0; pod < 260; pod++) loadKilled(`big-${pod % 2}`, `app-${pod}`, 3000, 5);
    for (const [namespace, requests, first, advice] of [
      [undefined, 8, 200, 'Name a namespace with -n.'],
      ['big-0', 6, 130, undefined],
    ] as const) {
      const before = api.requests().length;
      const report = await askList(cluster, namespace === undefined ? {} : { namespace });
      const asked = api.requests().slice(before);
      expect(asked.map(({ path, query }) => [path, query.limit])).toEqual(
        Array(requests).fill([namespace === undefined ? '/api/v1/pods' : '/api/v1/namespaces/big-0/pods', '500']),
      );
      expect(report.data).toMatchObject({ podsSeen: first, isComplete: advice === undefined });
      expect(report.findings.find(({ claim }) => claim.startsWith('Only the first'))?.advice).toBe(advice);
    }
    // Nothing was seen, and not all was looked at: that is not "nobody".
    expect((await askList(cluster, { sinceMs: 60_000 })).verdict).toBe('unknown');
    for (let pod = 0; pod < 260; pod++) api.remove('Pod', `big-${pod % 2}`, `app-${pod}-6d4f-x`);
  });
});

describe('with a history', () => {
  test('a kill counts once, whoever looked and how often, and is known when its pod is gone', async () => {
    const kills = memoryKills();
    loadKilled('kept', 'leaky', 200, 95, 1);
    await askList(cluster, { namespace: 'kept', kills });
    await askWhy(cluster, 'kept/leaky', {}, { kills });
    loadKilled('kept', 'leaky', 100, 97, 2);
    await askList(cluster, { namespace: 'kept', kills });
    loadKilled('kept', 'leaky', 2, 96, 3);
    expect((await askList(cluster, { namespace: 'kept', kills })).summary).toBe(
      '1 workload OOM-killed in 24 h: kept/leaky 3 times',
    );
    api.remove('Pod', 'kept', 'leaky-6d4f-x');
    const report = await askList(cluster, { namespace: 'kept', kills });
    expect(report.findings[0]).toMatchObject({
      grade: 'inferred',
      claim: 'kept/leaky: OOM-killed 3 times in 3 h 18 min, every 1 h 39 min; looks like a leak.',
      evidence: '3 kills seen; it ran 1 h 35 min to 1 h 37 min before each of 3 kills',
    });
    expect(report.data).toMatchObject({ history: 'kept', workloads: [{ seen: 3, times: 3, rhythm: 'leak' }] });
  });

  test('/oom why tells the how manieth it was, since when, and that it looks like a leak', async () => {
    const kills = memoryKills();
    for (const [ago, restarts] of [
      [370, 1],
      [250, 2],
      [130, 3],
      [10, 4],
    ] as const) {
      loadKilled('kept', 'slow', ago, 119, restarts);
      await askList(cluster, { namespace: 'kept', kills });
    }
    const { findings, data } = await askWhy(cluster, 'kept/slow', {}, { kills });
    expect(findings.find(({ claim }) => claim.includes('kill in'))).toMatchObject({
      severity: 'info',
      grade: 'inferred',
      claim: 'The 4th kill in 6 h, every 2 h, steady; at about the same age each time, as a leak does.',
      evidence: '4 kills seen; it ran 1 h 59 min before each of 4 kills',
      since: minutesAgo(370),
    });
    expect(data.history).toMatchObject({ times: 4, rhythm: 'leak', trend: 'steady' });
    api.remove('Pod', 'kept', 'slow-6d4f-x');
  });

  test('the siblings that were read anyway are kept too', async () => {
    const kills = memoryKills();
    await askWhy(cluster, 'shop/cart', {}, { kills });
    const known = await kills.since('prod', new Date(0));
    expect(known.map(({ workload, end }) => [workload, end]).sort()).toEqual([
      ['deploy/api', 'killed'],
      ['deploy/cart', 'heap'],
      ['deploy/checkout', 'killed'],
      ['deploy/worker', 'killed'],
    ]);
    const { summary } = await askList(cluster, { namespace: 'shop', kills });
    expect(summary).toBe('3 workloads OOM-killed in 24 h; shop/checkout about 8 times');
  });

  test('an end that was seen before the rollout speaks against going back', async () => {
    const kills = memoryKills();
    const [shown] = await askWhy(cluster, recordedPods.unaware, {}, { kills }).then(() =>
      kills.since('prod', new Date(0)),
    );
    const rolled = async () =>
      (await askWhy(cluster, recordedPods.unaware, {}, { kills })).findings.find(({ claim }) =>
        claim.includes('revision'),
      );
    expect(await rolled()).toMatchObject({
      claim: 'It died 40 min after revision 14 was rolled out.',
      command: 'kubectl rollout undo deploy/checkout -n shop',
    });
    await kills.record('prod', [{ ...(shown ?? raise()), podUid: 'older', finishedAt: minutesAgo(20), run: 2 }]);
    expect((await rolled())?.claim).toBe('The first end that was seen came 22 min after revision 14 was rolled out.');
    await kills.record('prod', [{ ...(shown ?? raise()), podUid: 'oldest', finishedAt: minutesAgo(300), run: 0 }]);
    const against = await rolled();
    expect(against).toMatchObject({
      severity: 'info',
      claim: 'It ended so before revision 14 was rolled out too: going back to the one before does not mend it.',
    });
    expect(against?.command).toBeUndefined();
  });

  test('that does not answer costs itself, and the answer says so', async () => {
    const broken: KillStore = {
      record: async () => {},
      since: async () => {
        throw new Error('Command timed out');
      },
    };
    const list = await askList(cluster, { namespace: 'shop', kills: broken });
    expect(list.summary).toBe('3 workloads OOM-killed in 24 h; shop/checkout about 8 times');
    expect(list.findings.map(({ claim }) => claim)).toContain(
      'history: not read: only what the pods show now is told.',
    );
    const why = await askWhy(cluster, recordedPods.unaware, {}, { kills: broken });
    expect(why.data).toMatchObject({ cause: 'limit' });
    expect(why.findings.map(({ claim }) => claim)).toContain('history: not read: earlier kills are not counted.');
  });
});

describe('with less than all permissions', () => {
  test('what may not be listed is said, and what is kept is told all the same', async () => {
    const kills = memoryKills();
    await askList(cluster, { kills });
    const nobody = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'nobody'), namespaces: [] });
    const report = await askList(nobody, { kills });
    expect(report.summary).toBe('4 workloads OOM-killed in 24 h; shop/checkout about 8 times');
    expect(report.findings.at(-1)).toMatchObject({
      severity: 'warning',
      grade: 'unknown',
      claim: 'pods: forbidden: Quorum may not list pods in all namespaces: kills that nobody asked about are not seen.',
      advice: 'Grant list pods with a ClusterRole, in all namespaces to Quorum’s identity.',
    });
    const empty = await askList(nobody);
    expect([empty.verdict, empty.summary]).toEqual([
      'unknown',
      'prod: the pods cannot be seen, and no kill in 24 h is known',
    ]);
    await nobody.close();
  });

  test('a namespace that is refused costs itself, and others that are configured are told', async () => {
    const shop = await connectKubernetes({
      name: 'prod',
      kubeconfig: join(folder, 'shop'),
      namespaces: ['jobs', 'shop'],
    });
    const report = await askList(shop);
    expect(report.summary).toBe('3 workloads OOM-killed in 24 h; shop/checkout about 8 times');
    expect(report.findings.map(({ claim }) => claim)).toContain(
      'pods: forbidden: Quorum may not list pods in namespace jobs: kills that nobody asked about are not seen.',
    );
    await expect(askList(shop, { namespace: 'other' })).rejects.toThrow(
      new Refusal('Quorum is not set up for namespace other of prod.', ''),
    );
    await shop.close();
  });
});

describe('the command', () => {
  const inputOf = (line: string) => command.input(parseWords(command, splitWords(line)), 'prod', emptyConfig().changes);

  test('takes a namespace and how far back', () => {
    expect(inputOf('')).toEqual({ cluster: 'prod', namespace: null, sinceMs: 86_400_000 });
    expect(inputOf('-n shop --since 90m')).toEqual({ cluster: 'prod', namespace: 'shop', sinceMs: 5_400_000 });
  });

  test.each([
    ['-n Shop', '“Shop” cannot be a namespace.'],
    ['--since yesterday', '--since "yesterday" is not a length of time.'],
    ['--since 0h', '--since "0h" is not a length of time.'],
    ['--since 30d', '--since 30d is longer than kills are kept.'],
    ['checkout', '“checkout” is not expected here.'],
    ['-- -n', '“-n” is not expected here.'],
  ])('refuses %s', (line, message) => {
    expect(() => inputOf(line)).toThrow(new Refusal(message, ''));
  });
});

function raise(): never {
  throw new Error('nothing was kept');
}
