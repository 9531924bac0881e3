import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import pino, { type Logger } from 'pino';
import { commands } from '../commands/index.ts';
import { etcdSnapshotDrill } from '../jobs/etcd/snapshot-drill.ts';
import { groupsIn, rolesWithReasons } from './access.ts';
import { NotStored } from './alerts/door.ts';
import { createDoor } from './alerts/door-client.ts';
import { createBot } from './bot.ts';
import type { ChangeRecord } from './change-record.ts';
import { createChanging } from './changing.ts';
import { type Clusters, connectClusters, loadDrivers } from './clusters-client.ts';
import type { Config } from './config.ts';
import { decide } from './deciding.ts';
import { startStatusServer } from './http-client.ts';
import { defaultTellingTimes, silenceIncident, type TellingTimes, wakeIncident } from './incident/incidents.ts';
import { createIncidenting } from './incidenting.ts';
import type { Clients, Desk } from './job.ts';
import { memoryOf } from './kubernetes/memory-samples.ts';
import { linksFor } from './links.ts';
import { redact } from './redact.ts';
import { connectAlerts } from './redis/alert-client.ts';
import { connectChanges } from './redis/change-client.ts';
import { connectIncidents } from './redis/incident-client.ts';
import { connectKills } from './redis/kill-client.ts';
import { connectPosts } from './redis/post-client.ts';
import {
  connectQueue,
  defaultWorkerTimes,
  type Hold,
  type Run,
  startTicketWorker,
  type TicketWorker,
  type WorkerTimes,
} from './redis/queue-client.ts';
import { connectSamples } from './redis/sample-client.ts';
import { connectSpace } from './redis/space-client.ts';
import { connectWatch } from './redis/watch-client.ts';
import { Refusal } from './refusal.ts';
import { drawChart } from './report/chart-client.ts';
import { createSampling } from './sampling.ts';
import { createAnswer } from './slack/answer.ts';
import type { SlackConnection } from './slack/bolt-client.ts';
import { createDelivery } from './slack/delivery.ts';
import { putNotice } from './slack/notice.ts';
import { SlackFailure } from './slack/web.ts';
import { connectSlackWeb } from './slack/web-client.ts';
import type { SchedulerTimes } from './snapshot/scheduler-client.ts';
import { createSpaceSampling, defaultSpaceEveryMs } from './space-sampling.ts';
import { messageOf } from './thrown.ts';
import { type AskTicket, type Ticket, wakeTicket } from './ticket.ts';
import { watchDesk } from './watch/watch-desk.ts';
import type { Watching } from './watch/watching.ts';
import { aloneHint, carryOut, giveUp, type WorkParts } from './work.ts';

export type Half = 'bot' | 'worker';

/** From SIGTERM to the end at most 10 s: what runs gets this much of it, the rest is for closing. */
const finishWithinMs = 8000;

/** A change whose ticket was lost is woken within this time. */
/** The first look at the space of the clusters. */
const firstSpaceLookMs = 15_000;
const defaultSweepEveryMs = 10_000;

/** The bot, a worker, or both, as they run. */
export type Running = {
  /** Where /healthz, /readyz and /metrics are. */
  readonly statusUrl: string;
  /** http mode: where Slack's requests are taken. */
  slackUrl(): string | undefined;
  /** No new work; what runs is finished or handed back within 10 s. */
  stop(): Promise<'finished' | 'handed back'>;
};

export type StartOptions = {
  readonly log: Logger;
  /** In place of the clusters in the config. */
  readonly clusters?: Clusters;
  readonly workerTimes?: WorkerTimes;
  /** How often changes without a live ticket are looked for; 10 s where not given. */
  readonly sweepEveryMs?: number;
  readonly schedulerTimes?: SchedulerTimes;
  readonly tellingTimes?: TellingTimes;
};

/** Runs until SIGTERM or SIGINT. @throws Refusal where it cannot start */
export async function serve(config: Config, halves: readonly Half[]): Promise<number> {
  const log = pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime });
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  // A stray rejection in a library is a fault in one request: it must not end those of everybody else.
  process.on('unhandledRejection', (error) =>
    log.error({ event: 'fault', id: 'unhandled', error: error instanceof Error ? error.stack : messageOf(error) }),
  );
  const starting = start(config, halves, { log });
  // A signal ends the wait for a Slack or a port that is not there.
  const first = await Promise.race([stopped, starting]);
  if (typeof first === 'string') return 0;
  if (halves.includes('worker'))
    loadDrivers(config).catch((error: unknown) =>
      log.error({ event: 'fault', id: 'drivers', error: messageOf(error) }),
    );
  const signal = await stopped;
  log.info({ event: 'stopping', signal });
  const stoppedAt = performance.now();
  const running = await first.stop();
  log.info({ event: 'stopped', running, tookMs: Math.round(performance.now() - stoppedAt) });
  return 0;
}

/** Starts the halves. @throws Refusal where a port is taken or Slack refuses the token */
export async function start(config: Config, halves: readonly Half[], options: StartOptions): Promise<Running> {
  const { slack, redis } = config;
  const { log, workerTimes = defaultWorkerTimes, sweepEveryMs = defaultSweepEveryMs } = options;
  const { tellingTimes = defaultTellingTimes } = options;
  if (slack === undefined)
    throw new Refusal(
      'The config has no `slack:` section.',
      'Add it; docs/configuration.md has an example. `quorum run` works without Slack.',
    );
  const tellFault = quietly((error) => log.warn({ event: 'connection', error: error.message }));
  const fault = (id: string, error: unknown) =>
    log.error({ event: 'fault', id, error: error instanceof Error ? error.stack : messageOf(error) });
  const now = () => new Date();
  const tell = (event: string, details: Readonly<Record<string, unknown>>) => log.info({ event, ...details });
  const stopping = new AbortController();
  const queue = connectQueue(redis, tellFault);
  const posts = connectPosts(redis, tellFault);
  const kills = connectKills(redis, tellFault);
  const space = connectSpace(redis, tellFault);
  const incidents = connectIncidents(redis, tellFault);
  const watchStore = connectWatch(redis, tellFault);
  const alertStore = connectAlerts(redis, tellFault);
  const changes = connectChanges(redis, tellFault, (entry) => log.info({ event: 'audit', ...entry }));
  const web = connectSlackWeb(slack);
  const samples = connectSamples(redis, tellFault);
  const clusters = options.clusters ?? connectClusters(config);
  const clients: Clients = {
    ...clusters,
    memory: async (name) => memoryOf(async () => await clusters.memory?.(name), samples, name),
  };
  // Anybody who reaches the port can cause these: they must not fill the log.
  const tellRefused = quietly((error) => log.warn({ event: 'alerts refused', why: error.message }));
  let connection: SlackConnection | undefined;
  let worker: TicketWorker | undefined;
  const timers: NodeJS.Timeout[] = [];
  let scheduler: { stop(): Promise<void> } | undefined;
  let watching: Watching | undefined;

  const { alerts } = config;
  const status = await startStatusServer(config.http, {
    readiness: async () => ({
      ...(halves.includes('bot') ? { slack: connection?.isConnected() ?? false } : {}),
      ...(halves.includes('worker') ? { worker: worker !== undefined } : {}),
      redis: await Promise.race([posts.ping().then(yes, no), wait(1000, false, { ref: false })]),
    }),
    queueCounts: () => queue.counts(),
    ...(alerts === undefined
      ? {}
      : {
          door: (metrics) =>
            createDoor(
              { token: alerts.token, takesCertificates: config.http.tls?.clientCa !== undefined },
              {
                addAll: (tickets) =>
                  queue.addAll(tickets).catch((error: unknown) => {
                    tellFault(error instanceof Error ? error : new Error(messageOf(error)));
                    throw new NotStored();
                  }),
                answered(httpStatus, stored, from) {
                  metrics.posted(httpStatus, stored);
                  if (httpStatus !== 200) tellRefused(new Error(`status ${httpStatus} to ${from}`));
                },
                fault,
              },
            ),
        }),
    tellFault,
  });

  async function startBot(): Promise<void> {
    const [{ connectBolt }, identity] = await Promise.all([import('./slack/bolt-client.ts'), whoWeAre()]);
    const incoming = createBot({
      commands,
      config,
      queue,
      reports: posts,
      web,
      changes,
      wake: (record) => queue.add(wakeTicket(record.id, record.wake)),
      silence: (id, how, userId) =>
        silenceIncident(id, how, userId, {
          store: incidents,
          timeZone: config.incidents.timeZone,
          now,
          wake: (incident) => wakeIncident(incident, { add: queue.add, times: tellingTimes, now, log: tell }),
        }),
      now,
      log(event, details) {
        // After the ack: writing the log is not what Slack waits for.
        setImmediate(() => log.info({ event, ...details }));
        if (event !== 'request') return;
        status.metrics.request(knownCommand(String(details.command)), String(details.outcome));
      },
      fault,
    });
    const slackConfig = config.slack;
    if (slackConfig === undefined) return;
    connection = connectBolt(slackConfig, identity, incoming, web, (level, event, details) =>
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
        if (error instanceof SlackFailure && error.kind === 'refused')
          throw new Refusal(
            `Slack refuses the bot token: ${error.message}.`,
            'Set slack.botToken to the Bot User OAuth Token of the app (xoxb-…); `quorum check` tells more.',
          );
        log.warn({
          event: 'slack unreachable',
          error: messageOf(error),
          advice: 'it is tried again; `quorum check` tries every connection',
        });
        await wait(Math.min(500 * 2 ** attempt, 15_000), undefined, { signal: stopping.signal });
      }
    }
  }

  async function startWorker(): Promise<void> {
    const delivery = createDelivery({ web, posts, now, wait: (ms) => wait(ms) });
    const person = (id: string) => web.person(id, groupsIn(config.access), 'fresh');
    const changing = createChanging({
      config,
      commands,
      store: changes,
      queue,
      clients,
      space,
      delivery,
      web,
      person,
      signal: stopping.signal,
      now,
      log: tell,
      fault,
    });
    const incidenting = createIncidenting({
      config,
      commands,
      store: incidents,
      watch: watchStore,
      alerts: alertStore,
      reports: posts,
      delivery,
      web,
      draw: drawChart,
      surroundings: { clients, kills, space, signal: stopping.signal, seenFrom: hostname(), now, fault },
      add: queue.add,
      times: tellingTimes,
      measure: status.metrics.watches,
      now,
      log: tell,
      fault,
    });
    const wake = (record: ChangeRecord, afterMs = 0) => queue.add(wakeTicket(record.id, record.wake), afterMs);
    const deskFor = ({ requester: { userId }, place }: AskTicket): Desk => ({
      requester: userId,
      roles: async () => rolesWithReasons(await person(userId), config.access),
      open: () => changes.open(),
      recent: (limit) => changes.recent(limit),
      cancel: (changeId) =>
        decide({ changeId, kind: 'cancel', userId }, { config, store: changes, person, wake, now, fault }),
      audit: () => changes.audit(),
      watch: watchDesk(config, watchStore, { channelId: place.channelId, userId }, (note) => changes.note(note), now),
    });
    const partsOf = (hold: Hold): WorkParts => ({
      changes: {
        config,
        store: changes,
        persists: () => changes.persists(),
        show: (record) => changing.show(record, hold),
        wake,
      },
      commands,
      clients,
      kills,
      space,
      desk: deskFor,
      reports: {
        saveLine: (id, line) => posts.saveLine(id, line),
        report: (id) => posts.report(id),
        async saveReport(id, report) {
          await hold();
          await posts.saveReport(id, report);
        },
      },
      answer: (ticket) =>
        createAnswer(ticket, {
          web,
          delivery,
          links: (report) => linksFor(report, ticket.cluster, config.links),
          tell: (event, details) => log.warn({ event, ...details }),
          draw: drawChart,
          hold,
          alone: aloneHint(ticket, commands),
          now,
        }),
      signal: stopping.signal,
      seenFrom: hostname(),
      now,
      log(event, details) {
        log.info({ event, ...details });
        if (event !== 'answered') return;
        status.metrics.answered(String(details.command), String(details.verdict), Number(details.sinceAskedMs) / 1000);
      },
      fault,
    });
    const carryOnChange = async (changeId: string): Promise<void> => {
      await changing.carryOn(changeId);
      const record = await changes.read(changeId);
      if (record !== undefined) await incidenting.changed(record);
    };
    const carry = (ticket: Ticket, hold: Hold, run: Run): Promise<void> => {
      if (ticket.kind === 'wake') return carryOnChange(ticket.changeId);
      if (ticket.kind === 'incident') return incidenting.tell(ticket.incidentId);
      if (ticket.kind === 'alerts') return incidenting.takeAlerts(ticket);
      return carryOut(ticket, partsOf(hold), run);
    };
    worker = startTicketWorker(
      redis,
      carry,
      async (ticket, error) => {
        // What was given up is woken by a sweep again.
        if (ticket.kind === 'wake') return fault(ticket.changeId, error);
        if (ticket.kind === 'incident') return fault(ticket.incidentId, error);
        // Alertmanager tells of what is still on again, after its repeat_interval.
        if (ticket.kind === 'alerts') {
          const lost = ticket.alerts.map(({ labels, isOn }) => `${labels.alertname} ${isOn ? 'firing' : 'resolved'}`);
          log.error({ event: 'alerts lost', id: ticket.id, group: redact(ticket.group.key), alerts: lost });
          return fault(ticket.id, error);
        }
        // A ticket that was given up is nobody's: there is nothing to hold.
        await giveUp(
          ticket,
          error,
          partsOf(async () => {}),
        ).catch((last: unknown) => {
          status.metrics.lost(ticket.command);
          log.error({ event: 'answer lost', id: ticket.id, line: redact(ticket.line), error: messageOf(last) });
        });
      },
      (error) => (error instanceof SlackFailure && error.kind === 'rate-limited' ? error.retryAfterMs : undefined),
      tellFault,
      workerTimes,
    );
    for (const sweep of [changing.sweep, incidenting.sweep]) {
      const round = () =>
        sweep().catch((error: unknown) => tellFault(error instanceof Error ? error : new Error(messageOf(error))));
      timers.push(setInterval(round, sweepEveryMs));
      round();
    }
    startSampling();
    watching = incidenting.watch();
    if (Object.values(config.etcd.clusters).some(({ snapshots }) => snapshots !== undefined)) {
      const { startScheduler } = await import('./snapshot/scheduler-client.ts');
      scheduler = startScheduler(
        config,
        {
          clients: clusters,
          now,
          tell: (channelId, key, report) => putNotice(delivery, channelId, key, report),
          drill: (cluster, context) => etcdSnapshotDrill.run({ cluster, snapshot: 'latest' }, context),
          log: (event, details) => log.info({ event, ...details }),
          metrics: status.metrics.snapshots,
        },
        tellFault,
        options.schedulerTimes,
      );
    }
    // Redis may be away when the process starts: /readyz says so, and the worker takes tickets when it comes.
    await Promise.race([worker.ready(), wait(2000, undefined, { ref: false })]);
  }

  function startSampling(): void {
    const sampling = createSampling({
      kubernetes: clusters.kubernetes,
      store: samples,
      tell: (event, details) => log[event === 'memory not sampled' ? 'warn' : 'info']({ event, ...details }),
    });
    for (const [cluster, { sampleNamespaces, sampleEvery }] of Object.entries(config.kubernetes.clusters)) {
      if (sampleNamespaces.length === 0) continue;
      const sampled = { cluster, namespaces: [...new Set(sampleNamespaces)], everyMs: sampleEvery };
      timers.push(setInterval(() => sampling(sampled), sampleEvery));
      sampling(sampled);
    }
    const sampleSpace = createSpaceSampling({
      etcd: clusters.etcd,
      store: space,
      signal: stopping.signal,
      now,
      tell: (event, details) => log[event === 'space not sampled' ? 'warn' : 'info']({ event, ...details }),
    });
    for (const [cluster, { sampleEvery: everyMs = defaultSpaceEveryMs }] of Object.entries(config.etcd.clusters)) {
      timers.push(setInterval(() => sampleSpace({ cluster, everyMs }), everyMs));
      // Not beside the start: a worker that ends soon again has other things to do.
      timers.push(setTimeout(() => sampleSpace({ cluster, everyMs }), Math.min(firstSpaceLookMs, everyMs)));
    }
  }

  async function stop(): Promise<'finished' | 'handed back'> {
    for (const timer of timers) clearInterval(timer);
    const [outcome] = await Promise.all([
      worker?.stop(finishWithinMs) ?? ('finished' as const),
      scheduler?.stop(),
      watching?.stop(),
      connection?.stop().catch((error: unknown) => fault('stop', error)),
    ]);
    stopping.abort();
    await Promise.race([
      Promise.allSettled([
        queue.close(),
        posts.close(),
        kills.close(),
        space.close(),
        incidents.close(),
        watchStore.close(),
        alertStore.close(),
        samples.close(),
        changes.close(),
        clusters.close(),
        status.close(),
      ]),
      wait(1000, undefined, { ref: false }),
    ]);
    return outcome;
  }

  try {
    await Promise.all([
      ...(halves.includes('bot') ? [startBot()] : []),
      ...(halves.includes('worker') ? [startWorker()] : []),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  const slackUrl = connection?.address();
  log.info({
    event: 'ready',
    halves,
    status: status.url,
    ...(slackUrl === undefined ? {} : { slack: slackUrl }),
    sinceProcessStartMs: Math.round(performance.now()),
  });
  return { statusUrl: status.url, slackUrl: () => connection?.address(), stop };

  /** Label values are the names of commands: what people type can be anything. */
  function knownCommand(typed: string): string {
    const prefix = `/${slack?.commandPrefix ?? ''}`;
    const name = typed.startsWith(prefix) ? typed.slice(prefix.length) : typed;
    return commands.some((command) => command.name === name) ? name : 'other';
  }
}

const yes = () => true;
const no = () => false;

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
