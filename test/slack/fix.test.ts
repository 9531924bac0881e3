import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { isEnded } from '../../src/change-record.ts';
import { connectChanges } from '../../src/redis/change-client.ts';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { type ControllerOptions, type Controllers, runControllers } from '../support/kubernetes/controllers.ts';
import { fieldsAt, listAt } from '../support/kubernetes/object.ts';
import { loadRecorded, recordedPods } from '../support/kubernetes/recorded.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { Person, Thread } from '../support/slack/model.ts';

let redis: RedisServer;
let folder: string;
let api: KubernetesApi;
let controllers: Controllers;
let talk: Conversation;
let changes: ReturnType<typeof connectChanges>;
let conversations = 0;

beforeAll(async () => {
  [redis, folder] = await Promise.all([
    startRedis({ appendonly: true, own: true }),
    mkdtemp(join(tmpdir(), 'quorum-fix-')),
  ]);
}, 30_000);
afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});

/** A JVM of the recorded checkout lives where its heap is bounded. */
const fate: ControllerOptions['fate'] = (template) => {
  const [container] = listAt(template, 'spec', 'containers');
  return listAt(container, 'env').some(({ value }) => String(value).includes('-Xmx')) ? 'runs' : 'dies';
};

beforeEach(async () => {
  api = await startKubernetes(loadRecorded({ now: new Date() }));
  controllers = runControllers(api, { fate });
  const kubeconfig = join(folder, `kubeconfig-${conversations}`);
  await api.writeKubeconfig(kubeconfig);
  const prefix = `${redis.prefix}-fix-${conversations++}`;
  talk = await startConversation({
    redisUrl: redis.url,
    prefix,
    kubeconfigs: { prod: kubeconfig },
    allowFixes: true,
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
  });
  const quiet = () => {};
  changes = connectChanges({ url: redis.url, prefix }, quiet, quiet);
});
afterEach(async () => {
  await changes.close();
  await talk.stop();
  controllers.stop();
  await api.stop();
});

/** The button of this name in a thread, its root included. */
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

/** The thread of the change that waits for a yes. */
const proposal = () =>
  talk.slack.waitFor(
    () => talk.slack.channel(talk.channel).find((thread) => buttonIn(thread, 'change-approve') !== undefined),
    { what: 'a proposal' },
  );

/** The thread once all its changes have ended, and each end is told. */
async function ended(ts: string): Promise<string> {
  await waitFor('the end', async () => (await changes.recent(5)).every(isEnded), { timeoutMs: 20_000 });
  const told = () => talk.slack.thread(talk.channel, ts).replies.filter(({ text }) => /^<@U0ANN> /.test(text)).length;
  const asked = (await changes.recent(5)).length;
  await talk.slack.waitFor(() => told() === asked, { what: 'the end in the thread' });
  return talk.slack.threadText(talk.channel, ts);
}

const checkoutEnv = () => {
  const deployment = api.get('Deployment', 'shop', 'checkout');
  const [container] = listAt(deployment, 'spec', 'template', 'spec', 'containers');
  return listAt(container, 'env').map(({ name, value }) => `${name}=${value}`);
};
const flags = 'JAVA_TOOL_OPTIONS=-Xmx292m -XX:MaxDirectMemorySize=16m -XX:+ExitOnOutOfMemoryError';

describe('from the answer to the mended pod', () => {
  test('one button asks, a second person says yes, and the thread tells why it died and how it was mended', async () => {
    const why = await talk.ask(`/oom why ${recordedPods.unaware}`);
    expect(JSON.stringify(why.blocks)).toContain('Set these flags');
    await presses(talk.ann, why, 'oom-fix');
    const asked = await proposal();
    const before = talk.slack.threadText(talk.channel, asked.ts);
    expect(before).toContain('Approval needed (0 of 1): set -Xmx292m');
    expect(before).toContain('heap may grow to 1992 MiB in 512 MiB');
    expect(before).toContain('14 checks: fine');
    expect(before).toContain('+ checkout env[JAVA_TOOL_OPTIONS]: -Xmx292m');
    expect(checkoutEnv()).not.toContain(flags);
    await presses(talk.bob, asked, 'change-approve');
    const end = await ended(asked.ts);
    expect(end).toContain('approved by @bob');
    expect(end).toContain('The new pods of shop/deploy/checkout run with -Xmx292m');
    expect(end).toContain('a heap of at most 292 MiB in 512 MiB');
    expect(checkoutEnv()).toContain(flags);
    expect(fieldsAt(api.get('Deployment', 'shop', 'checkout'), 'status').availableReplicas).toBe(2);
    expect(JSON.stringify(talk.slack.channel(talk.channel))).not.toContain('not-a-real-password');

    // The way back is a change of its own.
    await presses(talk.ann, talk.slack.thread(talk.channel, asked.ts), 'change-undo');
    const back = await proposal();
    expect(talk.slack.threadText(talk.channel, back.ts)).toContain('take deploy/checkout in shop back to revision 14');
    await presses(talk.bob, back, 'change-approve');
    expect(await ended(back.ts)).toContain('The new pods die too.');
    expect(checkoutEnv()).not.toContain(flags);
  }, 60_000);

  test('where it began with a rollout, going back is a button too', async () => {
    const why = await talk.ask(`/oom why ${recordedPods.unaware}`);
    expect(JSON.stringify(why.blocks)).toContain('Go back to before the rollout');
    await presses(talk.ann, why, 'oom-rollback');
    const asked = await proposal();
    expect(talk.slack.threadText(talk.channel, asked.ts)).toContain('take deploy/checkout in shop back to revision 13');
    await presses(talk.bob, asked, 'change-approve');
    expect(await ended(asked.ts)).toContain('shop/deploy/checkout is back at what revision 13 was.');
    expect(checkoutEnv()).toContain('JAVA_TOOL_OPTIONS=-Xms8m -Xmx280m');
  }, 60_000);

  test('whoever may only look is told so, and nothing is asked for', async () => {
    const why = await talk.ask(`/oom why ${recordedPods.unaware}`);
    await presses(talk.bob, why, 'oom-fix');
    // Bob may approve, and so may ask: the roles include one another.
    await proposal();
    const eve = talk.slack.addUser({ name: 'eve' });
    talk.slack.invite(talk.channel, eve.id);
    await presses(eve, why, 'oom-fix');
    const [told] = await talk.slack.waitFor(
      () => talk.slack.ephemerals(eve.id, talk.channel).length > 0 && talk.slack.ephemerals(eve.id, talk.channel),
    );
    expect(told?.text).toBe('You need the role operator for this, and you do not have it.');
  }, 30_000);

  test('a template that somebody changes between the proposal and the yes ends it', async () => {
    const before = talk.slack.channel(talk.channel).length;
    await talk.slack.slash('U0ANN', talk.channel, '/oom fix shop/deploy/checkout');
    const asked = await proposal();
    const found = api.get('Deployment', 'shop', 'checkout');
    controllers.hold();
    const spec = fieldsAt(found, 'spec');
    const template = fieldsAt(spec, 'template');
    const labels = { ...fieldsAt(template, 'metadata', 'labels'), release: 'ann' };
    api.load([{ ...found, spec: { ...spec, template: { ...template, metadata: { labels } } } }]);
    await presses(talk.bob, asked, 'change-approve');
    expect(await ended(asked.ts)).toContain('The plan would be another one now');
    expect(api.requests().filter(({ method, query }) => method === 'PATCH' && query.dryRun === undefined)).toEqual([]);
    expect(talk.slack.channel(talk.channel).length).toBe(before + 1);
  }, 30_000);

  test('there is no button under an answer with nothing to set', async () => {
    const why = await talk.ask(`/oom why ${recordedPods.web}`);
    expect(JSON.stringify(why.blocks)).not.toContain('oom-fix');
  }, 30_000);
});
