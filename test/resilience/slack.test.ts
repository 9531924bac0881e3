import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { etcdMoveLeader } from '../../jobs/etcd/move-leader.ts';
import { proposed, type Transition } from '../../src/change.ts';
import { connectChanges } from '../../src/redis/change-client.ts';
import { type Conversation, type ConversationOptions, startConversation } from '../support/conversation.ts';
import { postedTwice, standing } from '../support/posts-made.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const size = 'oom size --limit 1Gi --jdk 17';

let redis: RedisServer;
let conversation: Conversation | undefined;
let conversations = 0;

beforeAll(async () => {
  redis = await startRedis();
}, 30_000);

afterEach(async () => {
  await conversation?.stop();
  conversation = undefined;
});

afterAll(async () => {
  await redis.stop();
});

async function begin(options: Partial<ConversationOptions> = {}): Promise<Conversation> {
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: `${redis.prefix}-${conversations++}`,
    ...options,
  });
  return conversation;
}

function answers(logged: Conversation['logged']): number {
  return logged.filter(({ event }) => event === 'answered').length;
}

/** Sends a body to where Slack would, signed as Slack signs it. */
async function sendSigned(
  { slack, running }: Conversation,
  body: string,
  headers: Readonly<Record<string, string>> = {},
  signal: AbortSignal | null = null,
): Promise<number> {
  const seconds = Math.floor(Date.now() / 1000);
  const hash = createHmac('sha256', slack.signingSecret).update(`v0:${seconds}:${body}`).digest('hex');
  const response = await fetch(`${running.slackUrl()}/slack/events`, {
    method: 'POST',
    body,
    signal,
    headers: {
      'content-type': body.startsWith('{') ? 'application/json' : 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(seconds),
      'x-slack-signature': `v0=${hash}`,
      ...headers,
    },
  });
  return response.status;
}

test('an event that Slack sends four times, twice of it at once and once after the answer, is answered once', async () => {
  const talk = await begin({ mode: 'http' });
  const { slack, ann, channel, logged } = talk;
  const root = slack.say(ann.id, channel, 'how large should it be?');
  const event = {
    type: 'app_mention',
    user: ann.id,
    text: `<@${slack.botUserId}> ${size}`,
    ts: root.ts,
    channel,
    event_ts: root.ts,
  };
  const body = JSON.stringify({ type: 'event_callback', team_id: slack.teamId, event_id: `Ev${randomUUID()}`, event });
  const retry = (count: number) => ({ 'x-slack-retry-num': String(count), 'x-slack-retry-reason': 'http_timeout' });
  expect(
    await Promise.all([sendSigned(talk, body), sendSigned(talk, body, retry(1)), sendSigned(talk, body, retry(2))]),
  ).toEqual([200, 200, 200]);
  await waitFor('the answer', () => answers(logged) === 1);
  expect(await sendSigned(talk, body, retry(3))).toBe(200);
  await waitFor('four requests in the log', () => logged.filter(({ event: seen }) => seen === 'request').length === 4);
  // Another request goes the whole way after the fourth: by then that one would have been answered, too.
  slack.mention(ann.id, channel, size);
  await waitFor('the other answer', () => answers(logged) === 2);
  expect(standing(slack.channel(channel))).toEqual(['answered, 2 replies', 'answered, 2 replies']);
  expect(postedTwice(slack)).toEqual([]);
});

test('a click that Slack sends twice asks once', async () => {
  const talk = await begin({ mode: 'http' });
  const { slack, ann, channel, logged, ask } = talk;
  const thread = await ask(`/${size}`);
  const action = {
    type: 'button',
    action_id: 'run-again',
    block_id: 'b',
    value: buttonValue(thread.blocks, 'run-again'),
    action_ts: '1.1',
  };
  const payload = {
    type: 'block_actions',
    team: { id: slack.teamId },
    user: { id: ann.id },
    channel: { id: channel },
    message: { ts: thread.ts },
    trigger_id: `${randomUUID()}`,
    response_url: `${slack.apiUrl}nowhere`,
    actions: [action],
  };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  expect(await Promise.all([sendSigned(talk, body), sendSigned(talk, body)])).toEqual([200, 200]);
  await waitFor('the second answer', () => answers(logged) === 2);
  await ask(`/${size}`);
  expect(standing(slack.channel(channel))).toEqual(Array(3).fill('answered, 1 reply'));
});

test('a click that is forged, stale, from the future or replayed decides nothing, and is audited', async () => {
  const talk = await begin({
    mode: 'http',
    access: { operators: ['U0ANN'], approvers: ['U0BOB'] },
    people: { ann: 'U0ANN', bob: 'U0BOB' },
  });
  const { slack, channel, ann, config } = talk;
  const changes = connectChanges(
    config.redis,
    () => {},
    () => {},
  );
  const record = await changes.create(waitingForTwo('c-12345678', channel, ann.id));
  const click = (userId: string, changeId: string) =>
    new URLSearchParams({
      payload: JSON.stringify({
        type: 'block_actions',
        team: { id: slack.teamId },
        user: { id: userId },
        channel: { id: channel },
        trigger_id: `${randomUUID()}`,
        response_url: `${slack.apiUrl}nowhere`,
        actions: [{ type: 'button', action_id: 'change-approve', block_id: 'b', value: changeId, action_ts: '1.1' }],
      }),
    }).toString();
  const signedAt = (body: string, seconds: number) => ({
    'x-slack-request-timestamp': String(seconds),
    'x-slack-signature': `v0=${createHmac('sha256', slack.signingSecret).update(`v0:${seconds}:${body}`).digest('hex')}`,
  });
  const seconds = Math.floor(Date.now() / 1000);
  const body = click('U0BOB', record.id);
  expect(await sendSigned(talk, body, { 'x-slack-signature': `v0=${'0'.repeat(64)}` })).toBe(401);
  expect(await sendSigned(talk, body, { 'x-slack-signature': '' })).toBe(401);
  expect(await sendSigned(talk, body, signedAt(body, seconds - 301))).toBe(401);
  expect(await sendSigned(talk, body, signedAt(body, seconds + 310))).toBe(401);
  expect((await changes.read(record.id))?.state).toBe('proposed');

  // Signed, but none of ours; then a right one, and the same bytes once more.
  expect(await sendSigned(talk, click('U0BOB', 'c-00000000'))).toBe(200);
  const headers = signedAt(body, seconds);
  expect(await sendSigned(talk, body, headers)).toBe(200);
  await waitFor('the decision', async () => (await changes.read(record.id))?.decisions.length === 1);
  expect(await sendSigned(talk, body, headers)).toBe(200);
  const entries = await waitFor('all of it in the audit', async () => {
    const seen: string[] = [];
    for await (const page of changes.audit())
      seen.push(...page.map((text) => JSON.parse(text)).map(({ actor, action }) => `${actor}: ${action}`));
    return seen.filter((entry) => entry.includes('approve refused')).length === 2 && seen;
  });
  expect(entries).toContain('nobody: unsigned request refused');
  expect(entries.filter((entry) => entry === 'U0BOB: approved')).toHaveLength(1);
  expect((await changes.read(record.id))?.decisions).toHaveLength(1);
  await changes.close();
});

test('a storm of rate limits in ten channels delays no other, loses nothing and posts nothing twice', async () => {
  const { slack, ann, channel, ask, logged } = await begin();
  const rooms = Array.from(
    { length: 10 },
    (_, index) => slack.addChannel({ name: `storm-${index}`, members: [ann.id], botIsMember: true }).id,
  );
  for (const room of rooms) {
    for (const method of ['chat.postMessage', 'chat.update', 'conversations.info'])
      slack.fault({ method, channel: room, kind: 'rate_limited', retryAfterSeconds: 1, times: 1 });
    slack.fault({ method: 'chat.postMessage', channel: room, kind: 'http_500', times: 1 });
  }
  await Promise.all(rooms.map((room) => slack.slash(ann.id, room, `/${size}`)));
  const askedAt = performance.now();
  await ask(`/${size}`);
  expect(performance.now() - askedAt).toBeLessThan(1500);
  expect(standing(slack.channel(channel))).toEqual(['answered, 1 reply']);
  await waitFor('all eleven', () => answers(logged) === 11, { timeoutMs: 14_000 });
  expect(rooms.map((room) => standing(slack.channel(room)))).toEqual(rooms.map(() => ['answered, 1 reply']));
  expect(postedTwice(slack)).toEqual([]);
}, 20_000);

test('ten requests at once in a channel whose posts Slack limits are each answered once', async () => {
  const { slack, ann, channel, logged } = await begin({ slack: { postsPerSecond: 20 } });
  await Promise.all(Array.from({ length: 10 }, () => slack.slash(ann.id, channel, `/${size}`)));
  await waitFor('ten answers', () => answers(logged) === 10, { timeoutMs: 14_000 });
  expect(standing(slack.channel(channel))).toEqual(Array(10).fill('answered, 1 reply'));
  expect(postedTwice(slack)).toEqual([]);
}, 20_000);

test.each(['socket', 'http'] as const)(
  'garbage over %s neither ends the bot nor keeps it from answering',
  async (mode) => {
    const talk = await begin({ mode });
    const { slack, ann, channel, ask, logged } = talk;
    const texts = [
      '',
      ' ',
      '"',
      '\u0000',
      '\u202e/oom',
      '🔥'.repeat(500),
      '<@U1> <#C1> &amp; <https://x|x>',
      '-- -- --',
      'x'.repeat(40_000),
    ];
    for (const text of texts) {
      const { status, shown } = await slack.slash(ann.id, channel, `/oom ${text}`);
      expect([status, shown === null]).toEqual(['ok', false]);
      expect(JSON.stringify(shown)).not.toMatch(/\bat .*\.(js|ts):\d+/);
    }
    if (mode === 'http') {
      const bodies = [
        '',
        '{',
        '{}',
        'null',
        '[]',
        '{"type":"event_callback"}',
        'payload=',
        'payload={',
        'command=%2Foom',
        'ssl_check=1',
      ];
      // What Bolt knows no listener for it answers after 3 s, with 404: nobody waits for that here.
      await Promise.all(
        bodies.map((body) => sendSigned(talk, body, {}, AbortSignal.timeout(500)).catch(() => undefined)),
      );
    }
    expect((await ask(`/${size}`)).text).toContain('JDK 17 in 1Gi');
    expect(logged.filter(({ event }) => event === 'fault')).toEqual([]);
  },
  20_000,
);

/** A change that waits for two people: one yes leaves it open. */
function waitingForTwo(id: string, channelId: string, requester: string): Transition {
  const input = { cluster: 'prod', member: null };
  const plan = { cluster: 'prod', lead: { kind: 'away-from', memberId: '1a2b' } };
  const target = { kind: 'etcd' as const, name: 'prod', identity: 'c1' };
  const proposal = { target, plan, checks: [], words: 'move the leadership of prod', sections: [] };
  const asking = { id, line: '/etcd move-leader', requester, required: 2, expiresInMs: 60_000 };
  return proposed(
    etcdMoveLeader,
    input,
    proposal,
    { ...asking, place: { channelId, rootKey: `${id}-root` } },
    Date.now(),
  );
}

/** What the button with this action id carries. */
function buttonValue(blocks: unknown, actionId: string): string {
  let value = '';
  JSON.stringify(blocks, (_key, part: unknown) => {
    if (typeof part === 'object' && part !== null && Reflect.get(part, 'action_id') === actionId)
      value = String(Reflect.get(part, 'value'));
    return part;
  });
  return value;
}
