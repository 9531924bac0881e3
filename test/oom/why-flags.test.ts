import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import type { Report } from '../../src/report/report.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { askWhy, now } from '../support/why.ts';

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-flags-'));
  api = await startKubernetes({ ...loadRecorded({ now }), now: () => now });
  await api.writeKubeconfig(join(folder, 'admin'));
  cluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] });
});
afterAll(async () => {
  await cluster.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

let made = 0;

/** A pod of a Deployment, OOM-killed at 512Mi a minute ago, and what is answered about it. */
async function askOfKilled(
  container: Record<string, unknown>,
  given: { readonly log?: string; readonly hash?: boolean; readonly finishedAt?: string } = {},
): Promise<Report> {
  made += 1;
  const name = `app-6d4f9c7b8-${made}`;
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' };
  api.load([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace: 'flags',
        name,
        labels: given.hash === false ? {} : { 'pod-template-hash': '6d4f9c7b8' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'app-6d4f9c7b8', uid: 'r', controller: true },
        ],
      },
      spec: {
        nodeName: 'node-1',
        containers: [{ name: 'app', resources: { limits: { memory: '512Mi' } }, ...container }],
      },
      status: {
        phase: 'Running',
        containerStatuses: [
          {
            name: 'app',
            restartCount: 3,
            state: { waiting },
            lastState: {
              terminated: {
                reason: 'OOMKilled',
                exitCode: 137,
                containerID: 'docker://1',
                finishedAt: given.finishedAt ?? '2026-11-03T09:59:00Z',
              },
            },
          },
        ],
      },
    },
  ]);
  if (given.log !== undefined) {
    api.setLog('flags', name, 'app', given.log);
    api.setLog('flags', name, 'app', given.log, { previous: true });
  }
  return askWhy(cluster, `flags/${name}`);
}

const java = ['java', '-jar', '/app.jar'];
const fromSecret = [{ name: 'JAVA_TOOL_OPTIONS', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }];
const flagsIn = (report: Report) =>
  report.sections.flatMap((section) => (section.kind === 'code' ? [`${section.title}\n${section.text}`] : []))[0];
const notesOf = (report: Report) =>
  report.sections.flatMap((section) => (section.title === 'Notes' && section.kind === 'text' ? [section.text] : []))[0];

describe('where flags may stand that cannot be seen', () => {
  test.each([
    ['a secret', { image: 'openjdk:8u212-jre', command: java, env: fromSecret }],
    [
      'a config map that is poured in',
      { image: 'eclipse-temurin:17.0.12_7-jre', command: java, envFrom: [{ configMapRef: { name: 'common' } }] },
    ],
    ['a script that reads a variable', { image: 'tomcat:9-jdk17', env: [{ name: 'CATALINA_OPTS', value: '-Xmx2g' }] }],
    ['the image’s own entrypoint', { image: 'eclipse-temurin:17.0.12_7-jre' }],
    ['a variable that the image may set', { image: 'openjdk:8u212-jre', command: ['sh', '-c', 'java $OPTS -jar x'] }],
  ])('nothing is said of the heap: %s', async (_where, container) => {
    const report = await askOfKilled(container);
    expect(report.summary).toMatch(/: OOM-killed \(3 restarts\) at 512 MiB; not all its flags can be seen$/);
    expect(report.findings[0]?.advice).toBe('See its flags first; a heap of up to 312 MiB fits into 512 MiB.');
    expect(report.findings.map(({ claim }) => claim)).toContain(
      'Not all flags of this JVM can be seen from here, so its heap is not known.',
    );
    expect(report.data.recommendation).toMatchObject({ verdict: 'fits' });
    expect(report.copy).not.toContain('set env');
  });

  test('one that is far from the limit is still told from them where all flags are seen', async () => {
    const report = await askOfKilled({ image: 'openjdk:8u212-jre', command: ['java', '-Xmx128m', '-jar', 'a.jar'] });
    expect(report.summary).toContain('OOM-killed (3 restarts) at 512 MiB, and not by its heap');
    expect(report.data.recommendation).toMatchObject({ verdict: 'C' });
  });

  test('what java was started with beside it is no reason to doubt', async () => {
    const report = await askOfKilled({
      image: 'openjdk:8u212-jre',
      command: java,
      env: [{ name: 'JAVA_OPTS', value: '-Xmx2g' }],
    });
    expect(report.data.recommendation).toMatchObject({ verdict: 'C' });
    expect(notesOf(report)).toContain('the JVM does not read it, and the command does not pass it on.');
  });

  test('the JVM’s own first lines decide, however long the log and however exact the image', async () => {
    const log = `Picked up JAVA_TOOL_OPTIONS: -Xmx700m -Ddb.password=hunter2\n${'INFO a line of the program\n'.repeat(600)}`;
    const before = api.requests().length;
    const report = await askOfKilled({ image: 'openjdk:8u212-jre', command: java, env: fromSecret }, { log });
    expect(report.summary).toContain('heap may grow to 700 MiB in 512 MiB; set -Xmx312m');
    expect(api.requests().length - before).toBeLessThanOrEqual(6);
    expect(flagsIn(report)).toMatch(/^Flags to set: container app, in secret s, key k\n/);
    expect(report.copy).not.toContain('set env');
    expect(JSON.stringify(report)).not.toContain('hunter2');
  });
});

describe('the one command to copy has an effect, or there is none', () => {
  const jdk17 = 'eclipse-temurin:17.0.12_7-jre';
  test.each([
    ['-Xmx2g', '-Xmx312m'],
    ['-XX:MaxRAMPercentage=95.0', '-XX:MaxRAMPercentage=60.9'],
  ])('for %s on the command line the words to change are shown', async (present, wanted) => {
    const report = await askOfKilled({ image: jdk17, command: ['java', present, '-jar', '/app.jar'] });
    expect(flagsIn(report)).toBe(
      `Flags to change: container app, in its command\n- ${present}\n+ ${wanted}\n+ -XX:MaxDirectMemorySize=16m\n+ -XX:+ExitOnOutOfMemoryError`,
    );
    expect(report.copy).toBe('kubectl edit deploy/app -n flags');
    expect(notesOf(report)).toContain('comes later than any variable and wins: change it there, in command of');
  });

  test('for a shell line the variable that it hands on is set, and keeps what else it holds', async () => {
    const report = await askOfKilled({
      image: jdk17,
      command: ['sh', '-c', 'exec java $JAVA_OPTS -jar /app.jar'],
      env: [{ name: 'JAVA_OPTS', value: '-Xmx2g -Dname=x' }],
    });
    expect(report.copy).toBe(
      "kubectl set env deploy/app -n flags -c app 'JAVA_OPTS=-Dname=x -Xmx312m -XX:MaxDirectMemorySize=16m -XX:+ExitOnOutOfMemoryError'",
    );
  });

  test('for a shell line that has its own size behind the variable, the line is to be changed', async () => {
    const report = await askOfKilled({
      image: jdk17,
      command: ['sh', '-c'],
      args: ['exec java $JAVA_OPTS -Xmx2g -jar /app.jar'],
      env: [{ name: 'JAVA_OPTS', value: '-Dname=x' }],
    });
    expect(flagsIn(report)).toContain('Flags to change: container app, in its args\n- -Xmx2g\n+ -Xmx312m');
    expect(report.copy).toBe('kubectl edit deploy/app -n flags');
  });

  test.each(['JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'])('a size in %s is replaced there', async (name) => {
    const report = await askOfKilled({ image: jdk17, command: java, env: [{ name, value: '-Xmx2g' }] });
    expect(report.copy).toContain(`'${name}=-Xmx312m `);
  });

  test('a larger -Xms on the command line is to be changed too', async () => {
    const report = await askOfKilled({ image: jdk17, command: ['java', '-Xms2g', '-jar', '/app.jar'] });
    expect(flagsIn(report)).toContain('- -Xms2g\n+ -Xmx312m\n+ -Xms312m\n');
    expect(report.copy).not.toContain('set env');
  });

  test('a ReplicaSet is never set: its Deployment would undo that', async () => {
    const report = await askOfKilled({ image: 'openjdk:8u181-jre', command: java }, { hash: false });
    expect(report.copy).not.toContain('set env');
    expect(notesOf(report)).toContain('The pod belongs to rs/app-6d4f9c7b8: set them in the Deployment that owns it.');
  });
});

test('an end of long ago is told as one', async () => {
  const report = await askOfKilled(
    { image: 'openjdk:8u181-jre', command: java },
    { finishedAt: '2026-09-03T09:59:00Z' },
  );
  expect(report.summary).toContain('OOM-killed (61 d ago, 3 restarts): heap may grow to 1992 MiB in 512 MiB');
});
