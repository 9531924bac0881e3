import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { type Conversation, type ConversationOptions, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let etcd: EtcdTestCluster;
let kubernetes: KubernetesApi;
let folder: string;
let kubeconfig: string;
let conversations = 0;
let conversation: Conversation | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-conversation-'));
  kubeconfig = join(folder, 'kubeconfig');
  [redis, etcd, kubernetes] = await Promise.all([
    startRedis(),
    startEtcd(),
    startKubernetes(loadRecorded({ now: new Date() })),
  ]);
  await kubernetes.writeKubeconfig(kubeconfig);
}, 30_000);

afterEach(async () => {
  await conversation?.stop();
  conversation = undefined;
});

afterAll(async () => {
  await Promise.all([redis.stop(), etcd.stop(), kubernetes.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** The bot with the clusters of this file; each with a prefix of its own in Redis. */
async function begin(options: Partial<ConversationOptions> = {}): Promise<Conversation> {
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: `${redis.prefix}-${conversations++}`,
    etcd: { prod: etcd },
    kubeconfigs: { prod: kubeconfig },
    ...options,
  });
  return conversation;
}

describe.each(['socket', 'http'] as const)('over %s', (mode) => {
  test('/etcd health is answered in a thread, the verdict first', async () => {
    const { slack, ask, channel } = await begin({ mode });
    const thread = await ask('/etcd health');
    expect(thread.text).toMatch(/^prod: 3 of 3 healthy, can lose 1, leader etcd-[123], .* of 2 GiB/);
    expect(thread.edits).toBe(1);
    const text = slack.threadText(channel, thread.ts);
    expect(text).toContain('asked by @ann');
    for (const name of ['etcd-1', 'etcd-2', 'etcd-3']) expect(text).toContain(name);
    expect(slack.channel(channel)).toHaveLength(1);
  });

  test('/oom why tells the cause and the flags to set', async () => {
    const { slack, ask, channel } = await begin({ mode });
    const thread = await ask(`/oom why ${recordedPods.unaware}`);
    expect(thread.text).toMatch(/checkout-7d9f8b6c54-x2x9k/);
    const text = slack.threadText(channel, thread.ts);
    expect(text).toContain('1992 MiB');
    expect(text).toMatch(/-Xmx\d+m/);
  });

  test('the published cases come out with their published numbers', async () => {
    const { slack, ask, channel } = await begin({ mode });
    const said = async (pod: string) => {
      const thread = await ask(`/oom why ${pod}`);
      return { verdict: thread.text, text: slack.threadText(channel, thread.ts) };
    };

    const unaware = await said(recordedPods.unaware);
    expect(unaware.verdict).toContain('OOM-killed (7 restarts): heap may grow to 1992 MiB in 512 MiB; set -Xmx292m');
    expect(unaware.text).toContain('exit code 137');
    for (const bytes of ['132120576', '2088763392']) expect(unaware.text).toContain(bytes);

    const aware = await said(recordedPods.heapSpace);
    expect(aware.verdict).toContain(
      'not killed: Java heap space at 128 MiB (4 restarts); set -XX:MaxRAMPercentage=60.9',
    );
    for (const seen of ['8388608', '134217728', 'OutOfMemoryError: Java heap space'])
      expect(aware.text).toContain(seen);

    const capped = await said(recordedPods.capped);
    expect(capped.verdict).toContain('not OOM-killed');
    for (const seen of ['-Xms8m', '-Xmx128m', '8388608', '134217728']) expect(capped.text).toContain(seen);

    // The first case again, twelve years of JDKs later: an image that ran well, on a node with a new kernel.
    const newKernel = await said(recordedPods.newKernel);
    expect(newKernel.verdict).toContain('OOM-killed');
    expect(newKernel.text).toContain("JDK 17.0.12 takes the node's memory on kernel 6.18");
    expect(newKernel.text).toContain('Upgrade to 17.0.20 or later');
  });

  test('/oom list tells who was killed, with what an earlier question saw', async () => {
    const { slack, ask, channel } = await begin({ mode });
    await ask(`/oom why ${recordedPods.unaware}`);
    const thread = await ask('/oom list -n shop');
    expect(thread.text).toBe('3 workloads OOM-killed in 24 h; shop/checkout about 8 times');
    const text = slack.threadText(channel, thread.ts);
    expect(text).toContain('Joined with the kills that earlier looks saw');
    expect(text).toContain('/oom why shop/deploy/checkout --cluster prod');
  });

  test('a mention in a thread is answered in that thread', async () => {
    const { slack, channel, bob } = await begin({ mode });
    const root = slack.say(bob.id, channel, 'is etcd well?');
    slack.mention(bob.id, channel, 'etcd members', { threadTs: root.ts });
    const replies = await slack.waitFor(() => {
      const [thread] = slack.channel(channel);
      return thread !== undefined && thread.replies.length >= 3 && thread.replies;
    });
    expect(slack.channel(channel)).toHaveLength(1);
    expect(replies[1]?.text).toContain('prod: 3 voters');
  });

  test('a near miss is answered at once and only to the asker', async () => {
    const { slack, channel, ann } = await begin({ mode });
    const { status, shown } = await slack.slash(ann.id, channel, '/etcd helth');
    expect(status).toBe('ok');
    expect(shown?.text).toBe('`/etcd` has no `helth`; did you mean `/etcd health`?');
    expect(slack.channel(channel)).toEqual([]);
  });

  test('"Run again" asks the same as the person who clicks', async () => {
    const { slack, ask, answered, channel, bob } = await begin({ mode });
    const first = await ask('/etcd members');
    await slack.click(bob.id, channel, first.ts, 'run-again');
    const second = await answered(channel, first.ts);
    expect(slack.threadText(channel, second.ts)).toContain('asked by @bob');
  });

  test('"Details" opens all that the report holds', async () => {
    const { slack, ask, channel, ann } = await begin({ mode });
    const thread = await ask('/etcd members');
    await slack.click(ann.id, channel, thread.ts, 'details');
    const [view] = await slack.waitFor(() => slack.views(ann.id).length > 0 && slack.views(ann.id));
    expect(JSON.stringify(view?.content)).toContain('clusterId');
  });
});

describe('where the answer goes', () => {
  test('to the asker, with the way to invite the bot, where it is not in the channel', async () => {
    const { slack, ann } = await begin();
    const channel = slack.addChannel({ name: 'elsewhere', members: [ann.id], botIsMember: false }).id;
    await slack.slash(ann.id, channel, '/etcd members');
    const [message] = await slack.waitFor(
      () => slack.ephemerals(ann.id, channel).length > 0 && slack.ephemerals(ann.id, channel),
    );
    expect(slack.messageText(message ?? raise())).toContain('prod: 3 voters');
    expect(slack.messageText(message ?? raise())).toContain('/invite @Quorum');
  });

  test('to the asker alone in a channel shared with another organisation', async () => {
    const { slack, ann } = await begin();
    const channel = slack.addChannel({ name: 'partners', members: [ann.id], botIsMember: true, isExtShared: true }).id;
    await slack.slash(ann.id, channel, '/etcd members');
    const [message] = await slack.waitFor(
      () => slack.ephemerals(ann.id, channel).length > 0 && slack.ephemerals(ann.id, channel),
    );
    expect(slack.messageText(message ?? raise())).toContain(
      'Only you see this: people of another organisation are in this channel.',
    );
    expect(slack.channel(channel)).toEqual([]);
  });

  test('to the asker in a direct message between two people', async () => {
    const { slack, ann, bob } = await begin();
    const channel = slack.addDirectMessage(ann.id, bob.id).id;
    await slack.slash(ann.id, channel, '/etcd members');
    await slack.waitFor(() => slack.ephemerals(ann.id, channel).length > 0);
  });

  test('a message to the bot itself is answered there', async () => {
    const { slack, ann } = await begin();
    const { id } = slack.openDirectMessage(ann.id);
    slack.say(ann.id, id, 'etcd members');
    await slack.waitFor(() =>
      slack.directMessages(ann.id).some(({ replies }) => replies.some(({ text }) => text.includes('prod: 3 voters'))),
    );
  });

  test('by direct message where the response_url is used up and the channel is closed', async () => {
    const { slack, ann, channel } = await begin();
    slack.fault({ method: 'conversations.info', channel, kind: 'error', error: 'channel_not_found' });
    slack.fault({ method: 'response_url', kind: 'error', error: 'used_url', times: 3 });
    await slack.slash(ann.id, channel, '/etcd members');
    await slack.waitFor(() => slack.directMessages(ann.id).length > 0 || slack.ephemerals(ann.id, channel).length > 0);
  });
});

describe('who may ask', () => {
  test('a guest is refused', async () => {
    const { slack, channel } = await begin();
    const guest = slack.addUser({ name: 'guest', isGuest: true });
    slack.invite(channel, guest.id);
    const { shown } = await slack.slash(guest.id, channel, '/etcd health');
    expect(shown?.text).toContain('This is for full members of this workspace');
  });

  test('somebody of another organisation is refused, also where Slack does not call them a stranger', async () => {
    const { slack, channel } = await begin();
    const foreign = slack.addUser({ name: 'partner', teamId: 'T0FOREIGN' });
    slack.invite(channel, foreign.id);
    const { shown } = await slack.slash(foreign.id, channel, '/etcd health');
    expect(shown?.text).toContain('This is for full members of this workspace');
  });

  test('where viewers are a group, its members are let in and others are told', async () => {
    const { slack, channel, ann, ask } = await begin({ access: { viewers: ['S0ONCALL'] } });
    slack.addUserGroup({ id: 'S0ONCALL', handle: 'oncall', users: [ann.id] });
    const eve = slack.addUser({ name: 'eve' });
    slack.invite(channel, eve.id);
    expect((await slack.slash(eve.id, channel, '/etcd members')).shown?.text).toBe(
      'You need the role viewer for this, and you do not have it.',
    );
    expect((await ask('/etcd members')).text).toContain('3 voters');
  });
});

describe('when Slack is unwell', () => {
  test('a reply lost after it was posted is not posted twice', async () => {
    const { slack, ask, channel } = await begin();
    slack.fault({ method: 'chat.postMessage', kind: 'drop_after_commit', times: 2 });
    const thread = await ask('/etcd members');
    expect(slack.channel(channel)).toHaveLength(1);
    expect(thread.replies).toHaveLength(1);
  });

  test('a rate limit in one channel does not delay another', async () => {
    const { slack, ask, channel, ann } = await begin();
    const other = slack.addChannel({ name: 'other', members: [ann.id], botIsMember: true }).id;
    slack.fault({ method: 'chat.postMessage', channel, kind: 'rate_limited', retryAfterSeconds: 2 });
    const order: string[] = [];
    await Promise.all([
      ask('/etcd members').then(() => order.push('limited')),
      ask('/etcd members', ann, other).then(() => order.push('other')),
    ]);
    expect(order).toEqual(['other', 'limited']);
  });

  test('an answer that cannot be shown now is shown later, and not looked for again', async () => {
    const { slack, ask, channel, logged } = await begin();
    slack.fault({ method: 'chat.update', kind: 'http_500', times: 4 });
    const thread = await ask('/etcd members');
    expect(thread.text).toContain('3 voters');
    expect(slack.channel(channel)).toHaveLength(1);
    expect(logged.filter(({ event }) => event === 'answered')).toHaveLength(1);
  });

  test('thirty answers in a channel that is limited for long do not hold up another channel', async () => {
    const { slack, ask, channel, ann } = await begin();
    const other = slack.addChannel({ name: 'other', members: [ann.id], botIsMember: true }).id;
    slack.fault({ method: 'chat.postMessage', channel, kind: 'rate_limited', retryAfterSeconds: 5, times: 60 });
    await Promise.all(Array.from({ length: 30 }, () => slack.slash(ann.id, channel, '/etcd members')));
    await ask('/etcd members', ann, other);
    // Answered while the limited channel has not taken a single post yet.
    expect(slack.channel(channel)).toEqual([]);
  });

  test('blocks that it does not know fall back to plain ones', async () => {
    const { slack, ask, channel } = await begin();
    slack.fault({ method: 'chat.postMessage', kind: 'error', error: 'invalid_blocks', times: 1 });
    const thread = await ask('/etcd members');
    expect(slack.threadText(channel, thread.ts)).toContain('3 voters');
  });

  test('a socket that Slack refreshes loses nothing', async () => {
    const { slack, ask } = await begin();
    slack.disconnectSockets('refresh_requested');
    const opened = () => slack.calls().filter(({ method }) => method === 'apps.connections.open').length;
    await slack.waitFor(() => opened() >= 2 && slack.connections() > 0);
    expect((await ask('/etcd members')).text).toContain('3 voters');
  });
});

test('a name from outside pings nobody: a pod is looked for as it was typed', async () => {
  const { slack, channel, ann } = await begin();
  const { shown } = await slack.slash(ann.id, channel, '/oom why <!channel>');
  const text = shown === null ? JSON.stringify(await slack.waitFor(() => slack.channel(channel)[0])) : shown.text;
  expect(text).not.toContain('<!channel>');
});

test('a secret that was typed is published nowhere, and "Run again" still knows it', async () => {
  const { slack, ask, answered, channel, bob, logged } = await begin();
  const thread = await ask(
    '/oom heap --jdk 17 --node 8Gi --limit 1Gi --env DB_PASSWORD=hunter2 -- -Ddb.password=hunter3',
  );
  await slack.click(bob.id, channel, thread.ts, 'run-again');
  await answered(channel, thread.ts);
  const everything = JSON.stringify([slack.channel(channel), logged]);
  expect(everything).not.toContain('hunter2');
  expect(everything).not.toContain('hunter3');
});

test('the settings of a member are pasted into a form, and of the text nothing but settings is stored or told', async () => {
  const { slack, ann, channel, config, answered } = await begin({ kubeconfigs: {} });
  await slack.slash(ann.id, channel, '/etcd config --paste');
  const [view] = await slack.waitFor(() => slack.views(ann.id).length > 0 && slack.views(ann.id));
  const text = 'ETCD_NAME=etcd-1\nETCD_HEARTBEAT_INTERVAL=300\nETCDCTL_PASSWORD=hunter2\nELSE=not-for-anybody';
  const { outcome } = await slack.submitView(ann.id, view?.id ?? '', { paste: text });
  expect(outcome).toBe('closed');
  const thread = await answered(channel, '0');
  expect(thread.text).toMatch(/^prod: settings of etcd-1: etcd-1 unable to start: election timeout 1000 ms/);
  const told = slack.threadText(channel, thread.ts);
  expect(told).toContain('ETCDCTL_PASSWORD');
  const stored = await storedUnder(config.redis.prefix);
  expect(stored).toContain('heartbeat-interval');
  for (const secret of ['hunter2', 'not-for-anybody']) expect([told, stored].join()).not.toContain(secret);
});

/** All that Redis holds under a prefix, as text. */
async function storedUnder(prefix: string): Promise<string> {
  const client = new Redis(redis.url);
  try {
    const keys = await client.keys(`${prefix}*`);
    const values = await Promise.all(
      keys.map(async (key) => {
        const type = await client.type(key);
        if (type === 'string') return await client.get(key);
        if (type === 'hash') return await client.hgetall(key);
        if (type === 'stream') return await client.xrange(key, '-', '+');
        return type === 'list' ? await client.lrange(key, 0, -1) : '';
      }),
    );
    return JSON.stringify(values);
  } finally {
    client.disconnect();
  }
}

test('a request that never ends does not keep the process', async () => {
  const { running } = await begin({ mode: 'http' });
  const url = new URL(running.slackUrl() ?? '');
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => {});
  socket.write('POST /slack/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
  await once(socket, 'connect');
  const before = performance.now();
  await running.stop();
  expect(performance.now() - before).toBeLessThan(5000);
  socket.destroy();
});

test('/readyz and /metrics tell how it is', async () => {
  const { running, ask } = await begin();
  await ask('/etcd members');
  const ready = await fetch(`${running.statusUrl}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([200, 'slack: ready\nworker: ready\nredis: ready\n']);
  const metrics = await (await fetch(`${running.statusUrl}/metrics`)).text();
  expect(metrics).toContain('quorum_requests_total{command="etcd members",outcome="queued"} 1');
  expect(metrics).toContain('quorum_answer_seconds_count{command="etcd members",verdict="ok"} 1');
});

test('each request is one line in the log, with its id and without its tokens', async () => {
  const { ask, logged, config } = await begin();
  await ask('/etcd members');
  const requests = logged.filter(({ event }) => event === 'request');
  expect(requests).toHaveLength(1);
  expect(requests[0]).toMatchObject({
    command: '/etcd members',
    outcome: 'queued',
    id: expect.stringMatching(/^ticket-[0-9a-f]{20}$/),
  });
  expect(JSON.stringify(logged)).not.toContain(config.slack?.botToken);
});

function raise(): never {
  throw new Error('there is no message');
}
