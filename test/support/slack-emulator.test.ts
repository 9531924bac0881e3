import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import bolt from '@slack/bolt';
import { waitFor } from './process.ts';
import type { SlackOptions, SlackWorkspace } from './slack/server.ts';
import { startSlack } from './slack/server.ts';

const ending: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** A workspace with #ops, where ann, bob and the bot are, and #far, where the bot is not. */
async function workspace(options: SlackOptions = {}): Promise<SlackWorkspace> {
  const slack = await startSlack(options);
  ending.push(() => slack.stop());
  slack.addUser({ id: 'U1', name: 'ann', timezone: 'Europe/Berlin' });
  slack.addUser({ id: 'U2', name: 'bob', isGuest: true });
  slack.addChannel({ id: 'C1', name: 'ops', members: ['U1', 'U2'] });
  slack.addChannel({ id: 'C2', name: 'far', members: ['U1'], botIsMember: false });
  return slack;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Bolt tells of every fault that the tests bring about. */
const quiet = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => bolt.LogLevel.ERROR,
  setName() {},
};

type Mode = 'socket' | 'http';

/** A real Bolt app that talks to the workspace, by Socket Mode or behind a signed request URL. */
async function bot(slack: SlackWorkspace, mode: Mode, listen: (app: bolt.App) => void): Promise<bolt.App> {
  const clientOptions = { slackApiUrl: slack.apiUrl, rejectRateLimitedCalls: true, retryConfig: { retries: 0 } };
  const port = await freePort();
  const receiver =
    mode === 'socket'
      ? new bolt.SocketModeReceiver({
          appToken: slack.appToken,
          clientPingTimeout: 400,
          logger: quiet,
          installerOptions: { clientOptions },
        })
      : new bolt.HTTPReceiver({
          signingSecret: slack.signingSecret,
          logger: quiet,
          unhandledRequestTimeoutMillis: 300,
        });
  const app = new bolt.App({ token: slack.botToken, receiver, clientOptions, logger: quiet });
  listen(app);
  if (mode === 'http') slack.setRequestUrl(`http://127.0.0.1:${port}/slack/events`);
  await app.start(port);
  ending.push(() => app.stop());
  return app;
}

describe.each<Mode>(['socket', 'http'])('a Bolt app by %s', (mode) => {
  test('answers a command to the asker, then posts, edits and replies', async () => {
    const slack = await workspace();
    await bot(slack, mode, (app) => {
      app.command('/etcd', async ({ ack, client, command, respond }) => {
        await ack(`looking at ${command.text}`);
        const root = await client.chat.postMessage({
          channel: command.channel_id,
          text: 'asked',
          metadata: { event_type: 'quorum', event_payload: { key: 'k1' } },
        });
        await client.chat.postMessage({
          channel: command.channel_id,
          text: 'etcd-1 & etcd-2',
          thread_ts: root.ts ?? '',
        });
        await client.chat.update({ channel: command.channel_id, ts: root.ts ?? '', text: 'prod: 3 of 3 healthy' });
        await respond('done');
      });
    });
    const result = await slack.slash('U1', 'C1', '/etcd health @bob <x> & https://a.example/b');
    expect(result.status).toBe('ok');
    expect(result.shown?.text).toBe('looking at health <@U2|bob> &lt;x&gt; &amp; <https://a.example/b>');
    await slack.waitFor(() => slack.ephemerals('U1', 'C1').length === 2, { what: 'the last response' });
    expect(slack.ephemerals('U2', 'C1')).toEqual([]);
    const root = slack.channel('C1')[0];
    expect(root?.edits).toBe(1);
    expect(root?.metadata).toEqual({ event_type: 'quorum', event_payload: { key: 'k1' } });
    expect(slack.threadText('C1', root?.ts ?? '')).toBe(
      'quorum (edited):\n  prod: 3 of 3 healthy\n  quorum:\n    etcd-1 & etcd-2',
    );
  });

  test('hears a mention in a thread and a click on a button, and opens a modal with its trigger', async () => {
    const slack = await workspace({ postsPerSecond: 50 });
    await bot(slack, mode, (app) => {
      app.event('app_mention', async ({ event, client }) => {
        await client.chat.postMessage({
          channel: event.channel,
          thread_ts: event.thread_ts ?? event.ts,
          text: 'Sure?',
          blocks: [
            {
              type: 'actions',
              block_id: 'decide',
              elements: [
                {
                  type: 'button',
                  action_id: 'approve',
                  value: 'change-1',
                  text: { type: 'plain_text', text: 'Approve' },
                },
                { type: 'button', action_id: 'deny', value: 'change-1', text: { type: 'plain_text', text: 'Deny' } },
              ],
            },
          ],
        });
      });
      app.action('deny', async ({ ack, body, client }) => {
        await ack();
        if (!('trigger_id' in body)) return;
        await client.views.open({
          trigger_id: body.trigger_id,
          view: {
            type: 'modal',
            callback_id: 'reason',
            title: { type: 'plain_text', text: 'Why?' },
            submit: { type: 'plain_text', text: 'Deny' },
            blocks: [
              {
                type: 'input',
                block_id: 'why',
                label: { type: 'plain_text', text: 'Reason' },
                element: { type: 'plain_text_input', action_id: 'text', min_length: 3 },
              },
            ],
          },
        });
      });
      app.view('reason', async ({ ack, view, body, client }) => {
        const why = view.state.values.why?.text?.value ?? '';
        if (why === 'because') return ack({ response_action: 'errors', errors: { why: 'Say more.' } });
        await ack();
        await client.chat.postMessage({ channel: body.user.id, text: `denied: ${why}` });
      });
    });
    const said = slack.say('U2', 'C1', 'is prod fine?');
    slack.mention('U1', 'C1', 'etcd health', { threadTs: said.ts });
    const reply = await slack.waitFor(() => slack.thread('C1', said.ts).replies[1], { what: 'the question' });
    expect(reply.text).toBe('Sure?');
    expect((await slack.click('U1', 'C1', reply.ts, 'deny')).status).toBe('ok');
    const view = await slack.waitFor(() => slack.views('U1')[0], { what: 'the modal' });
    expect((await slack.submitView('U1', view.id, { why: 'no' })).errors).toEqual({
      why: 'Your entry must be at least 3 characters.',
    });
    expect(await slack.submitView('U1', view.id, { text: 'because' })).toMatchObject({
      outcome: 'errors',
      errors: { why: 'Say more.' },
    });
    expect(await slack.submitView('U1', view.id, { text: 'too risky' })).toMatchObject({
      status: 'ok',
      outcome: 'closed',
    });
    const told = await slack.waitFor(() => slack.directMessages('U1')[0], { what: 'the direct message' });
    expect(told.text).toBe('denied: too risky');
    expect(slack.views('U1')).toEqual([]);
  });

  test('shows operation_timeout when nobody acknowledges in time', async () => {
    const slack = await workspace({ timing: { ackMs: 150 } });
    await bot(slack, mode, (app) => {
      app.command('/etcd', async () => {});
      app.action('x', async () => {});
    });
    const result = await slack.slash('U1', 'C1', '/etcd health');
    expect(result.status).toBe('operation_timeout');
    expect(slack.ephemerals('U1', 'C1').map((message) => message.text)).toEqual([
      '/etcd failed with the error "operation_timeout"',
    ]);
  });
});

test('a Bolt app by socket comes back after a warning, a refresh and a cut, and hears then what it missed', async () => {
  const slack = await workspace({ postsPerSecond: 50, timing: { eventRetryMs: [600, 600, 600] } });
  await bot(slack, 'socket', (app) => {
    app.event('app_mention', async ({ event, say, context }) => {
      await say({ text: `heard ${event.text.split(' ')[1]} (retry ${context.retryNum})`, thread_ts: event.ts });
    });
  });
  for (const how of ['warning', 'refresh_requested', 'abrupt'] as const) {
    slack.disconnectSockets(how);
    const missed = slack.mention('U1', 'C1', how);
    const reply = await slack.waitFor(() => slack.thread('C1', missed.ts).replies[0], {
      what: `the answer after ${how}`,
    });
    expect(reply.text).toMatch(new RegExp(`^heard ${how} \\(retry [123]\\)$`));
  }
  expect(slack.calls().filter((call) => call.method === 'apps.connections.open').length).toBeGreaterThanOrEqual(4);
});

test('a Bolt app by signed HTTP answers the handshake and the certificate check, and refuses a foreign signature', async () => {
  const slack = await workspace();
  await bot(slack, 'http', () => {});
  expect(await slack.verifyRequestUrl()).toBe('verified');
  expect(await slack.sslCheck()).toBe('ok');
  const foreign = await workspace({ signingSecret: 'another secret' });
  foreign.setRequestUrl(slack.requestUrl() ?? '');
  expect(await foreign.slash('U1', 'C1', '/etcd health')).toMatchObject({ status: 'failed', error: 'dispatch_failed' });
});

test('an event over HTTP is sent again with its number and reason until it is answered with 200', async () => {
  const slack = await workspace({ timing: { ackMs: 250, eventRetryMs: [5, 5, 5] } });
  const heard: string[] = [];
  const app = createHttpServer((request, response) => {
    request.resume();
    heard.push(`${request.headers['x-slack-retry-num'] ?? 0} ${request.headers['x-slack-retry-reason'] ?? ''}`.trim());
    if (heard.length === 1) response.writeHead(500).end();
    else if (heard.length > 2) response.writeHead(200).end();
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  ending.push(async () => {
    app.closeAllConnections();
    await new Promise((resolve) => app.close(resolve));
  });
  const address = app.address();
  slack.setRequestUrl(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`);
  slack.mention('U1', 'C1', 'help');
  while (heard.length < 3) await once(app, 'request', { signal: AbortSignal.timeout(3000) });
  expect(heard).toEqual(['0', '1 http_error', '2 http_timeout']);
});

test('Slack says dispatch_failed or "not a valid command" to the asker alone, and that the bot is not in the channel', async () => {
  const commands = [{ command: '/etcd', description: 'etcd', usageHint: 'health' }];
  const slack = await workspace({ workspace: { commands } });
  expect(await slack.slash('U1', 'C1', '/etcd health')).toMatchObject({ status: 'failed', error: 'dispatch_failed' });
  expect(await slack.slash('U1', 'C1', '/nonsense')).toMatchObject({ status: 'failed', error: 'invalid_command' });
  expect(slack.ephemerals('U1', 'C1').map((message) => message.text)).toEqual([
    '/etcd failed with the error "dispatch_failed"',
    '/nonsense is not a valid command. In Slack, all messages that start with the "/" character are interpreted as commands.',
  ]);
  slack.say('U1', 'C2', '@quorum hello');
  expect(slack.ephemerals('U1', 'C2').map((message) => slack.messageText(message))).toEqual([
    "You mentioned @quorum, but they're not in this channel.",
  ]);
  await expect(slack.slash('U2', 'C2', '/etcd health')).rejects.toThrow('U2 is not in far');
});

test('a trigger opens one view, in time, and a response URL is good for five answers', async () => {
  const slack = await workspace();
  const handles: { trigger: string; url: string }[] = [];
  const app = await bot(slack, 'socket', (made) => {
    made.command('/etcd', async ({ ack, command }) => {
      handles.push({ trigger: command.trigger_id, url: command.response_url });
      await ack();
    });
  });
  await slack.slash('U1', 'C2', '/etcd health');
  const { trigger = '', url = '' } = handles[0] ?? {};
  const view = { type: 'modal' as const, title: { type: 'plain_text' as const, text: 'x' }, blocks: [] };
  const error = (triggerId: string) =>
    app.client.views.open({ trigger_id: triggerId, view }).then(
      () => 'opened',
      (thrown: { data?: { error?: string } }) => thrown.data?.error,
    );
  expect(await error(trigger)).toBe('opened');
  expect(await error(trigger)).toBe('exchanged_trigger_id');
  expect(await error('1.2.3')).toBe('invalid_trigger_id');
  const statuses: number[] = [];
  for (let count = 1; count <= 6; count += 1) {
    const body = JSON.stringify({ text: `answer ${count}`, response_type: count === 5 ? 'in_channel' : 'ephemeral' });
    statuses.push((await fetch(url, { method: 'POST', body })).status);
  }
  expect(statuses).toEqual([200, 200, 200, 200, 200, 404]);
  expect(slack.ephemerals('U1', 'C2').map((message) => message.text)).toEqual([
    'answer 1',
    'answer 2',
    'answer 3',
    'answer 4',
  ]);
  expect(slack.channel('C2').map((message) => message.text)).toEqual(['answer 5']);
});

test('a trigger that is used too late has expired', async () => {
  const slack = await workspace({ timing: { triggerMs: -1 } });
  await bot(slack, 'socket', (app) => {
    app.command('/etcd', async ({ ack, client, command }) => {
      await ack();
      const view = { type: 'modal' as const, title: { type: 'plain_text' as const, text: 'x' }, blocks: [] };
      await client.views.open({ trigger_id: command.trigger_id, view }).catch(() => undefined);
    });
  });
  await slack.slash('U1', 'C1', '/etcd health');
  await slack.waitFor(() => slack.calls().some((call) => call.method === 'views.open' && call.error !== 'pending'));
  expect(slack.calls().at(-1)?.error).toBe('expired_trigger_id');
});

test('what people type arrives as Slack sends it', async () => {
  const slack = await workspace();
  const typed = (text: string): string => slack.say('U1', 'C1', text).text;
  expect(typed('a < b && c > d')).toBe('a &lt; b &amp;&amp; c &gt; d');
  expect(typed('@bob see #ops, @nobody')).toBe('<@U2> see <#C1|ops>, @nobody');
  expect(typed('<@U2> <@U2|x> <!here> <b>')).toBe('<@U2> <@U2|x> <!here> &lt;b&gt;');
  expect(typed('on grafana.example.com or https://x.example/?a=1&b=2')).toBe(
    'on <http://grafana.example.com|grafana.example.com> or <https://x.example/?a=1&amp;b=2>',
  );
});

test('the page and its acts are for this machine and this page only', async () => {
  const slack = await workspace({ page: true });
  const act = (headers: Readonly<Record<string, string>>) =>
    fetch(`${slack.pageUrl}page/act`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ act: 'say', user: 'U1', channel: 'C1', text: 'x' }),
    });
  const json = 'application/json';
  expect((await act({ 'content-type': json, origin: 'https://evil.example' })).status).toBe(403);
  expect((await act({ 'content-type': 'text/plain' })).status).toBe(400);
  expect(slack.channel('C1')).toEqual([]);
  expect((await act({ 'content-type': json })).status).toBe(200);
  expect(slack.channel('C1').map((message) => message.text)).toEqual(['x']);
  expect((await fetch(slack.pageUrl)).headers.get('content-security-policy')).toContain("script-src 'sha256-");
});

test('a machine on the page does one thing at a time, and tells what went wrong', async () => {
  const slack = await workspace({ page: true });
  let isOn = false;
  let goOn = (): void => undefined;
  slack.addMachine({
    name: 'pump',
    about: 'cellar',
    acts: [
      { id: 'ask', title: 'Ask', hint: '', puts: '/pump start' },
      { id: 'start', title: 'Start', hint: '', run: () => new Promise<void>((resolve) => (goOn = resolve)) },
      { id: 'burst', title: 'Burst', hint: '', run: () => Promise.reject(new Error('no water')) },
    ],
    state: () => ({ mood: isOn ? 'on' : 'off', text: isOn ? 'runs' : 'stands' }),
  });
  const presses = (name: string) =>
    fetch(`${slack.pageUrl}page/act`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ act: 'machine', machine: 'pump', name }),
    });
  const shown = async () => {
    const { machines } = (await (await fetch(`${slack.pageUrl}page/state`)).json()) as { machines: unknown[] };
    return machines[0];
  };
  expect(await shown()).toEqual({
    name: 'pump',
    about: 'cellar',
    mood: 'off',
    text: 'stands',
    doing: null,
    trouble: null,
    acts: [
      { id: 'ask', title: 'Ask', hint: '', puts: '/pump start' },
      { id: 'start', title: 'Start', hint: '' },
      { id: 'burst', title: 'Burst', hint: '' },
    ],
  });
  const starting = presses('start');
  await waitFor('the machine to be at it', async () => ((await shown()) as { doing: string }).doing === 'start');
  expect(await (await presses('burst')).json()).toEqual({ ok: false, error: 'pump is busy' });
  isOn = true;
  goOn();
  expect((await starting).status).toBe(200);
  expect(await shown()).toMatchObject({ mood: 'on', text: 'runs', doing: null });
  await presses('burst');
  expect(await shown()).toMatchObject({ doing: null, trouble: 'no water' });
  expect(await (await presses('ask')).json()).toEqual({ ok: false, error: 'no machine pump can ask' });
});
