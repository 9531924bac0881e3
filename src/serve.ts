import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import pino from 'pino';
import { commands } from '../commands/index.ts';
import { createBot } from './bot.ts';
import { connectClusters } from './clusters-client.ts';
import type { Config } from './config.ts';
import { startStatusServer } from './http-client.ts';
import { linksFor } from './links.ts';
import { connectPosts } from './redis/post-client.ts';
import { connectQueue, startTicketWorker, type TicketWorker } from './redis/queue-client.ts';
import { Refusal } from './refusal.ts';
import { createAnswer } from './slack/answer.ts';
import type { SlackConnection } from './slack/bolt-client.ts';
import { createDelivery } from './slack/delivery.ts';
import { connectSlackWeb } from './slack/web-client.ts';
import { carryOut, giveUp, type WorkParts } from './work.ts';

export type Half = 'bot' | 'worker';

/** From SIGTERM to the end at most 10 s: what runs gets this much of it, the rest is for closing. */
const finishWithinMs = 8000;

/**
 * Runs the bot, a worker, or both, until SIGTERM or SIGINT.
 * @returns the exit code
 * @throws Refusal where it cannot start
 */
export async function serve(config: Config, halves: readonly Half[]): Promise<number> {
  const { slack, redis } = config;
  if (slack === undefined)
    throw new Refusal(
      'The config has no `slack:` section.',
      'Add it; docs/configuration.md has an example. `quorum run` works without Slack.',
    );
  const log = pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime });
  const tellFault = quietly((error: Error) => log.warn({ event: 'connection', error: error.message }));
  const fault = (id: string, error: unknown) =>
    log.error({ event: 'fault', id, error: error instanceof Error ? error.stack : String(error) });
  const now = () => new Date();
  const stopping = new AbortController();

  const queue = connectQueue(redis, tellFault);
  const posts = connectPosts(redis, tellFault);
  const web = connectSlackWeb(slack);
  const clusters = connectClusters(config);
  let connection: SlackConnection | undefined;
  let worker: TicketWorker | undefined;

  const status = await startStatusServer(
    config.http,
    async () => ({
      ...(halves.includes('bot') ? { slack: connection?.isConnected() ?? false } : {}),
      ...(halves.includes('worker') ? { worker: worker !== undefined } : {}),
      redis: await posts.ping().then(
        () => true,
        () => false,
      ),
    }),
    () => queue.counts(),
  );
  const { metrics } = status;

  async function startBot(): Promise<void> {
    const [{ connectBolt }, identity] = await Promise.all([import('./slack/bolt-client.ts'), whoWeAre()]);
    const incoming = createBot({
      commands,
      config,
      queue,
      reports: posts,
      web,
      now,
      log(event, details) {
        log.info({ event, ...details });
        metrics.request(knownCommand(String(details.command)), String(details.outcome));
      },
      fault,
    });
    connection = connectBolt(slack ?? raise(), identity, incoming, web, (level, event, details) =>
      log[level]({ event, ...details }),
    );
    await connection.start();
  }

  /** Slack may be away when the process starts: then it is asked again, for as long as it takes. A refused token is final. */
  async function whoWeAre() {
    for (let attempt = 0; ; attempt++) {
      try {
        return await web.identity();
      } catch (error) {
        const isFinal = error instanceof Error && 'kind' in error && error.kind === 'refused';
        if (isFinal)
          throw new Refusal(
            `Slack refuses the bot token: ${error.message}.`,
            'Set slack.botToken to the Bot User OAuth Token of the app (xoxb-…); `quorum check` tells more.',
          );
        log.warn({ event: 'slack unreachable', error: String(error) });
        await wait(Math.min(500 * 2 ** attempt, 15_000), undefined, { signal: stopping.signal });
      }
    }
  }

  async function startWorker(): Promise<void> {
    const delivery = createDelivery({ web, posts, now, wait: (ms) => wait(ms) });
    const parts: WorkParts = {
      commands,
      clients: clusters,
      reports: posts,
      answer: (ticket) =>
        createAnswer(ticket, {
          web,
          delivery,
          links: (report) => linksFor(report, ticket.cluster, config.links),
          tell: (event, details) => log.warn({ event, ...details }),
          now,
        }),
      signal: stopping.signal,
      seenFrom: hostname(),
      now,
      log(event, details) {
        log.info({ event, ...details });
        metrics.answered(String(details.command), String(details.verdict), Number(details.sinceAskedMs) / 1000);
      },
      fault,
    };
    worker = startTicketWorker(
      redis,
      (ticket) => carryOut(ticket, parts),
      async (ticket, error) => {
        await giveUp(ticket, error, parts).catch((last: unknown) => {
          metrics.lost(ticket.command);
          log.error({
            event: 'answer lost',
            id: ticket.id,
            command: ticket.command,
            line: ticket.line,
            error: String(last),
          });
        });
      },
      tellFault,
    );
    // Redis may be away when the process starts: /readyz says so, and the worker takes tickets when it comes.
    await Promise.race([worker.ready(), wait(2000, undefined, { ref: false })]);
  }

  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  const starting = Promise.all([
    ...(halves.includes('bot') ? [startBot()] : []),
    ...(halves.includes('worker') ? [startWorker()] : []),
  ]).then(() => {
    log.info({
      event: 'ready',
      halves,
      status: status.url,
      ...(connection?.address() === undefined ? {} : { slack: connection.address() }),
      tookMs: Math.round(performance.now()),
    });
  });

  try {
    const signal = await Promise.race([stopped, starting.then(() => stopped)]);
    log.info({ event: 'stopping', signal });
  } finally {
    const startedStopping = performance.now();
    starting.catch(() => {});
    await connection?.stop().catch((error: unknown) => fault('stop', error));
    const outcome = (await worker?.stop(finishWithinMs)) ?? 'finished';
    stopping.abort();
    await Promise.race([
      Promise.allSettled([queue.close(), posts.close(), clusters.close(), status.close()]),
      wait(1000, undefined, { ref: false }),
    ]);
    log.info({ event: 'stopped', running: outcome, tookMs: Math.round(performance.now() - startedStopping) });
  }
  return 0;

  function knownCommand(name: string): string {
    const bare = name
      .replace(/^\//, '')
      .slice(name.startsWith(`/${slack?.commandPrefix ?? ''}`) ? (slack?.commandPrefix.length ?? 0) : 0);
    return commands.some((command) => command.name === bare) ? bare : 'other';
  }
}

function raise(): never {
  throw new Error('serve() has checked that there is a slack section');
}

/** The same connection error comes many times a second while Redis is away: it is told at most every 10 s. */
function quietly(tell: (error: Error) => void): (error: Error) => void {
  const toldAt = new Map<string, number>();
  return (error) => {
    const at = performance.now();
    if (at - (toldAt.get(error.message) ?? Number.NEGATIVE_INFINITY) < 10_000) return;
    toldAt.set(error.message, at);
    tell(error);
  };
}
