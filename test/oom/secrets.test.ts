import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { recordPod } from '../../src/kubernetes/record-client.ts';
import { renderEphemeral, renderThread } from '../../src/report/blocks.ts';
import { type Report, reportJson } from '../../src/report/report.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import type { KubernetesObject } from '../support/kubernetes/object.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { harmlessTexts, type Planted, plantedSecrets } from '../support/secrets.ts';
import { askWhy, now } from '../support/why.ts';

const podsAmount = 50;
const secretsPerPod = 20;
const planted = plantedSecrets(podsAmount * secretsPerPod);
const one = (text: string) => text.replaceAll('\n', ' ');

type Ended = { readonly reason: string; readonly exitCode: number; readonly message?: string };

/** How the pods end: each way shows other texts of theirs. */
const ends: readonly ((secrets: readonly Planted[]) => { ended: Ended; lines: readonly string[] })[] = [
  () => ({ ended: { reason: 'OOMKilled', exitCode: 137 }, lines: ['Picked up JAVA_TOOL_OPTIONS: -Xmx300m'] }),
  (secrets) => ({
    ended: { reason: 'Error', exitCode: 1 },
    lines: [`java.lang.OutOfMemoryError: Java heap space while ${one(secrets[0]?.text ?? '')}`],
  }),
  (secrets) => ({ ended: { reason: 'Error', exitCode: 1 }, lines: [secrets[1]?.text ?? ''] }),
  (secrets) => ({
    ended: { reason: 'Error', exitCode: 2, message: secrets[2]?.text ?? '' },
    lines: [`failed to start: ${secrets[3]?.text ?? ''}`],
  }),
  () => ({ ended: { reason: 'Error', exitCode: 137 }, lines: ['serving'] }),
];

/** A pod with twenty secrets in its variables, arguments, annotations, log, end and events. */
function podWith(index: number): {
  name: string;
  secrets: readonly Planted[];
  objects: KubernetesObject[];
  log: string;
} {
  const name = `planted-${index}`;
  const secrets = planted.slice(index * secretsPerPod, (index + 1) * secretsPerPod);
  const text = (at: number) => secrets[at]?.text ?? '';
  const { ended, lines } = ends[index % ends.length]?.(secrets) ?? { ended: { reason: '', exitCode: 0 }, lines: [] };
  const metadata = { namespace: 'planted', name };
  return {
    name,
    secrets,
    log: [text(4), text(5), text(6), ...lines].join('\n'),
    objects: [
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, uid: name, annotations: { note: text(7) } },
        spec: {
          nodeName: 'node-1',
          containers: [
            {
              name: 'app',
              image: 'eclipse-temurin:17.0.12_7-jre',
              // Words before the program are the JVM's: they are shown as its flags.
              command: ['java', '-Xmx300m', text(8), `-Dnote=${text(9)}`, '-jar', 'app.jar', text(10)],
              env: [
                { name: 'DB_PASSWORD', value: secrets[11]?.secret ?? '' },
                { name: 'JAVA_OPTS', value: text(12) },
                { name: '_JAVA_OPTIONS', value: text(13) },
                { name: 'NOTE', value: text(14) },
                { name: 'JDK_JAVA_OPTIONS', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } },
              ],
              resources: { limits: { memory: '512Mi' } },
            },
          ],
        },
        status: {
          phase: 'Running',
          startTime: '2026-11-03T09:00:00Z',
          conditions: [{ type: 'Ready', status: 'False', message: text(15) }],
          containerStatuses: [
            {
              name: 'app',
              restartCount: 2,
              state: { waiting: { reason: 'CrashLoopBackOff', message: `back-off 40s ${text(16)}` } },
              lastState: {
                terminated: {
                  containerID: 'docker://1',
                  startedAt: '2026-11-03T09:50:00Z',
                  finishedAt: '2026-11-03T09:59:00Z',
                  ...ended,
                },
              },
            },
          ],
        },
      },
      ...[
        ['Unhealthy', `Liveness probe failed: ${text(17)}`],
        ['Killing', `Container app failed liveness probe, will be restarted; ${text(18)}`],
        ['Failed', text(19)],
      ].map(([reason, message], at) => ({
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace: 'planted', name: `${name}.${at}` },
        involvedObject: { kind: 'Pod', namespace: 'planted', name, fieldPath: 'spec.containers{app}' },
        reason,
        message,
        lastTimestamp: '2026-11-03T09:58:50Z',
      })),
    ],
  };
}

const pods = Array.from({ length: podsAmount }, (_, index) => podWith(index));

let folder: string;
let api: KubernetesApi;
let cluster: KubernetesCluster;
let redis: RedisServer;
let conversation: Conversation | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-secrets-'));
  const recorded = loadRecorded({ now });
  [redis, api] = await Promise.all([
    startRedis(),
    startKubernetes({
      ...recorded,
      objects: [...recorded.objects, ...pods.flatMap(({ objects }) => objects)],
      logs: pods.map(({ name, log }) => ({
        namespace: 'planted',
        pod: name,
        container: 'app',
        run: 'previous',
        text: log,
      })),
      now: () => now,
    }),
  ]);
  await api.writeKubeconfig(join(folder, 'admin'));
  cluster = await connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] });
}, 30_000);
afterAll(async () => {
  await conversation?.stop();
  await cluster.close();
  await Promise.all([api.stop(), redis.stop()]);
  await rm(folder, { recursive: true });
});

/** Every form in which a report leaves the bot. */
function outputsOf(report: Report): string {
  const asked = { line: report.command, userId: 'U1', ticketId: 't' };
  return [
    JSON.stringify(renderThread(report, asked, 'U1')),
    JSON.stringify(renderEphemeral(report, 'hint')),
    renderTerminal(report, 'plain'),
    JSON.stringify(reportJson(report)),
    JSON.stringify(report),
  ].join('\n');
}

/** The secrets among those of a pod that stand in a text, by their form. */
function leaked(secrets: readonly Planted[], text: string): string[] {
  return secrets.filter(({ secret }) => text.includes(secret)).map(({ form }) => form);
}

test('of a thousand secrets planted in pods, logs and events none is in any report, and what is none is shown', async () => {
  let masks = 0;
  for (const { name, secrets } of pods) {
    const text = outputsOf(await askWhy(cluster, `planted/${name}`));
    masks += text.split('***').length - 1;
    expect([name, leaked(secrets, text)]).toEqual([name, []]);
    expect(text).toContain('-Xmx300m');
  }
  // What was planted is what was shown: each report has masked places, in each of its forms.
  expect(masks).toBeGreaterThan(podsAmount * 5);
}, 60_000);

test('nor in what Slack shows, in the log, the audit or Redis', async () => {
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    kubeconfigs: { prod: join(folder, 'admin') },
  });
  const { slack, ask, channel, ann, logged } = conversation;
  const some = pods.slice(0, 5);
  for (const { name } of some) await ask(`/oom why planted/${name}`);
  const [typed, misspelt] = plantedSecrets(1002).slice(1000);
  await slack.slash(ann.id, channel, `/oom why planted/planted-0 --cluster "${typed?.text}"`);
  await slack.slash(ann.id, channel, `/oom whi ${misspelt?.text}`);
  const threads = slack.channel(channel).map(({ ts }) => slack.thread(channel, ts));
  const shown = JSON.stringify([threads, slack.ephemerals(ann.id, channel)]);
  const kept = await dumpOf(redis);
  const secrets = [...some.flatMap((pod) => pod.secrets), ...[typed, misspelt].filter((each) => each !== undefined)];
  expect(kept).toContain('planted-0');
  expect({
    slack: leaked(secrets, shown),
    log: leaked(secrets, JSON.stringify(logged)),
    redis: leaked(secrets, kept),
  }).toEqual({ slack: [], log: [], redis: [] });
}, 60_000);

test('nor in the folders that pods are recorded into', async () => {
  const config = { name: 'prod', kubeconfig: join(folder, 'admin'), namespaces: [] };
  for (const { name, secrets } of pods.slice(0, 13)) {
    const directory = join(folder, name);
    await recordPod(config, parsePodReference(`planted/${name}`, undefined), { container: undefined, directory, now });
    const files = await readdir(directory);
    expect(files).toEqual(expect.arrayContaining(['pod.json', 'events.json', 'previous.txt']));
    const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
    expect([name, leaked(secrets, texts.join('\n'))]).toEqual([name, []]);
  }
});

test('what is no secret is shown as it is, in arguments and in logs', async () => {
  const [last = ''] = harmlessTexts.filter((text) => text.startsWith('Liveness'));
  for (const text of harmlessTexts) {
    const name = `harmless-${harmlessTexts.indexOf(text)}`;
    const { objects } = podWith(2);
    const [pod] = JSON.parse(JSON.stringify(objects).replaceAll('planted-2', name)) as KubernetesObject[];
    if (pod !== undefined) api.load([pod]);
    api.setLog('planted', name, 'app', `starting\n${text}`, { previous: true });
    const report = await askWhy(cluster, `planted/${name}`);
    if (text !== last && !text.includes('OutOfMemoryError')) expect(report.findings[0]?.evidence).toContain(text);
    expect(JSON.stringify(report)).toContain(JSON.stringify(text).slice(1, -1));
  }
});

/** All keys and values under the bot's prefix. */
async function dumpOf({ url, prefix }: RedisServer): Promise<string> {
  const client = new Redis(url);
  const read: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => client.get(key),
    hash: (key) => client.hgetall(key),
    list: (key) => client.lrange(key, 0, -1),
    set: (key) => client.smembers(key),
    zset: (key) => client.zrange(key, '0', '-1'),
    stream: (key) => client.xrange(key, '-', '+'),
  };
  try {
    const keys = await client.keys(`${prefix}*`);
    const values = await Promise.all(keys.map(async (key) => [key, await read[await client.type(key)]?.(key)]));
    return JSON.stringify(values);
  } finally {
    client.disconnect();
  }
}
