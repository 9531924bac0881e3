import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Sample } from '../../src/kubernetes/memory-history.ts';
import { type Conversation, type ConversationOptions, startConversation } from '../support/conversation.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { rise } from '../support/memory-shapes.ts';
import { waitFor } from '../support/process.ts';
import { type PrometheusServer, scrapedRuns, startPrometheus } from '../support/prometheus.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let kubernetes: KubernetesApi;
let prometheus: PrometheusServer;
let folder: string;
let conversations = 0;
let conversation: Conversation | undefined;

const killMs = Math.floor(Date.now() / 1000) * 1000 - 120_000;
const minute = 60_000;
const checkout = { namespace: 'shop', pod: 'checkout-7d9f8b6c54-x2x9k', container: 'checkout' };
/** Runs of 47 s, as the recorded pod tells of its last one. */
const runs: Sample[][] = [31, 25, 18, 12, 6, 0].map((minutesEarlier) => {
  const endMs = killMs - minutesEarlier * minute;
  return rise({ fromMs: endMs - 47_000, toMs: endMs - 2000, everyMs: 15_000 }, { from: 90, to: 490, bend: 0.7 });
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-chart-'));
  [redis, kubernetes, prometheus] = await Promise.all([
    startRedis(),
    startKubernetes(loadRecorded({ now: new Date() })),
    startPrometheus({ series: scrapedRuns(checkout, runs) }),
  ]);
  await kubernetes.writeKubeconfig(join(folder, 'kubeconfig'));
  // Loaded before: on a busy machine this takes longer than people wait for an answer.
  await Promise.all([
    import('@kubernetes/client-node'),
    import('@resvg/resvg-js'),
    import('../../src/slack/bolt-client.ts'),
  ]);
}, 60_000);

afterEach(async () => {
  prometheus.fault(undefined);
  await conversation?.stop();
  conversation = undefined;
});

afterAll(async () => {
  await Promise.all([redis.stop(), kubernetes.stop(), prometheus.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

async function begin(options: Partial<ConversationOptions> = {}): Promise<Conversation> {
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: `${redis.prefix}-${conversations++}`,
    kubeconfigs: { prod: join(folder, 'kubeconfig') },
    prometheus: { prod: prometheus.url },
    ...options,
  });
  return conversation;
}

jest.setTimeout(40_000);

describe('/oom why where a Prometheus is configured', () => {
  test('puts a picture of the memory into the thread, below the text, and says what it shows', async () => {
    const { slack, ask, channel } = await begin();
    const { ts } = await ask(`/oom why ${recordedPods.unaware}`);
    const picture = await slack.waitFor(
      () =>
        slack
          .thread(channel, ts)
          .replies.flatMap(({ files }) => files)
          .map((id) => slack.file(id))[0],
      { what: 'a picture in the thread', timeoutMs: 20_000 },
    );
    expect(picture).toMatchObject({
      name: 'memory-checkout-7d9f8b6c54-x2x9k.png',
      mimetype: 'image/png',
      title: 'OOM-killed (7 restarts): heap may grow to 1992 MiB in 512 MiB; set -Xmx292m',
      alt: expect.stringMatching(
        /^Memory of shop\/checkout-7d9f8b6c54-x2x9k from .* UTC\. The working set was at most 4\d\d(\.\d)? MiB, .* The limit is 512 MiB\./,
      ),
    });
    const png = Buffer.from(picture.content);
    expect([png.toString('latin1', 1, 4), png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual(['PNG', 1200, 680]);
    expect(slack.thread(channel, ts).replies.map(({ files }) => files.length)).toEqual([0, 0, 1]);
    expect(slack.threadText(channel, ts)).toMatch(
      /Peak seen +.*4\d\d(\.\d)? MiB at \d\d:\d\d UTC \(Prometheus, a value every 15 s: the last spike before a kill can be missed\)/,
    );
  });

  test('answers all the same where it does not, and says what that costs', async () => {
    const { slack, ask, channel, logged } = await begin();
    prometheus.fault({ status: 200, text: '<html>Sign in</html>' });
    const { ts, text } = await ask(`/oom why ${recordedPods.unaware}`);
    expect(text).toContain('heap may grow to 1992 MiB in 512 MiB; set -Xmx292m');
    expect(slack.threadText(channel, ts)).toContain(
      `memory before now: not read: ${prometheus.url} answered 200 with something that no Prometheus says.`,
    );
    expect(logged.filter(({ event }) => event === 'picture not shown')).toEqual([]);
  });

  test('is whole without a picture that Slack does not take', async () => {
    const { slack, ask, channel, logged } = await begin();
    slack.fault({ method: 'files.getUploadURLExternal', kind: 'error', error: 'file_uploads_disabled' });
    const { ts } = await ask(`/oom why ${recordedPods.unaware}`);
    await waitFor('the word of the picture', () => logged.some(({ event }) => event === 'picture not shown'));
    expect(slack.thread(channel, ts).replies.map(({ files }) => files.length)).toEqual([0, 0]);
  });

  test('shows no picture of a pod of which it knows nothing', async () => {
    const { slack, ask, channel, logged } = await begin();
    const { ts } = await ask(`/oom why ${recordedPods.heapSpace}`);
    expect(slack.thread(channel, ts).replies.flatMap(({ files }) => files)).toEqual([]);
    expect(logged.filter(({ event }) => event === 'picture not shown')).toEqual([]);
  });
});

test('without a Prometheus the samples that the bot keeps make the picture', async () => {
  let sampledMs = Math.floor(Date.now() / 1000) * 1000 - 50 * minute;
  const api = await startKubernetes({ ...loadRecorded({ now: new Date() }), now: () => new Date(sampledMs) });
  const kubeconfig = join(folder, 'sampled');
  await api.writeKubeconfig(kubeconfig);
  const [namespace = '', pod = ''] = recordedPods.capped.split('/');
  const asked = () =>
    api.requests().filter(({ path }) => path.endsWith('metrics.k8s.io/v1beta1/namespaces/shop/pods')).length;
  try {
    const { slack, ask, channel } = await begin({
      kubeconfigs: { prod: kubeconfig },
      prometheus: {},
      sampled: { namespaces: ['shop'], everyMs: 50 },
    });
    for (const memory of ['210Mi', '221Mi', '226Mi', '219Mi']) {
      const before = asked();
      sampledMs += minute;
      api.setMetrics(namespace, pod, { ledger: { cpu: '5m', memory } });
      // The second one from here on began after the change.
      await waitFor(`the sample ${memory}`, () => asked() >= before + 2);
    }
    const { ts } = await ask(`/oom why ${recordedPods.capped}`);
    const picture = await slack.waitFor(
      () =>
        slack
          .thread(channel, ts)
          .replies.flatMap(({ files }) => files)
          .map((id) => slack.file(id))[0],
      { what: 'a picture in the thread', timeoutMs: 20_000 },
    );
    expect(picture.alt).toContain('The working set was at most 226 MiB');
    expect(slack.threadText(channel, ts)).toMatch(
      /Peak seen +.*226 MiB at \d\d:\d\d UTC \(samples of metrics\.k8s\.io, a value every 1 min: the last spike/,
    );
  } finally {
    await conversation?.stop();
    conversation = undefined;
    await api.stop();
  }
}, 60_000);
