import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import type { KubernetesObject } from '../support/kubernetes/object.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { askWhy, factOf, now, refusalOf } from '../support/why.ts';

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-why-'));
  api = await startKubernetes({ ...loadRecorded({ now }), now: () => now });
  await api.writeKubeconfig(join(folder, 'admin'));
  cluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] });
});
afterAll(async () => {
  await cluster.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

const nodeName = 'node-1';
function pod(
  name: string,
  spec: Record<string, unknown>,
  status: Record<string, unknown>,
  annotations: Record<string, string> = {},
): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'odd', name, annotations }, spec, status };
}

describe('odd pods', () => {
  const java = { name: 'app', image: 'openjdk:8u181-jre', command: ['java', '-jar', 'a.jar'] };
  const oomKilled = { terminated: { reason: 'OOMKilled', exitCode: 137, finishedAt: '2026-11-03T09:59:00Z' } };

  beforeAll(() => {
    api.load([
      pod('pending', { containers: [java] }, { phase: 'Pending' }),
      pod('bare', { nodeName, containers: [java] }, {}),
      pod(
        'unlimited',
        { nodeName, containers: [java] },
        { containerStatuses: [{ name: 'app', restartCount: 1, state: { running: {} }, lastState: oomKilled }] },
      ),
      pod(
        'lost-node',
        { nodeName: 'gone', containers: [{ ...java, resources: { limits: { memory: '512Mi' } } }] },
        { containerStatuses: [{ name: 'app', restartCount: 1, state: oomKilled }] },
      ),
      pod(
        'several',
        {
          nodeName,
          initContainers: [{ name: 'migrate', image: 'shop/migrate:1' }],
          containers: [
            { name: 'proxy', image: 'envoyproxy/envoy:v1.20' },
            { ...java, resources: { limits: { memory: '512Mi' } } },
          ],
        },
        {
          initContainerStatuses: [{ name: 'migrate', state: { terminated: { reason: 'Completed', exitCode: 0 } } }],
          containerStatuses: [
            { name: 'proxy', state: { running: {} } },
            { name: 'app', restartCount: 2, state: { running: {} }, lastState: oomKilled },
          ],
        },
      ),
      pod(
        'init-killed',
        {
          nodeName,
          initContainers: [{ name: 'migrate', image: 'shop/migrate:1', resources: { limits: { memory: '64Mi' } } }],
          containers: [java],
        },
        {
          phase: 'Pending',
          initContainerStatuses: [
            {
              name: 'migrate',
              restartCount: 5,
              state: { waiting: { reason: 'CrashLoopBackOff' } },
              lastState: oomKilled,
            },
          ],
          containerStatuses: [{ name: 'app', state: { waiting: { reason: 'PodInitializing' } } }],
        },
      ),
      pod(
        'hostile',
        {
          nodeName,
          containers: [
            {
              ...java,
              image: '<!channel>/openjdk:8u181',
              env: [
                { name: 'DB_PASSWORD', value: 'hunter2' },
                { name: 'JAVA_TOOL_OPTIONS', value: '-Ddb.password=hunter3 -Xss1m' },
              ],
              resources: { limits: { memory: '512Mi' } },
            },
          ],
        },
        {
          containerStatuses: [
            {
              name: 'app',
              restartCount: 1,
              state: { waiting: { reason: '<@U1>' } },
              lastState: { terminated: { reason: 'Error', exitCode: 1, message: '<!here> password=hunter4' } },
            },
          ],
        },
        { note: '<!channel>' },
      ),
    ]);
    api.setLog('odd', 'hostile', 'app', `\u202e<!channel> *bold* token=hunter5\n${'z'.repeat(200_000)}\n`, {
      previous: true,
    });
  });

  test.each([
    ['odd/pending', 'ok', 'none', 'odd/pending: not OOM-killed: it has not started'],
    ['odd/bare', 'unknown', 'unknown', 'odd/bare: cannot be told'],
    ['odd/unlimited', 'findings', 'node-oom', 'odd/unlimited: killed because the node ran out of memory (1 restart)'],
    ['odd/lost-node', 'findings', 'limit', 'odd/lost-node: OOM-killed (1 restart) at 512 MiB; set -Xmx312m'],
    [
      'odd/init-killed',
      'findings',
      'limit',
      'odd/init-killed: OOM-killed (5 restarts) at 64 MiB; whether it is Java cannot be seen',
    ],
  ])('%s is answered', async (typed, verdict, cause, summary) => {
    const report = await askWhy(cluster, typed);
    expect([report.verdict, report.data.cause, report.summary]).toEqual([verdict, cause, summary]);
  });

  test('of several containers the one that was killed is taken, and -c takes another', async () => {
    expect((await askWhy(cluster, 'odd/several')).data).toMatchObject({ container: 'app', cause: 'limit' });
    expect((await askWhy(cluster, 'odd/several', { container: 'proxy' })).data).toMatchObject({
      container: 'proxy',
      cause: 'none',
      isJava: false,
    });
    const refusal = await refusalOf(askWhy(cluster, 'odd/several', { container: 'ap' }));
    expect(refusal.choices).toEqual(['proxy', 'app', 'migrate']);
  });

  test('a hostile one shows its text as text, and no secret', async () => {
    const report = await askWhy(cluster, 'odd/hostile');
    const everything = JSON.stringify(report);
    expect(everything).not.toMatch(/hunter[2-5]/);
    expect(everything).not.toContain('\u202e');
    expect(report.data).toMatchObject({ cause: 'error-exit' });
    expect(report.summary.length).toBeLessThanOrEqual(120);
  });

  test('a name that sounds like a secret is no secret', async () => {
    const names = pod(
      'token-service-1',
      { nodeName, containers: [{ ...java, name: 'token', image: 'password-reset:1.2.3', command: [] }] },
      { containerStatuses: [{ name: 'token', restartCount: 1, state: { running: {} } }] },
    );
    api.load([names]);
    const report = await askWhy(cluster, 'odd/token-service-1');
    expect(report.summary).toBe('odd/token-service-1: not OOM-killed (1 restart)');
    expect(factOf(report, 'Image')).toBe('password-reset:1.2.3');
    expect(JSON.stringify(report)).not.toContain('***');
  });

  test('a revision of today is named, with the way back', async () => {
    api.load([
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: {
          namespace: 'odd',
          name: 'pay-7d9f',
          creationTimestamp: '2026-11-03T09:45:00Z',
          annotations: { 'deployment.kubernetes.io/revision': '41' },
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'pay', uid: 'u1', controller: true }],
        },
        spec: { replicas: 3 },
        status: { replicas: 3, readyReplicas: 0 },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          namespace: 'odd',
          name: 'pay-7d9f-x',
          ownerReferences: [
            { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'pay-7d9f', uid: 'u2', controller: true },
          ],
        },
        spec: { nodeName, containers: [{ ...java, resources: { limits: { memory: '512Mi' } } }] },
        status: {
          containerStatuses: [
            { name: 'app', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: oomKilled },
          ],
        },
      },
    ]);
    const report = await askWhy(cluster, 'odd/pay-7d9f-x');
    const finding = report.findings.find(({ claim }) => claim === 'It died 14 min after revision 41 was rolled out.');
    expect(finding?.command).toBe('kubectl rollout undo deploy/pay -n odd');
    expect(report.findings.map(({ claim }) => claim)).toContain('deploy/pay: 0 of 3 replicas ready.');
    expect(report.findings.map(({ claim }) => claim)).toContain('The next restart comes in 20 s.');
  });

  test.each([
    [
      'tiny',
      { ...java, resources: { limits: { memory: '64Mi' } } },
      'odd/tiny: OOM-killed (1 restart): heap may grow to 1992 MiB in 64 MiB; raise the limit to 192 MiB',
      'kubectl describe pod|kubectl logs',
    ],
    [
      'j9',
      { ...java, image: 'ibm-semeru-runtimes:open-17.0.8.1_1-jre', resources: { limits: { memory: '512Mi' } } },
      'odd/j9: OOM-killed (1 restart) at 512 MiB',
      'kubectl logs',
    ],
    [
      'old',
      { ...java, image: 'openjdk:7u80-jre', resources: { limits: { memory: '512Mi' } } },
      'odd/old: OOM-killed (1 restart) at 512 MiB',
      'kubectl logs',
    ],
  ])('what cannot be helped by flags, or is not modelled, gets none: %s', async (name, container, summary, copy) => {
    api.load([
      pod(
        name,
        { nodeName, containers: [container] },
        { containerStatuses: [{ name: 'app', restartCount: 1, state: { running: {} }, lastState: oomKilled }] },
      ),
    ]);
    const report = await askWhy(cluster, `odd/${name}`);
    expect(report.summary).toContain(summary);
    expect(report.copy).toMatch(new RegExp(copy));
  });

  test('flags that come from a secret are to be set there, not over it', async () => {
    api.load([
      pod(
        'sealed',
        {
          nodeName,
          containers: [
            {
              ...java,
              env: [{ name: 'JAVA_TOOL_OPTIONS', valueFrom: { secretKeyRef: { name: 'jvm', key: 'opts' } } }],
              resources: { limits: { memory: '512Mi' } },
            },
          ],
        },
        { containerStatuses: [{ name: 'app', restartCount: 1, state: { running: {} }, lastState: oomKilled }] },
      ),
    ]);
    const report = await askWhy(cluster, 'odd/sealed');
    const notes = report.sections.find(({ title }) => title === 'Notes');
    expect(notes?.kind === 'text' ? notes.text : '').toContain(
      'JAVA_TOOL_OPTIONS comes from secret jvm, key opts: set the flags there, behind what it already holds.',
    );
    expect(report.copy).not.toContain('set env');
  });

  test('one that is gone while it is read is still answered from what was read', async () => {
    api.fault({ path: /\/log$/, status: 404, times: 2 });
    const report = await askWhy(cluster, recordedPods.heapSpace);
    api.clearFaults();
    expect(report.data).toMatchObject({ cause: 'error-exit', termination: { exitCode: 1 } });
  });
});

test('a summary keeps to 120 characters and both ends of a long name', async () => {
  const name = `checkout-${'very-'.repeat(30)}long-x2x9k`;
  api.load([
    pod(
      name,
      { nodeName, containers: [{ name: 'app' }] },
      { containerStatuses: [{ name: 'app', state: { running: {} } }] },
    ),
  ]);
  const { summary } = await askWhy(cluster, `odd/${name}`);
  expect(summary).toMatch(/^odd\/checkout-very.*….*long-x2x9k: not OOM-killed/);
  expect([...summary].length).toBeLessThanOrEqual(120);
});
