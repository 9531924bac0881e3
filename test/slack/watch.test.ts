import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import type { Config } from '../../src/config.ts';
import { start } from '../../src/serve.ts';
import { type Conversation, type ConversationOptions, startConversation } from '../support/conversation.ts';
import { type DyingPod, dyingPod } from '../support/dying-pods.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { postedTwice } from '../support/posts-made.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let folder: string;
let api: KubernetesApi;
const rooms: Conversation[] = [];
let round = 0;

beforeAll(async () => {
  redis = await startRedis();
  folder = await mkdtemp(join(tmpdir(), 'quorum-watch-'));
});
afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  round += 1;
  api = await startKubernetes();
  await api.writeKubeconfig(join(folder, 'kubeconfig'));
});
afterEach(async () => {
  for (const room of rooms.splice(0)) await room.stop();
  await api.stop();
});

/** Nobody reads along here. */
const quick = { postEveryMs: 10, editEveryMs: 100 };

/** A bot that watches, and tells in its channel; `configure` says what else the config holds. */
async function watching(
  configure: (config: Config, channel: string) => Config = (config) => config,
  more: Partial<ConversationOptions> = {},
): Promise<Conversation> {
  const started = await startConversation({
    redisUrl: redis.url,
    prefix: `watch-${round}`,
    kubeconfigs: { prod: join(folder, 'kubeconfig') },
    access: { operators: ['U0ANN'] },
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    channels: [{ id: 'C0PAY', name: 'payments' }],
    sweepEveryMs: 200,
    tellingTimes: quick,
    ...more,
    configure: (config, channel) => configure({ ...config, watch: [rule({ channel })] }, channel),
  });
  rooms.push(started);
  await waitFor('the first list', () => started.logged.some(({ event }) => event === 'pods listed'), {
    timeoutMs: 20_000,
  });
  return started;
}

function rule(more: Partial<Config['watch'][number]> & { channel: string }): Config['watch'][number] {
  return { namespaces: [], labels: {}, annotations: {}, ...more };
}

/** The pod ends for memory, now or a while ago. */
function dies(pod: DyingPod, agoMs = 0): void {
  api.load([dyingPod({ ...pod, ended: { at: new Date(Date.now() - agoMs), ...pod.ended } })]);
}

/** The thread whose first message names this, once it holds these words. */
async function thread(
  { slack, channel }: Conversation,
  about: string,
  words = about,
  where = channel,
): Promise<string> {
  return await waitFor(
    `a thread about ${about} that says “${words}”`,
    () => {
      const root = slack.channel(where).find(({ text }) => text.includes(about));
      const text = root === undefined ? '' : slack.threadText(where, root.ts);
      return text.includes(words) ? text : undefined;
    },
    { timeoutMs: 15_000 },
  );
}

const rootTexts = ({ slack, channel }: Conversation, where = channel) => slack.channel(where).map(({ text }) => text);
const toldTimes = ({ logged }: Conversation) => logged.filter(({ event }) => event === 'incident told').length;

describe('a pod that dies is told before anybody asks', () => {
  test('one thread with the cause, the arithmetic and the flags; repeats are counted in its first message', async () => {
    const room = await watching();
    api.load([dyingPod({ name: 'checkout' })]);
    dies({ name: 'checkout' });
    const text = await thread(room, 'checkout', 'the kernel killed it at its memory limit');
    expect(text).toContain('shop/checkout-5d8f7c9b64-x2x9k: OOM-killed');
    expect(text).toContain('[Silence 1 h] [Silence until tomorrow] [Run again] [Details]');
    dies({ name: 'checkout', restarts: 2 }, -2000);
    await thread(room, 'checkout', '2nd time since');
    dies({ name: 'checkout', restarts: 3 }, -4000);
    await thread(room, 'checkout', '3rd time since');
    expect(room.slack.channel(room.channel)).toHaveLength(1);
    expect(postedTwice(room.slack)).toEqual([]);
  });

  test('a JVM that ran out of heap leaves no kill: its exit code and its log tell', async () => {
    const room = await watching();
    const ended = { at: new Date(), reason: 'Error', exitCode: 3 };
    api.setLog(
      'shop',
      'cart-5d8f7c9b64-x2x9k',
      'app',
      'Terminating due to java.lang.OutOfMemoryError: Java heap space\n',
      {
        previous: true,
      },
    );
    dies({ name: 'cart', ended });
    expect(await thread(room, 'cart')).toContain('Java heap space');
  });

  test('a program that just fails is looked at once, and not told', async () => {
    const room = await watching();
    api.setLog('shop', 'cart-5d8f7c9b64-x2x9k', 'app', 'Exception in thread "main" java.io.IOException: no\n', {
      previous: true,
    });
    dies({ name: 'cart', ended: { at: new Date(), reason: 'Error', exitCode: 1 } });
    await waitFor('its dismissal', () => room.logged.some(({ event }) => event === 'suspicion dismissed'));
    const asked = api.requests().length;
    dies({ name: 'cart', restarts: 2, ended: { at: new Date(Date.now() + 2000), reason: 'Error', exitCode: 1 } });
    dies({ name: 'other' });
    await thread(room, 'other', 'the kernel killed it');
    expect(rootTexts(room).filter((text) => text.includes('cart'))).toEqual([]);
    // All that was asked since is about the other one.
    expect(
      api
        .requests()
        .slice(asked)
        .filter(({ path }) => path.includes('cart')),
    ).toEqual([]);
  });

  test('a restarted bot tells nothing twice, and what happened meanwhile as such', async () => {
    const first = await watching();
    dies({ name: 'checkout' }, 90_000);
    await thread(first, 'checkout', 'the kernel killed it');
    await first.running.stop();
    dies({ name: 'cart' }, 70_000);
    const running = await start(first.config, ['bot', 'worker'], {
      log: pino({ enabled: false }),
      sweepEveryMs: 200,
      tellingTimes: quick,
    });
    const text = await thread(first, 'cart', 'the kernel killed it');
    expect(text).toContain('while nobody watched');
    expect(rootTexts(first).filter((root) => root.includes('checkout'))).toHaveLength(1);
    expect(postedTwice(first.slack)).toEqual([]);
    await running.stop();
  });

  test('what died long before the first start is not told', async () => {
    dies({ name: 'ancient' }, 2 * 3_600_000);
    dies({ name: 'recent' }, 600_000);
    const room = await watching();
    await thread(room, 'recent', 'while nobody watched');
    expect(rootTexts(room).filter((text) => text.includes('ancient'))).toEqual([]);
  });

  test('two bots on one Redis tell each death once', async () => {
    const room = await watching();
    const second = await start(room.config, ['worker'], {
      log: pino({ enabled: false }),
      sweepEveryMs: 200,
      tellingTimes: quick,
    });
    const names = ['one', 'two', 'three', 'four'];
    for (const name of names) dies({ name });
    for (const name of names) await thread(room, name, 'the kernel killed it');
    await second.stop();
    expect(rootTexts(room)).toHaveLength(4);
    expect(postedTwice(room.slack)).toEqual([]);
  });

  test('an API server that went away in between: told once, and none is lost', async () => {
    const room = await watching();
    await api.down();
    dies({ name: 'checkout' });
    await waitFor('the trouble', () => room.logged.some(({ event }) => event === 'not watched'));
    await api.up();
    await thread(room, 'checkout', 'the kernel killed it');
    expect(rootTexts(room)).toHaveLength(1);
  });
});

describe('who hears of it', () => {
  test('by namespace, by label of the pod, by annotation of the workload; the rest goes to the default', async () => {
    api.load([
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'noted', namespace: 'shop', annotations: { team: 'payments' } },
        spec: {},
        status: {},
      } as never,
    ]);
    const room = await watching((config, channel) => ({
      ...config,
      watch: [
        rule({ channel: 'C0PAY', namespaces: ['pay'], mention: 'U0BOB' }),
        rule({ channel: 'C0PAY', labels: { team: 'payments' } }),
        rule({ channel: 'C0PAY', annotations: { team: 'payments' } }),
        rule({ channel }),
      ],
    }));
    dies({ name: 'ledger', namespace: 'pay' });
    dies({ name: 'labelled', labels: { team: 'payments' } });
    dies({ name: 'noted' });
    dies({ name: 'other' });
    expect(await thread(room, 'ledger', 'the kernel killed it', 'C0PAY')).toContain('@bob');
    await thread(room, 'labelled', 'the kernel killed it', 'C0PAY');
    await thread(room, 'noted', 'the kernel killed it', 'C0PAY');
    await thread(room, 'other', 'the kernel killed it');
    expect(rootTexts(room)).toHaveLength(1);
  });

  test('/oom watch shows it, and on and off change it for a channel', async () => {
    const room = await watching();
    const metrics = async () => await (await fetch(`${room.running.statusUrl}/metrics`)).text();
    await waitFor(
      'the heartbeat',
      async () => (await metrics()).includes('quorum_watch_working{cluster="prod",namespace=""} 1'),
      { timeoutMs: 15_000, everyMs: 100 },
    );
    const shown = await room.ask('/oom watch');
    expect(room.slack.threadText(room.channel, shown.ts)).toContain('everything else');
    const on = await room.ask('/oom watch on -n shop', room.ann, 'C0PAY');
    expect(on.text).toBe('This channel is told of what dies in shop in prod from now on.');
    dies({ name: 'checkout' });
    await thread(room, 'checkout', 'the kernel killed it', 'C0PAY');
    const taken = await room.ask('/oom watch on -n shop');
    expect(room.slack.threadText(room.channel, taken.ts)).toContain('C0PAY chose it before, and is not told any more.');
    await room.ask('/oom watch off', room.ann, 'C0PAY');
    await room.ask('/oom watch off -n shop', room.ann, 'C0PAY');
    dies({ name: 'cart' });
    await thread(room, 'cart', 'the kernel killed it');
    const refused = await room.slack.slash(room.bob.id, room.channel, '/oom watch off');
    expect(refused.shown?.text).toContain('You need the role operator');
  });

  test('a channel that is archived: the default one hears of it, and why, once', async () => {
    const room = await watching(
      (config, channel) => ({
        ...config,
        watch: [rule({ channel: 'C0OLD', namespaces: ['shop'] }), rule({ channel })],
      }),
      { channels: [{ id: 'C0OLD', name: 'old', isArchived: true }] },
    );
    dies({ name: 'checkout' });
    expect(await thread(room, 'checkout', 'the kernel killed it')).toContain('here because #old takes no messages');
    dies({ name: 'cart' });
    expect(await thread(room, 'cart', 'the kernel killed it')).not.toContain('takes no messages');
  });
});

describe('patience of people and of Slack', () => {
  test('many at once become one summary, which says what they have in common', async () => {
    const room = await watching((config) => ({
      ...config,
      incidents: { ...config.incidents, burst: { incidents: 2, within: 60_000 } },
    }));
    for (const name of ['a1', 'a2']) dies({ name });
    await waitFor('the first two', () => toldTimes(room) >= 2, { timeoutMs: 15_000 });
    for (let index = 0; index < 20; index++) dies({ name: `many-${index}`, node: 'node-b' });
    const text = await thread(room, 'Many at once', '20 workloads died, 20 times in all');
    expect(text).toContain('all on node node-b: look at that node first');
    expect(rootTexts(room)).toHaveLength(3);
    dies({ name: 'many-3', node: 'node-b', restarts: 2 }, -2000);
    await thread(room, 'Many at once', '20 workloads died, 21 times in all');
    expect(rootTexts(room)).toHaveLength(3);
  });

  test('Silence keeps the next incident of that workload quiet, and counts what happens', async () => {
    const room = await watching();
    dies({ name: 'checkout' });
    await thread(room, 'checkout', 'the kernel killed it');
    const root = room.slack.channel(room.channel)[0];
    await room.slack.click(room.ann.id, room.channel, root?.ts ?? '', 'silence-hour');
    await thread(room, 'checkout', 'by @ann');
    expect(await thread(room, 'checkout')).toContain('silenced until');
  });

  test('it is over when it has not died for as long as the config says', async () => {
    const room = await watching((config) => ({ ...config, incidents: { ...config.incidents, resolveAfter: 1500 } }));
    dies({ name: 'checkout' });
    await thread(room, 'checkout', 'over. It was');
    dies({ name: 'checkout', restarts: 2 }, -3000);
    await waitFor('a thread of its own', () => rootTexts(room).length === 2, { timeoutMs: 10_000 });
  });
});
