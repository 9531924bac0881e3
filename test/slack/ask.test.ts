import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { askPod } from '../support/ask-room.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { asked, type JvmContainer, openJvmContainer } from '../support/jvm-container.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { Person, Thread } from '../support/slack/model.ts';

let redis: RedisServer;
let folder: string;
let api: KubernetesApi;
let jvm: JvmContainer;
let talk: Conversation;
let conversations = 0;

beforeAll(async () => {
  [redis, folder] = await Promise.all([
    startRedis({ appendonly: true, own: true }),
    mkdtemp(join(tmpdir(), 'quorum-ask-')),
  ]);
}, 30_000);
afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});

async function begin(allowExec: boolean): Promise<void> {
  const kubeconfig = join(folder, `kubeconfig-${conversations}`);
  await api.writeKubeconfig(kubeconfig);
  talk = await startConversation({
    redisUrl: redis.url,
    prefix: `${redis.prefix}-ask-${conversations++}`,
    kubeconfigs: { prod: kubeconfig },
    allowExec,
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
  });
}

beforeEach(async () => {
  const state = { running: { startedAt: new Date(Date.now() - 3_600_000).toISOString() } };
  api = await startKubernetes({ objects: [askPod({ state })] });
  jvm = openJvmContainer();
  api.setExec(jvm.answers);
  api.setMetrics('shop', 'orders-1', { app: { cpu: '10m', memory: '120Mi' } });
});
afterEach(async () => {
  await talk.stop();
  await api.stop();
  jvm.remove();
});

function buttonIn(thread: Thread, action: string): { readonly ts: string; readonly value: string } | undefined {
  for (const { ts, blocks } of [thread, ...thread.replies]) {
    const found = new RegExp(`"action_id":"${action}"[^}]*?(?:\\}[^}]*?)?"value":"([^"]+)"`).exec(
      JSON.stringify(blocks),
    );
    if (found?.[1] !== undefined) return { ts, value: found[1] };
  }
  return undefined;
}

async function presses(who: Person, thread: Thread, action: string): Promise<void> {
  const button = buttonIn(thread, action);
  if (button === undefined) throw new Error(`no button ${action}`);
  await talk.slack.click(who.id, talk.channel, button.ts, action, button.value);
}

test('one button asks, a second person says yes, and the thread tells what the JVM took', async () => {
  await begin(true);
  const why = await talk.ask('/oom why shop/orders-1');
  expect(JSON.stringify(why.blocks)).toContain('Ask the JVM');
  await presses(talk.ann, why, 'oom-ask');
  const proposal = await talk.slack.waitFor(
    () => talk.slack.channel(talk.channel).find((thread) => buttonIn(thread, 'change-approve') !== undefined),
    { what: 'a proposal' },
  );
  const before = talk.slack.threadText(talk.channel, proposal.ts);
  expect(before).toContain('Approval needed (0 of 1): ask the JVM of shop/orders-1 (app)');
  expect(before).toContain('What is run in the container');
  expect(api.executed()).toEqual([]);
  // Whoever asked may not say yes.
  await presses(talk.ann, proposal, 'change-approve');
  expect(api.executed()).toEqual([]);
  await presses(talk.bob, proposal, 'change-approve');
  await talk.slack.waitFor(
    () => talk.slack.thread(talk.channel, proposal.ts).replies.find(({ text }) => /^<@U0ANN> Done/.test(text)),
    { what: 'the end', timeoutMs: 20_000 },
  );
  const end = talk.slack.threadText(talk.channel, proposal.ts);
  expect(end).toContain('Largest heap 64 MiB, as reckoned; 17.3 MiB of it in use, RSS 44.3 MiB');
  expect(end).toContain('Measured and reckoned');
  expect(end).toContain('Native memory by area');
  expect(end).toContain('-Ddb.password=***');
  expect(JSON.stringify(talk.slack.channel(talk.channel)) + JSON.stringify(talk.logged)).not.toMatch(
    /hunter2|correct-horse|never-to-be-read/,
  );
  expect(jvm.ran().length).toBe(3);
}, 60_000);

test('where it is not allowed there is no button, and the command tells how to do it by hand', async () => {
  await begin(false);
  const why = await talk.ask('/oom why shop/orders-1');
  expect(JSON.stringify(why.blocks)).not.toContain('oom-ask');
  const refused = await talk.ask('/oom ask shop/orders-1');
  const text = talk.slack.threadText(talk.channel, refused.ts);
  expect(text).toContain('kubernetes.clusters.prod.allowExec is not set');
  expect(text).toContain('kubectl exec orders-1 -n shop -c app -- jcmd 1 VM.flags');
  expect(api.executed()).toEqual([]);
}, 60_000);

test('a thread dump is a signal that is asked for by its own flag, sent once, and shown masked in the thread', async () => {
  await begin(true);
  jvm.onQuit(() => api.setLog('shop', 'orders-1', 'app', dump));
  const dump = asked('17-g1.dump').replaceAll('token-refresher', 'refresher password=hunter2-not-shown');
  await talk.slack.slash('U0ANN', talk.channel, '/oom ask shop/orders-1 --threads');
  const proposal = await talk.slack.waitFor(
    () => talk.slack.channel(talk.channel).find((thread) => buttonIn(thread, 'change-approve') !== undefined),
    { what: 'a proposal' },
  );
  expect(talk.slack.threadText(talk.channel, proposal.ts)).toContain('kill -3, once');
  await presses(talk.bob, proposal, 'change-approve');
  await talk.slack.waitFor(
    () => talk.slack.thread(talk.channel, proposal.ts).replies.find(({ text }) => /^<@U0ANN> Done/.test(text)),
    { what: 'the end', timeoutMs: 20_000 },
  );
  const text = talk.slack.threadText(talk.channel, proposal.ts);
  expect(text).toMatch(/Threads by state\n\s*State +Threads\n\s*RUNNABLE +9\n\s*TIMED_WAITING +3\n\s*WAITING +1/);
  expect(text).toContain('JNI global refs: 4, weak refs: 0');
  expect(text).toContain('refresher password=***');
  expect(text).not.toContain('hunter2');
  expect(jvm.ran().filter((line) => line.startsWith('kill'))).toEqual(['kill -3 1']);
}, 60_000);
