import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectKubernetes, type KubernetesConfig } from '../../src/kubernetes/client.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { recordPod } from '../../src/kubernetes/record-client.ts';
import { recordedKubernetes } from '../../src/kubernetes/recorded-client.ts';
import { told } from '../../src/record.ts';
import type { Report } from '../../src/report/report.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import type { KubernetesObject } from '../support/kubernetes/object.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { askWhy, now, refusalOf } from '../support/why.ts';

let folder: string;
let api: KubernetesApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-record-'));
  const onlyPods = {
    token: 'a-token-for-pods',
    name: 'only-pods',
    may: (_verb: string, _group: string, resource: string) => resource === 'pods',
  };
  // Loaded once and here: it takes seconds on a busy machine.
  await import('@kubernetes/client-node');
  api = await startKubernetes({ ...loadRecorded({ now }), users: [onlyPods], now: () => now });
}, 60_000);
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});

let made = 0;
async function recorded(pod: string, { user = 'admin', container }: { user?: string; container?: string } = {}) {
  made += 1;
  const kubeconfig = join(folder, `kubeconfig-${made}`);
  await api.writeKubeconfig(kubeconfig, user);
  const config: KubernetesConfig = { name: 'prod', kubeconfig, namespaces: [], requestTimeoutMs: 60_000 };
  const directory = join(folder, `recorded-${made}`);
  const recording = await recordPod(config, parsePodReference(pod, undefined), { container, directory, now });
  return { recording, directory, config };
}

/** A report without the line that tells whom was asked. */
function answer({ verdict, summary, findings, data, sections, asOf }: Report) {
  const told = sections.map((section) =>
    section.kind === 'table' ? { ...section, rows: section.rows.filter(([what]) => what !== 'Asked') } : section,
  );
  return { verdict, summary, findings, data, sections: told, asOf };
}

describe('a recording', () => {
  test.each([
    recordedPods.unaware,
    recordedPods.heapSpace,
    recordedPods.newKernel,
    recordedPods.search,
    recordedPods.evicted,
    recordedPods.job,
    recordedPods.go,
  ])('of %s is answered as the cluster was', async (pod) => {
    const { directory, config } = await recorded(pod);
    const cluster = await connectKubernetes(config);
    const [live, kept] = [await askWhy(cluster, pod), await askWhy(await recordedKubernetes(directory, 'prod'), pod)];
    await cluster.close();
    expect(answer(kept)).toEqual(answer(live));
  });

  test('keeps what was refused as the API refused it', async () => {
    const { directory, config, recording } = await recorded(recordedPods.unaware, { user: 'only-pods' });
    const cluster = await connectKubernetes(config);
    const [live, kept] = [
      await askWhy(cluster, recordedPods.unaware),
      await askWhy(await recordedKubernetes(directory, 'prod'), recordedPods.unaware),
    ];
    await cluster.close();
    expect(answer(kept)).toEqual(answer(live));
    expect(JSON.parse(await readFile(join(directory, 'events.json'), 'utf8'))).toMatchObject({
      kind: 'Status',
      code: 403,
      reason: 'Forbidden',
    });
    expect(told(recording, 'there')).toContain('Not read: events.json: events: forbidden: Quorum may not list events');
  });

  test('holds no secret that a name or a shape gives away', async () => {
    const [namespace = '', name = ''] = recordedPods.sibling.split('/');
    const pod = loadRecorded({ now }).objects.find(({ kind, metadata }) => kind === 'Pod' && metadata?.name === name);
    const secrets = Array.from({ length: 1000 }, (_, at) => `planted-${at}-x7Qf`);
    const next = () => secrets.pop() ?? '';
    const container = {
      name: 'checkout',
      image: 'openjdk:17',
      command: ['sh', '-c', `java -Ddb.password=${next()} -jar a.jar`],
      args: ['--api-key', next(), `-Djavax.net.ssl.trustStorePassword=${next()}`, `--token=${next()}`],
      env: Array.from({ length: 400 }, (_, at) => ({ name: `PART_${at}_SECRET`, value: next() })),
      livenessProbe: {
        httpGet: { path: '/', port: 80, httpHeaders: [{ name: 'Authorization', value: `Bearer ${next()}` }] },
      },
    };
    const planted: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      ...pod,
      metadata: {
        ...pod?.metadata,
        name: 'planted',
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ a: { b: next() } }),
          'example.com/api-token': next(),
          note: `see postgres://shop:${next()}@db/shop`,
        },
      },
      spec: { ...Object(pod?.spec), containers: [container] },
    };
    const log = Array.from({ length: 592 }, () => `login with password=${next()} failed`);
    expect(secrets).toHaveLength(0);
    api.load([planted]);
    api.setLog(namespace, 'planted', 'checkout', log.join('\n'));
    const { directory } = await recorded(`${namespace}/planted`);
    const texts = await Promise.all((await readdir(directory)).map((file) => readFile(join(directory, file), 'utf8')));
    expect(texts.join('\n').match(/planted-\d+-x7Qf/g)).toBeNull();
    expect(texts.join('\n')).toContain('login with password=*** failed');
    api.remove('Pod', namespace, 'planted');
  });

  test('of a long log keeps its beginning and its end', async () => {
    const [namespace = '', name = ''] = recordedPods.search.split('/');
    api.setLog(
      namespace,
      name,
      'elasticsearch',
      `the first line\n${'x'.repeat(99)}\n${`${'y'.repeat(99)}\n`.repeat(12_000)}the last line\n`,
    );
    const { directory } = await recorded(recordedPods.search);
    const log = await readFile(join(directory, 'log.txt'), 'utf8');
    expect([log.startsWith('the first line\n'), log.endsWith('the last line\n')]).toEqual([true, true]);
    expect(log.length).toBeLessThan(200_000);
    // A megabyte of log takes two seconds alone, and its time on a busy machine.
  }, 60_000);

  test('goes into a folder of its own, and only of a pod that is there', async () => {
    const { directory, config } = await recorded(recordedPods.web);
    const again = { container: undefined, directory, now };
    const reference = parsePodReference(recordedPods.web, undefined);
    expect((await refusalOf(recordPod(config, reference, again))).message).toBe(
      `The folder ${directory} holds something already.`,
    );
    expect((await refusalOf(recorded('shop/not-there'))).message).toContain('not-there');
    expect((await refusalOf(recorded(recordedPods.web, { container: 'other' }))).advice).toBe(
      'Take one of web after -c.',
    );
  });
});
