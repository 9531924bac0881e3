import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Config } from '../../src/config.ts';
import { alertBody, alertsToken, firing, post, resolved } from '../support/alerts.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { makeFolder, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { Thread } from '../support/slack/model.ts';

jest.setTimeout(60_000);

let redis: RedisServer;
let etcd: EtcdTestCluster;
let kubernetes: KubernetesApi;
let folder: string;
let conversation: Conversation;
const ops = 'C0OPS';
const payments = 'C0PAYMENTS';

beforeAll(async () => {
  folder = makeFolder('quorum-alerts');
  [redis, etcd, kubernetes] = await Promise.all([
    startRedis(),
    startEtcd({ own: true, members: 1 }),
    startKubernetes(loadRecorded({ now: new Date() })),
  ]);
  const kubeconfig = join(folder, 'kubeconfig');
  await kubernetes.writeKubeconfig(kubeconfig);
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd },
    kubeconfigs: { prod: kubeconfig },
    tellingTimes: { postEveryMs: 20, editEveryMs: 200 },
    channels: [
      { id: ops, name: 'on-call' },
      { id: payments, name: 'payments' },
    ],
    configure: (made): Config => ({
      ...made,
      watch: [
        {
          namespaces: [],
          labels: { team: 'payments' },
          annotations: {},
          channel: payments,
        },
        { namespaces: [], labels: {}, annotations: {}, channel: ops },
      ],
      // Every thread by itself here: many at once are another test.
      incidents: { ...made.incidents, burst: { incidents: 1000, within: 1000 } },
      alerts: {
        token: alertsToken,
        clusterLabel: 'cluster',
        rules: { MyPodDies: 'oom why', MyStore: 'etcd space', etcdGRPCRequestsSlow: 'none' },
      },
    }),
  });
});

afterAll(async () => {
  await conversation?.stop();
  await Promise.all([redis?.stop(), etcd?.stop(), kubernetes?.stop()]);
  removeFolder(folder);
});

let groups = 0;
/** A group of its own for each test. */
function groupOf(alertname: string) {
  groups += 1;
  return { groupKey: `{}/{n="${groups}"}:{alertname="${alertname}"}`, groupLabels: { alertname } };
}

/** Posts a body; back when a worker has taken what is in it. */
async function posted(body: string, { statusUrl } = conversation.running): Promise<Readonly<Record<string, unknown>>> {
  const takenSoFar = () => conversation.logged.filter(({ event }) => event === 'alerts taken');
  const before = takenSoFar().length;
  expect(await post(statusUrl, body)).toMatchObject({ status: 200 });
  return await waitFor('the alerts are taken', () => takenSoFar()[before], { timeoutMs: 10_000 });
}

/** Waits for the thread whose text, replies and buttons hold this. */
function told(words: string | RegExp, channel = ops): Promise<Thread> {
  const { slack } = conversation;
  const holds = (text: string) => (typeof words === 'string' ? text.includes(words) : words.test(text));
  return waitFor(
    `a thread with ${words}`,
    () => slack.channel(channel).find((thread) => holds(slack.threadText(channel, thread.ts))),
    { timeoutMs: 15_000 },
  );
}

const textOf = ({ ts, channel }: Thread) => conversation.slack.threadText(channel, ts);
const rootOf = ({ ts, channel }: Thread) =>
  textOf(conversation.slack.thread(channel, ts)).split('\n').slice(0, 4).join('\n');
const threadsWith = (words: string, channel = ops) =>
  conversation.slack.channel(channel).filter((thread) => textOf(thread).includes(words));
const [namespace = '', pod = ''] = recordedPods.unaware.split('/');

describe('an alert', () => {
  test('about a pod that is restarted is told with the answer of /oom why', async () => {
    const labels = { alertname: 'KubePodCrashLooping', namespace, pod, container: 'checkout', severity: 'warning' };
    const annotations = { summary: 'Pod is crash looping.', runbook_url: 'https://runbooks.example/crash' };
    await posted(alertBody([firing(labels, annotations)], groupOf('KubePodCrashLooping')));
    const thread = await told('Labels: alertname=KubePodCrashLooping');
    expect(thread.text).toBe(
      'shop/checkout-7d9f8b6c54-x2x9k: OOM-killed: heap may grow to 1992 MiB in 512 MiB; set -Xmx292m',
    );
    expect(rootOf(thread)).toMatch(/KubePodCrashLooping \(warning\) · .* UTC · prod/);
    expect(textOf(thread)).toContain('[Runbook] [Expression] [Alertmanager]');
    expect(textOf(thread)).toContain('Do: Set -Xmx292m');
    expect(textOf(thread)).toContain('summary: Pod is crash looping.');
  });

  test.each([
    ['etcdNoLeader', 'prod: 1 of 1 healthy'],
    ['etcdHighFsyncDurations', 'prod: 1 of 1 healthy'],
    ['etcdMembersDown', 'prod: 1 of 1 healthy'],
  ])('%s is told with the answer of /etcd health', async (alertname, answer) => {
    await posted(
      alertBody([firing({ alertname, job: 'etcd', cluster: 'prod', severity: 'critical' })], groupOf(alertname)),
    );
    const thread = await told(`Labels: alertname=${alertname}`);
    expect(thread.text).toContain(answer);
    expect(rootOf(thread)).toContain(`${alertname} (critical)`);
  });

  test.each([
    ['etcdDatabaseQuotaLowSpace', /used|free|quota/i],
    ['KubeClientCertificateExpiration', /certificate/i],
    ['MyStore', /used|free|quota/i],
  ])('%s is told with the look that answers it', async (alertname, answer) => {
    await posted(alertBody([firing({ alertname, cluster: 'prod' })], groupOf(alertname)));
    const thread = await told(new RegExp(`Labels: alertname=${alertname}`));
    expect(thread.text).toMatch(/^prod: /);
    expect(textOf(thread)).toMatch(answer);
  });

  test('of a rule of one’s own leads where the config says, or nowhere', async () => {
    await posted(alertBody([firing({ alertname: 'MyPodDies', namespace, pod })], groupOf('MyPodDies')));
    expect((await told('Labels: alertname=MyPodDies')).text).toContain('OOM-killed');
    await posted(alertBody([firing({ alertname: 'etcdGRPCRequestsSlow' })], groupOf('etcdGRPCRequestsSlow')));
    expect((await told('Labels: alertname=etcdGRPCRequestsSlow')).text).toBe('etcdGRPCRequestsSlow: it fires');
  });

  test('that no look answers is told with its labels, annotations and links', async () => {
    const labels = { alertname: 'NodeFilesystemFull', instance: '10.0.0.7:9100', mountpoint: '/var', severity: 'page' };
    const annotations = {
      summary: 'The disk is nearly full <!channel>.',
      description: '97% of /var on 10.0.0.7:9100 is used; login with password=hunter22 <@U0EVERYBODY>',
      dashboard_url: 'https://grafana.example/d/disk?var-node=7',
      runbook_url: 'javascript:alert(1)',
    };
    await posted(alertBody([firing(labels, annotations)], { ...groupOf('NodeFilesystemFull'), truncatedAlerts: 3 }));
    const thread = await told('alertname=NodeFilesystemFull');
    expect(thread.text).toBe('NodeFilesystemFull (page): 10.0.0.7:9100: The disk is nearly full &lt;!channel&gt;.');
    const text = textOf(thread);
    expect(text).toContain('description: 97% of /var on 10.0.0.7:9100 is used; login with password=***');
    expect(text).toContain(
      'Labels: alertname=NodeFilesystemFull, instance=10.0.0.7:9100, mountpoint=/var, severity=page',
    );
    expect(text).toContain('Alertmanager left out 3 more of this group');
    expect(text).toContain('[Dashboard] [Expression] [Alertmanager]');
    expect(text).not.toContain('[Runbook]');
    const blocks = JSON.stringify([thread.blocks, thread.replies.map((reply) => reply.blocks)]);
    expect(blocks).not.toMatch(/"(?:broadcast|user|usergroup)"|javascript:|hunter22/);
  });

  test('without labels is told all the same', async () => {
    await posted(alertBody([{ status: 'firing', startsAt: new Date().toISOString() }], groupOf('')));
    expect((await told('It has no labels.')).text).toBe('Alert without a name: it fires');
  });

  test('about a pod whose namespace is gone says that it is gone', async () => {
    const labels = { alertname: 'KubePodNotReady', namespace: 'gone', pod: 'web-1' };
    await posted(alertBody([firing(labels, { summary: 'Pod is not ready.' })], groupOf('KubePodNotReady')));
    const thread = await told(/More is not to be had: .*gone/);
    expect(thread.text).toBe('KubePodNotReady: gone/web-1: Pod is not ready.');
  });

  test('about a pod that is called like a flag makes no line of it', async () => {
    const labels = { alertname: 'KubePodNotReady', namespace, pod: '--cluster=other', container: '-n' };
    await posted(alertBody([firing(labels)], groupOf('KubePodNotReady')));
    await told(/No look was done: its labels name no pod and no workload[\s\S]*pod=--cluster=other/);
  });

  test('of a cluster that is not configured says which one was looked at', async () => {
    await posted(alertBody([firing({ alertname: 'etcdInsufficientMembers', cluster: 'eu-7' })], groupOf('x')));
    const thread = await told('Labels: alertname=etcdInsufficientMembers');
    expect(textOf(thread)).toContain(
      'Looked at prod, the only etcd cluster that is configured; its label `cluster` is “eu-7”, which is none.',
    );
  });
});

describe('a group of alerts', () => {
  const alertsOf = (alertname: string, amount: number) =>
    Array.from({ length: amount }, (_, index) => firing({ alertname, instance: `web-${index + 1}` }));

  test('is one thread that shows how many are on, and that it is over when none is', async () => {
    const group = groupOf('WebSlow');
    const [one, two, three, four, five] = alertsOf('WebSlow', 5);
    if (!one || !two || !three || !four || !five) throw new Error('five were made');
    await posted(alertBody([one, two], group));
    await told('2 of 2 alerts on');
    await posted(alertBody([one, two, three, four, five], group));
    await told('5 of 5 alerts on');
    await posted(alertBody([resolved(one), two, resolved(three), four, resolved(five)], group));
    const thread = await told(
      /2 of 5 alerts on[\s\S]*Alert +Now\n +web-2 +on\n +web-4 +on\n +web-1 +over\n +web-3 +over\n +web-5 +over/,
    );
    await posted(alertBody([resolved(two), resolved(four)], group));
    await told(/WebSlow: over after 5 times in/);
    expect(threadsWith('WebSlow')).toHaveLength(1);
    expect(rootOf(thread)).toContain('large_green_circle');
  });

  test('that is sent again, by the other Alertmanager too, changes nothing', async () => {
    const group = groupOf('Repeated');
    const alerts = alertsOf('Repeated', 3);
    await posted(alertBody(alerts, group));
    const { ts } = await told(/3 of 3 alerts on[\s\S]*web-3 +on/);
    const before = conversation.slack.thread(ops, ts);
    for (const externalURL of ['http://am-1:9093', 'http://am-2:9093', 'http://am-2:9093'])
      expect(await posted(alertBody(alerts, { ...group, externalURL }))).toMatchObject({ taken: 0, known: 3 });
    expect(conversation.slack.thread(ops, ts)).toEqual(before);
    // The other one of a pair heard of it from the other Prometheus, some seconds later.
    const later = alerts.map((alert) => ({
      ...alert,
      startsAt: new Date(Date.parse(alert.startsAt) + 7000).toISOString(),
    }));
    expect(await posted(alertBody(later, group))).toMatchObject({ taken: 0, known: 3 });
    expect(threadsWith('Repeated')).toHaveLength(1);
  });

  test('that fires again after its end is a new thread; a late word of the old one is not', async () => {
    const group = groupOf('Again');
    const [alert] = alertsOf('Again', 1);
    if (!alert) throw new Error('one was made');
    await posted(alertBody([alert], group));
    const { ts } = await told('Again: web-1');
    await posted(alertBody([resolved(alert)], group));
    await told(/Again: over/);
    expect(await posted(alertBody([alert], group))).toMatchObject({ taken: 0 });
    expect(await posted(alertBody([resolved(alert)], group))).toMatchObject({ taken: 0 });
    await posted(alertBody([{ ...alert, startsAt: new Date().toISOString() }], group));
    await waitFor('a second thread', () => threadsWith('Again').length === 2, { timeoutMs: 10_000 });
    expect(conversation.slack.thread(ops, ts).text).toMatch(/^Again: over/);
  });

  test('whose end comes before its beginning is not told as if it were on', async () => {
    const group = groupOf('Backwards');
    const [alert] = alertsOf('Backwards', 1);
    if (!alert) throw new Error('one was made');
    expect(await posted(alertBody([resolved(alert)], group))).toMatchObject({ taken: 0, untold: 1 });
    expect(await posted(alertBody([alert], group))).toMatchObject({ taken: 0, known: 1 });
    expect(threadsWith('Backwards')).toEqual([]);
  });

  test('is routed like what the watch sees, each alert to those who hear of it, and ends where it began', async () => {
    const group = groupOf('Queue');
    const mine = firing({ alertname: 'Queue', team: 'payments', instance: 'q-1' });
    const others = firing({ alertname: 'Queue', team: 'shop', instance: 'q-2' });
    await posted(alertBody([mine, others], group));
    await told('q-1', payments);
    await told('q-2');
    expect(threadsWith('q-2', payments)).toEqual([]);
    // Another tree of routes: the group is called otherwise now.
    await posted(alertBody([resolved(mine), resolved(others)], { ...group, groupKey: '{}/{x="y"}:{}' }));
    await told(/Queue: over/, payments);
    await told(/Queue: over/);
  });
});

test('alerts for a channel that was archived go to the default one, which says so once', async () => {
  const { slack } = conversation;
  slack.archive(payments);
  for (const instance of ['first', 'second'])
    await posted(alertBody([firing({ alertname: 'Lost', team: 'payments', instance })], groupOf(`Lost ${instance}`)));
  await told('Lost: first');
  await told('Lost: second');
  // What was under way in that channel moves too, and may be the one that says so.
  await waitFor('the word about the channel', () => threadsWith('takes no messages').length > 0, { timeoutMs: 10_000 });
  expect(threadsWith('takes no messages')).toHaveLength(1);
});
