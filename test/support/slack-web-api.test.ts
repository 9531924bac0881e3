import { afterEach, describe, expect, test } from '@jest/globals';
import type { SlackOptions, SlackWorkspace } from './slack/server.ts';
import { startSlack } from './slack/server.ts';

const ending: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** #ops with ann and the bot; #far without the bot; a private #secret without it; #old, archived. */
async function workspace(options: SlackOptions = {}): Promise<SlackWorkspace> {
  const slack = await startSlack(options);
  ending.push(() => slack.stop());
  slack.addUser({ id: 'U1', name: 'ann', timezone: 'Asia/Kolkata' });
  slack.addUser({ id: 'U2', name: 'gus', isUltraRestricted: true });
  slack.addUser({ id: 'U3', name: 'eve', isStranger: true });
  slack.addUserGroup({ id: 'S1', handle: 'oncall', users: ['U1'] });
  slack.addChannel({ id: 'C1', name: 'ops', members: ['U1'] });
  slack.addChannel({ id: 'C2', name: 'far', members: ['U1'], botIsMember: false });
  slack.addChannel({ id: 'C3', name: 'secret', isPrivate: true, members: ['U1'], botIsMember: false });
  slack.addChannel({ id: 'C4', name: 'old', isArchived: true, members: ['U1'] });
  return slack;
}

type Answer = { readonly ok: boolean; readonly error?: string; readonly [key: string]: unknown };
type Args = Readonly<Record<string, unknown>>;

/** One call without Slack's client, so that nothing checks it, repeats it or waits. */
async function request(slack: SlackWorkspace, method: string, args: Args, token = slack.botToken): Promise<Response> {
  return fetch(`${slack.apiUrl}${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(args),
  });
}

async function call(slack: SlackWorkspace, method: string, args: Args = {}, token = slack.botToken): Promise<Answer> {
  return (await (await request(slack, method, args, token)).json()) as Answer;
}

const section = (text: string): Args => ({ type: 'section', text: { type: 'mrkdwn', text } });
const button = (more: Args): Args => ({
  type: 'actions',
  elements: [{ type: 'button', action_id: 'a', text: { type: 'plain_text', text: 'x' }, ...more }],
});
const table = (rows: number, columns: number): Args => ({
  type: 'table',
  rows: Array.from({ length: rows }, () => Array.from({ length: columns }, () => ({ type: 'raw_text', text: 'x' }))),
});

test('tokens: none, a wrong one, the wrong kind, and a scope that is missing', async () => {
  const slack = await workspace({ workspace: { scopes: ['chat:write', 'commands'] } });
  expect(await call(slack, 'auth.test', {}, '')).toEqual({ ok: false, error: 'not_authed' });
  expect(await call(slack, 'auth.test', {}, 'xoxb-wrong')).toEqual({ ok: false, error: 'invalid_auth' });
  expect((await call(slack, 'auth.test', {}, slack.appToken)).error).toBe('not_allowed_token_type');
  expect((await call(slack, 'apps.connections.open')).error).toBe('not_allowed_token_type');
  expect((await call(slack, 'no.such.method')).error).toBe('unknown_method');
  expect(await call(slack, 'users.info', { user: 'U1' })).toEqual({
    ok: false,
    error: 'missing_scope',
    needed: 'users:read',
    provided: 'chat:write,commands',
  });
  const answer = await request(slack, 'auth.test', {});
  expect(answer.headers.get('x-oauth-scopes')).toBe('chat:write,commands');
  expect(await answer.json()).toMatchObject({ ok: true, user_id: 'U0QUORUMBOT', team_id: 'T0QUORUM' });
});

test('a form carries its blocks as a string and its token as a field', async () => {
  const slack = await workspace();
  const body = new URLSearchParams({
    token: slack.botToken,
    channel: 'C1',
    blocks: JSON.stringify([section('*hi* <@U1>')]),
  });
  const answer = await (await fetch(`${slack.apiUrl}chat.postMessage`, { method: 'POST', body })).json();
  expect(answer).toMatchObject({ ok: true, channel: 'C1', message: { bot_id: 'B0QUORUMBOT' } });
  expect(slack.channel('C1').map((message) => slack.messageText(message))).toEqual(['*hi* @ann']);
  const broken = new URLSearchParams({ token: slack.botToken, channel: 'C1', blocks: '[{' });
  const refused = await fetch(`${slack.apiUrl}chat.postMessage`, { method: 'POST', body: broken });
  expect(await refused.json()).toEqual({ ok: false, error: 'invalid_blocks_format' });
});

test.each([
  ['C9', 'channel_not_found'],
  ['C2', 'not_in_channel'],
  ['C3', 'channel_not_found'],
  ['C4', 'is_archived'],
])('a post to %s is refused with %s', async (channel, error) => {
  const slack = await workspace();
  expect(await call(slack, 'chat.postMessage', { channel, text: 'hi' })).toEqual({ ok: false, error });
});

describe('limits', () => {
  test.each<[string, Args, string, string | null]>([
    ['nothing', {}, 'no_text', null],
    ['blank text', { text: ' ' }, 'no_text', null],
    ['text of 40,001 characters', { text: 'x'.repeat(40_001) }, 'msg_too_long', null],
    ['a thread that is not there', { text: 'x', thread_ts: '1.000001' }, 'thread_not_found', null],
    [
      '51 blocks',
      { blocks: Array.from({ length: 51 }, () => ({ type: 'divider' })) },
      'invalid_blocks',
      'no more than 50 items allowed [json-pointer:/blocks]',
    ],
    [
      'a section of 3001',
      { blocks: [{ type: 'divider' }, section('x'.repeat(3001))] },
      'invalid_blocks',
      'must be less than 3001 characters [json-pointer:/blocks/1/text/text]',
    ],
    [
      'an empty section',
      { blocks: [section('')] },
      'invalid_blocks',
      'must be more than 0 characters [json-pointer:/blocks/0/text/text]',
    ],
    [
      'a header of 151',
      { blocks: [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }] },
      'invalid_blocks',
      'must be less than 151 characters [json-pointer:/blocks/0/text/text]',
    ],
    [
      'a header in mrkdwn',
      { blocks: [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }] },
      'invalid_blocks',
      'unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]',
    ],
    [
      'a button text of 76',
      { blocks: [button({ text: { type: 'plain_text', text: 'x'.repeat(76) } })] },
      'invalid_blocks',
      'must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]',
    ],
    [
      'a button value of 2001',
      { blocks: [button({ value: 'x'.repeat(2001) })] },
      'invalid_blocks',
      'must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]',
    ],
    [
      'an action id of 256',
      { blocks: [button({ action_id: 'x'.repeat(256) })] },
      'invalid_blocks',
      'must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]',
    ],
    [
      'a context of 11',
      { blocks: [{ type: 'context', elements: Array.from({ length: 11 }, () => ({ type: 'mrkdwn', text: 'x' })) }] },
      'invalid_blocks',
      'no more than 10 items allowed [json-pointer:/blocks/0/elements]',
    ],
    [
      '11 fields',
      { blocks: [{ type: 'section', fields: Array.from({ length: 11 }, () => ({ type: 'mrkdwn', text: 'x' })) }] },
      'invalid_blocks',
      'no more than 10 items allowed [json-pointer:/blocks/0/fields]',
    ],
    [
      'two tables',
      { blocks: [table(1, 1), table(1, 1)] },
      'invalid_blocks',
      'only_one_table_allowed [json-pointer:/blocks/1]',
    ],
    [
      '101 rows',
      { blocks: [table(101, 1)] },
      'invalid_blocks',
      'no more than 100 items allowed [json-pointer:/blocks/0/rows]',
    ],
    [
      '21 columns',
      { blocks: [table(1, 21)] },
      'invalid_blocks',
      'no more than 20 items allowed [json-pointer:/blocks/0/rows/0]',
    ],
    [
      'an unknown block',
      { blocks: [{ type: 'hologram' }] },
      'invalid_blocks',
      'unsupported type: hologram [json-pointer:/blocks/0]',
    ],
    [
      'an empty rich text',
      {
        blocks: [
          { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: '' }] }] },
        ],
      },
      'invalid_blocks',
      'must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]',
    ],
    [
      '13,500 characters in all',
      { blocks: Array.from({ length: 5 }, () => section('x'.repeat(2700))) },
      'msg_blocks_too_long',
      null,
    ],
  ])('%s', async (_, args, error, message) => {
    const slack = await workspace();
    const answer = await call(slack, 'chat.postMessage', { channel: 'C1', ...args });
    expect(answer.ok).toBe(false);
    expect(answer.error).toBe(error);
    if (message !== null) expect(answer.response_metadata).toEqual({ messages: [`[ERROR] ${message}`] });
    expect(slack.channel('C1')).toEqual([]);
  });
});

test('a channel takes a short burst and one post a second; the next waits, other channels do not', async () => {
  const slack = await workspace();
  slack.addChannel({ id: 'C5', name: 'other', members: ['U1'] });
  const statuses: number[] = [];
  for (let count = 0; count < 4; count += 1)
    statuses.push((await request(slack, 'chat.postMessage', { channel: 'C1', text: 'x' })).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  const refused = await request(slack, 'chat.postMessage', { channel: 'C1', text: 'x' });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toEqual({ ok: false, error: 'ratelimited' });
  expect((await call(slack, 'chat.postMessage', { channel: 'C5', text: 'x' })).ok).toBe(true);
});

test('an edit is for own messages only, keeps metadata, and text alone takes the blocks away', async () => {
  const slack = await workspace({ postsPerSecond: 100 });
  const metadata = { event_type: 'quorum', event_payload: { key: 'k' } };
  const { ts } = await call(slack, 'chat.postMessage', { channel: 'C1', text: 'a', blocks: [section('a')], metadata });
  const said = slack.say('U1', 'C1', 'mine');
  expect((await call(slack, 'chat.update', { channel: 'C1', ts: said.ts, text: 'x' })).error).toBe(
    'cant_update_message',
  );
  expect((await call(slack, 'chat.delete', { channel: 'C1', ts: said.ts })).error).toBe('cant_delete_message');
  expect((await call(slack, 'chat.update', { channel: 'C1', ts: '1.000001', text: 'x' })).error).toBe(
    'message_not_found',
  );
  expect((await call(slack, 'chat.update', { channel: 'C1', ts, text: 'x'.repeat(4001) })).error).toBe('msg_too_long');
  expect((await call(slack, 'chat.update', { channel: 'C1', ts, text: 'b' })).ok).toBe(true);
  expect(slack.channel('C1')[0]).toMatchObject({ text: 'b', blocks: [], metadata, edits: 1 });
});

test('history goes backwards by pages, leaves replies out, and tells metadata only when asked', async () => {
  const slack = await workspace({ postsPerSecond: 100 });
  const posted: string[] = [];
  for (const text of ['one', 'two', 'three']) {
    const metadata = { event_type: 'quorum', event_payload: { key: text } };
    posted.push(String((await call(slack, 'chat.postMessage', { channel: 'C1', text, metadata })).ts));
  }
  await call(slack, 'chat.postMessage', { channel: 'C1', text: 'reply', thread_ts: posted[0] });
  const texts = (answer: Answer): unknown => (answer.messages as { text: string }[]).map((message) => message.text);
  const first = await call(slack, 'conversations.history', { channel: 'C1', limit: 2 });
  expect(texts(first)).toEqual(['three', 'two']);
  expect(first).toMatchObject({ has_more: true });
  expect((first.messages as Args[])[0]?.metadata).toBeUndefined();
  const { next_cursor: cursor } = first.response_metadata as { next_cursor: string };
  const second = await call(slack, 'conversations.history', {
    channel: 'C1',
    limit: 2,
    cursor,
    include_all_metadata: true,
  });
  expect(texts(second)).toEqual(['one']);
  expect((second.messages as Args[])[0]).toMatchObject({ reply_count: 1, metadata: { event_payload: { key: 'one' } } });
  expect(texts(await call(slack, 'conversations.history', { channel: 'C1', oldest: posted[1] }))).toEqual(['three']);
  expect(
    texts(await call(slack, 'conversations.history', { channel: 'C1', oldest: posted[1], inclusive: true })),
  ).toEqual(['three', 'two']);
  expect(texts(await call(slack, 'conversations.replies', { channel: 'C1', ts: posted[0] }))).toEqual(['one', 'reply']);
  expect((await call(slack, 'conversations.history', { channel: 'C2' })).error).toBe('not_in_channel');
  expect((await call(slack, 'conversations.replies', { channel: 'C1', ts: '1.000001' })).error).toBe(
    'thread_not_found',
  );
});

test('people and groups are told as Slack tells them', async () => {
  const slack = await workspace();
  expect((await call(slack, 'users.info', { user: 'U1' })).user).toMatchObject({
    is_restricted: false,
    tz: 'Asia/Kolkata',
    tz_offset: 19_800,
  });
  expect((await call(slack, 'users.info', { user: 'U2' })).user).toMatchObject({
    is_restricted: true,
    is_ultra_restricted: true,
  });
  expect((await call(slack, 'users.info', { user: 'U3' })).user).toMatchObject({
    is_stranger: true,
    team_id: 'T0ELSEWHERE',
  });
  expect((await call(slack, 'users.info', { user: 'U9' })).error).toBe('user_not_found');
  expect((await call(slack, 'usergroups.users.list', { usergroup: 'S1' })).users).toEqual(['U1']);
  expect((await call(slack, 'chat.postEphemeral', { channel: 'C1', user: 'U2', text: 'x' })).error).toBe(
    'user_not_in_channel',
  );
});

test('faults: an error, a 500, a rate limit of one channel, and an outcome that stays unknown', async () => {
  const slack = await workspace({ postsPerSecond: 100 });
  slack.fault({ method: 'chat.postMessage', kind: 'error', error: 'fatal_error' });
  slack.fault({ method: 'chat.postMessage', kind: 'http_500' });
  slack.fault({ method: 'chat.postMessage', channel: 'C1', kind: 'rate_limited', retryAfterSeconds: 7 });
  slack.fault({ method: 'chat.postMessage', kind: 'drop_after_commit' });
  const post = { channel: 'C1', text: 'x' };
  expect((await call(slack, 'chat.postMessage', post)).error).toBe('fatal_error');
  expect((await request(slack, 'chat.postMessage', post)).status).toBe(500);
  expect((await request(slack, 'chat.postMessage', post)).headers.get('retry-after')).toBe('7');
  expect(slack.channel('C1')).toEqual([]);
  await expect(request(slack, 'chat.postMessage', post)).rejects.toThrow('fetch failed');
  expect(slack.channel('C1').length).toBe(1);
  expect(slack.calls().map((each) => each.error)).toEqual(['fatal_error', 'internal_error', 'ratelimited', null]);
});

test('a file comes in three steps, and its bytes only with the token', async () => {
  const slack = await workspace();
  const { upload_url: address, file_id: id } = await call(slack, 'files.getUploadURLExternal', {
    filename: 'gc.log',
    length: 5,
  });
  expect((await call(slack, 'files.completeUploadExternal', { files: [{ id }], channel_id: 'C1' })).error).toBe(
    'file_not_found',
  );
  const form = new FormData();
  form.append('file', new Blob(['hello']), 'gc.log');
  expect(await (await fetch(String(address), { method: 'POST', body: form })).text()).toBe('OK - 5');
  const done = await call(slack, 'files.completeUploadExternal', {
    files: [{ id, title: 'GC' }],
    channel_id: 'C1',
    initial_comment: 'look',
  });
  expect(slack.threadText('C1', slack.channel('C1')[0]?.ts ?? '')).toBe('quorum:\n  look\n  (file: gc.log, 5 bytes)');
  const link = String((done.files as Args[])[0]?.url_private);
  expect((await fetch(link, { redirect: 'manual' })).status).toBe(302);
  expect(await (await fetch(link, { headers: { authorization: `Bearer ${slack.botToken}` } })).text()).toBe('hello');
});
