import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { oomWhy as command } from '../../commands/oom/why.ts';
import { oomWhy } from '../../jobs/oom/why.ts';
import type { Words } from '../../src/command.ts';
import { emptyConfig } from '../../src/config.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { Refusal } from '../../src/refusal.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { askWhy, factOf, now, tableOf } from '../support/why.ts';

const podsOnly = {
  token: 'a-token-for-pods',
  name: 'pods-only',
  may: (_verb: string, _group: string, resource: string, namespace: string) =>
    resource === 'pods' && namespace === 'shop',
};

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-why-'));
  api = await startKubernetes({ ...loadRecorded({ now }), users: [podsOnly], now: () => now });
  await api.writeKubeconfig(join(folder, 'admin'));
  await api.writeKubeconfig(join(folder, 'pods-only'), 'pods-only');
  cluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] });
});
afterAll(async () => {
  await cluster.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

describe('the three published cases', () => {
  test('JDK 8u181 without flags in 512Mi: its heap may grow past the limit, and -Xmx is to be set', async () => {
    const report = await askWhy(cluster, recordedPods.unaware);
    expect(report.summary).toBe(
      'shop/checkout-7d9f8b6c54-x2x9k: OOM-killed (7 restarts): heap may grow to 1992 MiB in 512 MiB; set -Xmx292m',
    );
    expect(report.verdict).toBe('findings');
    expect(report.data).toMatchObject({
      namespace: 'shop',
      pod: 'checkout-7d9f8b6c54-x2x9k',
      container: 'checkout',
      isJava: true,
      cause: 'limit',
      termination: {
        reason: 'OOMKilled',
        exitCode: 137,
        signal: 9,
        startedAt: '2026-11-03T09:57:13Z',
        finishedAt: '2026-11-03T09:58:00Z',
        restartCount: 7,
      },
      limitBytes: 536_870_912,
      requestBytes: 536_870_912,
      nodeBytes: 8_350_720_000,
      jdk: '8u181',
      heap: {
        jdk: '8u181',
        containerAware: false,
        physicalBytes: 8_350_720_000,
        initialHeapBytes: 132_120_576,
        maxHeapBytes: 2_088_763_392,
        fatal: null,
        flags: [],
      },
    });
    expect(tableOf(report, 'The heap that JDK 8u181 takes by itself').map(([what, bytes]) => [what, bytes])).toEqual([
      ['Memory it sees', '8350720000'],
      ['Initial heap', '132120576'],
      ['Largest heap', '2088763392'],
    ]);
    expect(factOf(report, 'Replicas')).toBe('deploy/checkout: 1 of 2 ready, revision 14');
    expect(factOf(report, 'Next restart')).toBe('in 3 min (inferred)');
    expect(factOf(report, 'Node')).toContain(
      'CentOS Linux 7 (Core), kernel 3.10.0-1160.el7.x86_64, cgroup v1 (inferred), 2 CPUs',
    );
  });

  test('its flags come as a block and as one command to copy', async () => {
    const report = await askWhy(cluster, recordedPods.unaware);
    const yaml = report.sections.find(({ title }) => title === 'Flags to set: container checkout');
    expect(yaml?.kind === 'code' ? yaml.text : '').toMatch(
      /^env:\n {2}- name: JAVA_TOOL_OPTIONS\n {4}value: "-Xmx292m .+"$/,
    );
    expect(report.copy).toMatch(
      /^kubectl set env deploy\/checkout -n shop -c checkout 'JAVA_TOOL_OPTIONS=-Xmx292m .+'$/,
    );
  });

  test('JDK 8u212 without flags in 512Mi: not killed, its heap was full inside the JVM', async () => {
    const report = await askWhy(cluster, recordedPods.heapSpace);
    expect(report.summary).toContain(
      'shop/cart-5b7c9d6f48-t4qwz: not killed: Java heap space at 128 MiB (4 restarts); set -XX:MaxRAMPercentage=',
    );
    expect(report.data).toMatchObject({
      cause: 'heap',
      termination: { reason: 'Error', exitCode: 1, signal: null, restartCount: 4 },
      jdk: '8u212',
      heap: {
        containerAware: true,
        physicalBytes: 536_870_912,
        initialHeapBytes: 8_388_608,
        maxHeapBytes: 134_217_728,
      },
    });
  });

  test('JDK 8u181 with -Xms8m -Xmx128m: as given, and not killed', async () => {
    const report = await askWhy(cluster, recordedPods.capped);
    expect(report.summary).toBe('shop/ledger-6c4d8f7b59-8h2vd: not OOM-killed');
    expect(report.verdict).toBe('ok');
    expect(report.data).toMatchObject({
      cause: 'none',
      jdk: '8u181',
      heap: { initialHeapBytes: 8_388_608, maxHeapBytes: 134_217_728 },
      recommendation: null,
    });
  });
});

describe('what is no Java, or was not killed', () => {
  test.each([
    [recordedPods.web, 'ok', 'none', false, 'not OOM-killed, and not Java'],
    [
      recordedPods.go,
      'findings',
      'limit',
      false,
      'OOM-killed (2 restarts) at 128 MiB; not Java: raise the limit or lower its use',
    ],
    [recordedPods.search, 'ok', 'none', true, 'not OOM-killed'],
    [recordedPods.evicted, 'findings', 'evicted', true, 'evicted by the node, low on memory'],
    [recordedPods.replacement, 'ok', 'none', true, 'not OOM-killed'],
  ])('%s is said to be so', async (pod, verdict, cause, isJava, text) => {
    const report = await askWhy(cluster, pod);
    expect(report.summary).toBe(`${pod}: ${text}`);
    expect(report.verdict).toBe(verdict);
    expect(report.data).toMatchObject({ cause, isJava });
  });

  test('JDK 17.0.12 on kernel 6.18 takes the node’s memory, and the upgrade that mends it is named', async () => {
    const report = await askWhy(cluster, recordedPods.newKernel);
    expect(report.data).toMatchObject({ cause: 'limit', jdk: '17.0.12', heap: { containerAware: false } });
    expect(report.findings.map(({ advice }) => advice)).toContain('Upgrade to 17.0.20 or later, or set -Xmx.');
  });
});

describe('what it costs', () => {
  test.each([
    ['shop/checkout-7d9f8b6c54-x2x9k', 6],
    ['shop/worker-9c5d7f8b6-5nfhr', 6],
    ['shop/cart', 6],
    ['shop/deploy/checkout', 6],
    ['checkout-7d9f8b6c54-x2x9k', 8],
    ['cart', 8],
    ['deploy/worker', 8],
  ])('%s takes at most %d API requests', async (pod, most) => {
    const before = api.requests().length;
    await askWhy(cluster, pod);
    const asked = api.requests().slice(before);
    expect(asked.length).toBeLessThanOrEqual(most);
    const lists = asked.filter(({ path }) => path.endsWith('/pods'));
    expect(lists.filter(({ query }) => query.limit === undefined)).toEqual([]);
  });
});

describe('with less than all permissions', () => {
  test('each missing one costs its own part, never the answer', async () => {
    const limited = await connectKubernetes({
      name: 'prod',
      kubeconfig: join(folder, 'pods-only'),
      namespaces: ['shop'],
    });
    const report = await askWhy(limited, 'checkout-7d9f8b6c54-x2x9k');
    expect(report.data).toMatchObject({ cause: 'limit', limitBytes: 536_870_912, nodeBytes: null, heap: null });
    const unknown = report.findings.filter(({ grade }) => grade === 'unknown').map(({ claim }) => claim);
    expect(unknown).toEqual(
      expect.arrayContaining([
        'events: forbidden: grant list events in namespace shop to see evictions and probe kills',
        'node: forbidden: grant get nodes to see the node’s memory and kernel, which decide what a JVM takes for its own',
        'log: forbidden: grant get pods/log in namespace shop to see what the JVM said',
      ]),
    );
    await limited.close();
  });

  test('a part that does not answer in time costs that part', async () => {
    const hasty = await connectKubernetes({
      name: 'prod',
      kubeconfig: join(folder, 'admin'),
      namespaces: [],
      requestTimeoutMs: 200,
    });
    api.fault({ path: /\/events$/, kind: 'hang', times: 2 });
    const report = await askWhy(hasty, recordedPods.unaware);
    expect(report.data).toMatchObject({ cause: 'limit' });
    expect(report.findings.map(({ claim }) => claim)).toContain(
      'events: not read: The Kubernetes API of prod did not answer within 200 ms.',
    );
    api.clearFaults();
    await hasty.close();
  });
});

test('every report is JSON, its tables have at most four columns, its findings come worst first', async () => {
  const order = { critical: 0, warning: 1, info: 2 };
  for (const each of Object.values(recordedPods)) {
    const report = await askWhy(cluster, each);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    const ranks = report.findings.map(({ severity }) => order[severity]);
    expect(ranks).toEqual([...ranks].sort());
    for (const section of report.sections)
      if (section.kind === 'table') expect(section.columns.length).toBeLessThanOrEqual(4);
  }
});

describe('the command', () => {
  function words(
    positionals: readonly string[],
    flags: Readonly<Record<string, string>> = {},
    rest: readonly string[] = [],
  ): Words {
    return {
      positionals,
      rest,
      flag: (name) => flags[name],
      flags: (name) => (flags[name] === undefined ? [] : [flags[name]]),
      isSet: (name) => name in flags,
    };
  }

  test('takes the pod, its namespace and its container', () => {
    expect(
      command.input(words(['checkout'], { namespace: 'shop', container: 'app' }), 'prod', emptyConfig().changes),
    ).toEqual({
      cluster: 'prod',
      pod: 'checkout',
      namespace: 'shop',
      container: 'app',
    });
    expect(oomWhy.input.safeParse(command.input(words(['x']), 'prod', emptyConfig().changes)).success).toBe(true);
  });

  test.each([
    [words([]), 'Which pod?'],
    [words(['a', 'b']), 'One pod at a time: 2 names were given.'],
    [words([], {}, ['-n']), '“-n” cannot be a pod name.'],
    [words([], {}, ['--help']), '“--help” cannot be a pod name.'],
    [words(['x'], { container: 'A b' }), '“A b” cannot be a container.'],
    [words(['x'], { namespace: '../x' }), '“../x” cannot be a namespace.'],
  ])('refuses what can be no pod before it is queued', (given, message) => {
    expect(() => command.input(given, 'prod', emptyConfig().changes)).toThrow(new Refusal(message, ''));
  });
});
