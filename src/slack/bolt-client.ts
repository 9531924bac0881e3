import { createServer, type Server } from 'node:http';
import bolt from '@slack/bolt';
import type { Config } from '../config.ts';
import { type FormOrigin, filledIn, formCallback } from './form-view.ts';
import { type Incoming, offeredActions, type SlackRequest, type Where } from './incoming.ts';
import type { Message } from './message.ts';
import type { SlackWeb } from './web.ts';

type SlackConfig = NonNullable<Config['slack']>;

/** The connection to Slack that requests come in by. */
export type SlackConnection = {
  start(): Promise<void>;
  stop(): Promise<void>;
  isConnected(): boolean;
  /** http mode: where it listens. */
  address(): string | undefined;
};

/** Slack repeats what is not acknowledged in 3 s; a timestamp from the future is as forged as a stale one. */
const timestampWindowSeconds = 300;
/** A dropped socket is replaced after this long without an answer to a ping; Bolt's default is 5 s. */
const clientPingTimeoutMs = 2000;
const maxBodyBytes = 1024 * 1024;
/** What is being received when the process stops has this long yet. */
const lastRequestsMs = 1000;

/**
 * Receives slash commands, mentions, direct messages and buttons over Socket Mode or over signed HTTP, and hands them on.
 * @param identity of the bot: whose own messages are not listened to
 */
export function connectBolt(
  slack: SlackConfig,
  identity: { readonly userId: string },
  incoming: Incoming,
  web: SlackWeb,
  log: (level: 'debug' | 'warn' | 'error', event: string, details: Readonly<Record<string, unknown>>) => void,
): SlackConnection {
  const logger = boltLogger(log);
  const receiver =
    slack.mode === 'socket'
      ? new bolt.SocketModeReceiver({
          appToken: slack.appToken ?? '',
          clientPingTimeout: clientPingTimeoutMs,
          // Without it the receiver asks slack.com for its socket, whatever the App is told.
          installerOptions: { clientOptions: { slackApiUrl: slack.apiUrl } },
          logger,
        })
      : new bolt.HTTPReceiver({ signingSecret: slack.signingSecret ?? '', logger, bodyLimit: maxBodyBytes });
  const app = new bolt.App({
    receiver,
    logger,
    // The calls are made by web-client; Bolt only has to know which messages are the bot's own.
    authorize: async () => ({ botToken: slack.botToken, botUserId: identity.userId, botId: identity.userId }),
    clientOptions: { slackApiUrl: slack.apiUrl },
    // Not used, and it would look for what it keeps at each request.
    convoStore: false,
  });

  app.command(/.*/, async ({ command, ack }) => {
    const shown = await incoming.ask({
      line: `${command.command} ${command.text}`,
      userId: command.user_id,
      channelId: command.channel_id,
      responseUrl: command.response_url,
      origin: command.trigger_id,
      triggerId: command.trigger_id,
    });
    // Always a body: an empty one would show nothing, and Slack needs none.
    if (shown === undefined) await ack();
    else await ack({ response_type: 'ephemeral', text: shown.text, blocks: knownBlocks(shown) });
  });

  app.event('app_mention', async ({ event, body }) => {
    const { user } = event;
    if (user === undefined) return;
    await inChannel(
      {
        line: event.text.replace(/^\s*(<@[A-Z0-9]+(\|[^>]*)?>\s*)+/, ''),
        userId: user,
        channelId: event.channel,
        threadTs: event.thread_ts ?? event.ts,
        origin: body.event_id,
      },
      event.thread_ts,
    );
  });

  app.event('message', async ({ event, body }) => {
    if (event.channel_type !== 'im' || event.subtype !== undefined || event.bot_id !== undefined) return;
    await inChannel(
      {
        line: (event.text ?? '').replace(/^\s*<@[A-Z0-9]+>\s*/, ''),
        userId: event.user,
        channelId: event.channel,
        threadTs: event.thread_ts ?? event.ts,
        origin: body.event_id,
      },
      event.thread_ts,
    );
  });

  /** Buttons that ask for something, where they stand. */
  const asking = {
    'run-again': (value: string, where: Where) => incoming.again(value, where),
    'change-undo': (value: string, where: Where) => incoming.undo(value, where),
    'silence-hour': (value: string, where: Where) => incoming.silence(value, 'hour', where),
    'silence-tomorrow': (value: string, where: Where) => incoming.silence(value, 'tomorrow', where),
    ...Object.fromEntries(
      offeredActions.map((which) => [which, (value: string, where: Where) => incoming.offered(which, value, where)]),
    ),
  };
  /** What a button offers under an answer belongs into the thread of that answer. */
  const inThread: readonly string[] = offeredActions;
  for (const [actionId, ask] of Object.entries(asking))
    app.action(actionId, async ({ action, body, ack }) => {
      await ack();
      if (action.type !== 'button' || body.type !== 'block_actions' || body.channel === undefined) return;
      const { message } = body;
      const isRoot = message?.thread_ts === undefined || message.thread_ts === message.ts;
      const threadTs = isRoot ? (inThread.includes(actionId) ? message?.ts : undefined) : message.thread_ts;
      const where = {
        userId: body.user.id,
        channelId: body.channel.id,
        responseUrl: body.response_url,
        origin: body.trigger_id,
        ...(threadTs === undefined ? {} : { threadTs }),
      };
      await whisper(where, await ask(action.value ?? '', where));
    });

  app.action('details', async ({ action, body, ack }) => {
    await ack();
    if (action.type === 'button' && body.type === 'block_actions')
      await incoming.details(action.value ?? '', body.trigger_id, body.user.id);
  });

  for (const kind of ['approve', 'cancel'] as const)
    app.action(`change-${kind}`, async ({ action, body, ack }) => {
      await ack();
      if (action.type !== 'button' || body.type !== 'block_actions') return;
      const shown = await incoming.decide({ changeId: action.value ?? '', kind, userId: body.user.id });
      if (shown === undefined) return;
      const threadTs = body.message?.thread_ts;
      // Beside the button that was pressed, which stands in a thread; a response_url would answer in the channel.
      const beside =
        body.channel === undefined || threadTs === undefined ? undefined : { channelId: body.channel.id, threadTs };
      if (beside === undefined) await web.respond(body.response_url, shown);
      else await web.whisper(beside, body.user.id, shown).catch(() => web.respond(body.response_url, shown));
    });

  app.action('change-deny', async ({ action, body, ack }) => {
    await ack();
    if (action.type === 'button' && body.type === 'block_actions')
      await incoming.askWhy(action.value ?? '', body.trigger_id);
  });

  app.view(formCallback, async ({ view, body, ack }) => {
    const origin: FormOrigin = JSON.parse(view.private_metadata);
    const shown = await incoming.submit(origin, filledIn(view.state.values), body.user.id, view.id);
    const [first] = Object.keys(view.state.values);
    if (shown === undefined || first === undefined) await ack();
    else await ack({ response_action: 'errors', errors: { [first]: shown.text } });
  });

  app.view('change-deny-reason', async ({ view, body, ack }) => {
    const reason = view.state.values.reason?.reason?.value?.trim();
    const shown = await incoming.decide({
      changeId: view.private_metadata,
      kind: 'deny',
      userId: body.user.id,
      ...(reason === undefined || reason === '' ? {} : { reason }),
    });
    if (shown === undefined) await ack();
    else await ack({ response_action: 'errors', errors: { reason: shown.text } });
  });

  // A button with a link opens it by itself; Slack wants its ack all the same.
  app.action(/^link-/, async ({ ack }) => {
    await ack();
  });

  app.error(async (error) => {
    log('error', 'slack listener failed', { error: error.message });
  });

  /**
   * @param begunThread where it was typed, if that is a thread: a whisper in a thread that has not begun is seen by nobody who has not
   * opened it (docs.slack.dev, chat.postEphemeral)
   */
  async function inChannel(request: SlackRequest, begunThread: string | undefined): Promise<void> {
    const shown = await incoming.ask(request);
    const { threadTs: _, ...beside } = request;
    await whisper(begunThread === undefined ? beside : { ...beside, threadTs: begunThread }, shown);
  }

  /** There is no ack to answer in: what only the asker is to see is whispered. */
  async function whisper(where: Where, shown: Message | undefined): Promise<void> {
    if (shown === undefined) return;
    if (where.responseUrl === undefined)
      await web.whisper({ channelId: where.channelId, threadTs: where.threadTs }, where.userId, shown);
    else await web.respond(where.responseUrl, shown);
  }

  let server: Server | undefined;
  let isListening = false;
  return {
    async start() {
      if (receiver instanceof bolt.HTTPReceiver) {
        server = createServer((request, response) => {
          response.once('finish', () => {
            if (response.statusCode === 401) incoming.unsigned(request.socket.remoteAddress ?? 'unknown');
          });
          if (isFromTheFuture(request.headers['x-slack-request-timestamp'])) {
            response.writeHead(401).end();
            return;
          }
          receiver.requestListener(request, response);
        });
        await listening(server, slack.port, slack.host);
        isListening = true;
        return;
      }
      receiver.client.on('connected', () => {
        isListening = true;
      });
      receiver.client.on('disconnected', () => {
        isListening = false;
      });
      receiver.client.on('reconnecting', () => {
        isListening = false;
      });
      await app.start();
      isListening = true;
    },
    async stop() {
      isListening = false;
      if (server === undefined) {
        await app.stop();
        return;
      }
      const closing = server;
      await new Promise<void>((resolve) => {
        closing.close(() => resolve());
        closing.closeIdleConnections();
        // A request that was begun and never ends must not keep the process.
        setTimeout(() => closing.closeAllConnections(), lastRequestsMs).unref();
      });
    },
    isConnected: () => isListening,
    address() {
      const at = server?.address();
      return at === undefined || at === null || typeof at === 'string' ? undefined : `http://${slack.host}:${at.port}`;
    },
  };
}

function isFromTheFuture(timestamp: string | readonly string[] | undefined): boolean {
  const seconds = Number(timestamp);
  return Number.isFinite(seconds) && seconds > Date.now() / 1000 + timestampWindowSeconds;
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Bolt's type of blocks is a closed union; ours are checked by the renderer's own tests. */
function knownBlocks(message: Message): bolt.types.KnownBlock[] {
  return [...message.blocks] as unknown as bolt.types.KnownBlock[];
}

function boltLogger(
  log: (level: 'debug' | 'warn' | 'error', event: string, details: Readonly<Record<string, unknown>>) => void,
) {
  const at =
    (level: 'debug' | 'warn' | 'error') =>
    (...parts: unknown[]) =>
      log(level, 'bolt', {
        message: parts.map((part) => (part instanceof Error ? part.message : String(part))).join(' '),
      });
  return {
    debug() {},
    info: at('debug'),
    warn: at('warn'),
    error: at('error'),
    setLevel() {},
    getLevel: () => bolt.LogLevel.INFO,
    setName() {},
  };
}
