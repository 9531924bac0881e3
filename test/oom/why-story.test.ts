import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { oomWhy } from '../../commands/oom/why.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { splitWords } from '../../src/words.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { askWhy, now, refusalOf } from '../support/why.ts';

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-story-'));
  api = await startKubernetes({ ...loadRecorded({ now }), now: () => now });
  await api.writeKubeconfig(join(folder, 'admin'));
  cluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] });
});
afterAll(async () => {
  await cluster.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

describe('the recorded pod', () => {
  test('died after a rollout, and the way back is given', async () => {
    const { findings } = await askWhy(cluster, recordedPods.unaware);
    const rollout = findings.find(({ claim }) => claim.includes('rolled out'));
    expect(rollout).toMatchObject({
      severity: 'warning',
      claim: 'It died 40 min after revision 14 was rolled out.',
      evidence: 'the ReplicaSet of revision 14 was made 42 min ago',
      command: 'kubectl rollout undo deploy/checkout -n shop',
    });
  });

  test('is told of in times that people say, and what cannot be done is not advised', async () => {
    for (const pod of Object.values(recordedPods)) {
      const report = await askWhy(cluster, pod);
      const said = JSON.stringify([report.findings.map(({ since: _, ...finding }) => finding), report.sections]);
      expect(said).not.toMatch(/\d{4}-\d\d-\d\dT/);
      for (const { severity, advice } of report.findings) if (severity !== 'info') expect(advice).not.toBe('');
    }
  });

  test('whose request is its limit is not told to make it so', async () => {
    const { sections } = await askWhy(cluster, recordedPods.unaware);
    expect(JSON.stringify(sections)).not.toContain('Set the memory request to the limit');
  });

  test.each(oomWhy.examples)('is what an example asks for: %s', async (example) => {
    const [, , pod = '', , namespace] = splitWords(example);
    const report = await askWhy(cluster, pod, namespace === undefined ? {} : { namespace });
    expect(report.data.cause).not.toBe('unknown');
  });
});

test('for a name that no pod has, the nearest and a few of what exists are offered', async () => {
  const refusal = await refusalOf(askWhy(cluster, 'shop/chekout'));
  expect(refusal.choices.slice(0, 2)).toEqual(['shop/checkout-7d9f8b6c54-m8kqz', 'shop/checkout-7d9f8b6c54-x2x9k']);
  expect(refusal.choices.length).toBeGreaterThan(2);
  expect((await refusalOf(askWhy(cluster, 'shop/zebra'))).choices).toHaveLength(3);
});

describe('a pod that did not die of memory', () => {
  const java = {
    name: 'app',
    image: 'openjdk:8u181-jre',
    command: ['java', '-jar', 'a.jar'],
    resources: { limits: { memory: '512Mi' } },
  };
  const ask = async (name: string, status: Record<string, unknown>, log?: string) => {
    api.load([
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace: 'story', name },
        spec: { nodeName: 'node-1', containers: [java] },
        status,
      },
    ]);
    if (log !== undefined) api.setLog('story', name, 'app', log, { previous: true });
    return askWhy(cluster, `story/${name}`);
  };
  const ended = (exitCode: number, reason: string) => ({
    containerID: 'docker://1',
    exitCode,
    reason,
    finishedAt: '2026-11-03T09:59:00Z',
  });

  test.each([
    [
      'disk',
      {
        phase: 'Failed',
        reason: 'Evicted',
        message: 'The node was low on resource: ephemeral-storage. Container app…',
      },
      'story/disk: evicted for ephemeral-storage; no memory problem',
    ],
    [
      'stopped',
      { containerStatuses: [{ name: 'app', restartCount: 1, state: { terminated: ended(143, 'Error') } }] },
      'story/stopped: asked to stop (SIGTERM); no memory problem (1 restart)',
    ],
    [
      'done',
      { phase: 'Succeeded', containerStatuses: [{ name: 'app', state: { terminated: ended(0, 'Completed') } }] },
      'story/done: finished (exit code 0)',
    ],
    [
      'image',
      { phase: 'Pending', containerStatuses: [{ name: 'app', state: { waiting: { reason: 'ImagePullBackOff' } } }] },
      'story/image: not OOM-killed: it has not started (ImagePullBackOff)',
    ],
    [
      'config',
      {
        phase: 'Pending',
        containerStatuses: [{ name: 'app', state: { waiting: { reason: 'CreateContainerConfigError' } } }],
      },
      'story/config: not OOM-killed: it has not started (CreateContainerConfigError)',
    ],
  ])('gets no flags, and its heap is an aside: %s', async (name, status, summary) => {
    const report = await ask(name, status);
    expect(report.summary).toBe(summary);
    expect(report.data.recommendation).toBeNull();
    expect(report.copy).not.toContain('set env');
    expect(report.findings.map(({ advice }) => advice).join(' ')).not.toMatch(/Set -Xmx292m|memory request/);
    const heap = report.findings.filter(({ claim }) => claim.includes('heap may grow'));
    expect(heap.map(({ severity }) => severity)).toEqual(['info']);
  });

  test('one that finished is well', async () => {
    expect((await askWhy(cluster, 'story/done')).verdict).toBe('ok');
  });

  test('one that cannot be started is told what to look at', async () => {
    const [first] = (await askWhy(cluster, 'story/image')).findings;
    expect(first?.advice).toBe('Check the image’s name and tag, and the pull secret of the registry.');
  });

  test('one whose heap was full and that was then killed with SIGKILL is told so, and not as not killed', async () => {
    const status = {
      containerStatuses: [
        {
          name: 'app',
          restartCount: 1,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: ended(137, 'Error') },
        },
      ],
    };
    const report = await ask('both', status, 'java.lang.OutOfMemoryError: Java heap space\n');
    expect(report.summary).toMatch(/^story\/both: Java heap space at 1992 MiB, then killed with SIGKILL \(1 restart\)/);
    expect(report.summary).not.toContain('not killed');
  });
});
