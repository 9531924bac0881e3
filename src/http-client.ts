import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { HttpTlsConfig } from './alerts/config.ts';
import type { Door } from './alerts/door-client.ts';
import { Refusal } from './refusal.ts';
import type { SnapshotMetrics } from './snapshot/scheduling.ts';
import { createHttpServer } from './tls-client.ts';
import type { Standing } from './watch/watch-store.ts';

/** What is counted about the bot's own work. Label values are the command names and a few fixed words. */
export type Metrics = {
  request(command: string, outcome: string): void;
  answered(command: string, verdict: string, seconds: number): void;
  /** An answer that could not be shown anywhere. */
  lost(command: string): void;
  readonly snapshots: SnapshotMetrics;
  /** How the watches of this process stand. */
  watches(standings: readonly Standing[]): void;
  /** A request to post alerts was answered; `alerts` counts those that were stored. */
  posted(status: number, alerts: number): void;
};

export type StatusServer = {
  readonly metrics: Metrics;
  /** Where it listens. */
  readonly url: string;
  close(): Promise<void>;
};

/** Each part by name, and whether it can do its work now. */
export type Readiness = () => Promise<Readonly<Record<string, boolean>>>;

export type StatusParts = {
  readonly readiness: Readiness;
  queueCounts(): Promise<Readonly<Record<string, number>>>;
  /** Where alerts are posted; undefined: there is no such place. */
  door?(metrics: Metrics): Door;
  tellFault(error: Error): void;
};

/**
 * `/healthz` (the process runs), `/readyz` (its parts are connected; 503 names those that are not), `/metrics` (Prometheus text), and `/alerts`.
 * @throws Refusal where the port is taken, or the certificates cannot be used
 */
export async function startStatusServer(
  at: { port: number; host: string; tls?: HttpTlsConfig | undefined },
  { readiness, queueCounts, door: makeDoor, tellFault }: StatusParts,
): Promise<StatusServer> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'quorum_requests_total',
    help: 'Requests from Slack, by command and outcome (queued, ok, refused, …)',
    labelNames: ['command', 'outcome'],
    registers: [registry],
  });
  const answers = new Histogram({
    name: 'quorum_answer_seconds',
    help: 'From the request to the answer in the thread',
    labelNames: ['command', 'verdict'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60],
    registers: [registry],
  });
  const lost = new Counter({
    name: 'quorum_answers_lost_total',
    help: 'Answers that could not be shown anywhere in Slack; they are in the log',
    labelNames: ['command'],
    registers: [registry],
  });
  const lastGood = new Map<string, Date>();
  new Gauge({
    name: 'quorum_snapshot_age_seconds',
    help: 'Age of the last good snapshot, by etcd cluster; none where there is no snapshot',
    labelNames: ['cluster'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [cluster, at] of lastGood) this.set({ cluster }, (Date.now() - at.getTime()) / 1000);
    },
  });
  let standings: readonly Standing[] = [];
  new Gauge({
    name: 'quorum_watch_working',
    help: 'Whether the pods of a cluster are watched by this process: 1, or 0 where nothing is seen',
    labelNames: ['cluster', 'namespace'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { cluster, namespace, trouble } of standings)
        this.set({ cluster, namespace: namespace ?? '' }, trouble === null ? 1 : 0);
    },
  });
  const snapshotFailures = new Counter({
    name: 'quorum_snapshot_failures_total',
    help: 'Scheduled snapshots and restore drills that failed, by etcd cluster',
    labelNames: ['cluster', 'what'],
    registers: [registry],
  });
  new Gauge({
    name: 'quorum_queue_tickets',
    help: 'Tickets in the queue, by state',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      // Without Redis there is nothing to say, and the other metrics are wanted all the more.
      const counts = await queueCounts().catch(() => ({}));
      for (const [state, amount] of Object.entries(counts)) this.set({ state }, amount);
    },
  });

  const posts = new Counter({
    name: 'quorum_alert_posts_total',
    help: 'Requests to post alerts, by HTTP status; 0: it broke off',
    labelNames: ['status'],
    registers: [registry],
  });
  const alertsStored = new Counter({
    name: 'quorum_alerts_stored_total',
    help: 'Alerts in those that were stored, repeated ones too',
    registers: [registry],
  });
  const metrics: Metrics = {
    request: (command, outcome) => requests.inc({ command, outcome }),
    answered: (command, verdict, seconds) => answers.observe({ command, verdict }, seconds),
    lost: (command) => lost.inc({ command }),
    watches(now) {
      standings = now;
    },
    snapshots: {
      lastGood(cluster, at) {
        if (at === undefined) lastGood.delete(cluster);
        else lastGood.set(cluster, at);
      },
      failed: (cluster, what) => snapshotFailures.inc({ cluster, what }),
    },
    posted(status, alerts) {
      posts.inc({ status });
      alertsStored.inc(alerts);
    },
  };
  const door = makeDoor?.(metrics);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0];
    if (path === '/healthz') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
    } else if (path === '/readyz') {
      const parts = Object.entries(await readiness());
      const text = parts.map(([name, isReady]) => `${name}: ${isReady ? 'ready' : 'not ready'}\n`).join('');
      response.writeHead(parts.every(([, isReady]) => isReady) ? 200 : 503, { 'content-type': 'text/plain' }).end(text);
    } else if (path === '/metrics') {
      response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
    } else if ((path === '/alerts' || path === '/alerts/') && door !== undefined) {
      await door(request, response);
    } else {
      const places = ['/healthz', '/readyz', ...(door === undefined ? [] : ['/alerts'])];
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`There is ${places.join(', ')} and /metrics.\n`);
    }
  }

  const server = await createHttpServer(
    at.tls,
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        tellFault(error instanceof Error ? error : new Error(String(error)));
        response.destroy();
      });
    },
    tellFault,
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Refusal(
          `The status port ${at.host}:${at.port} cannot be used: ${error.code ?? error.message}.`,
          'Set another one under `http:` in quorum.yaml.',
        ),
      ),
    );
    server.listen(at.port, at.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    metrics,
    url: `${at.tls === undefined ? 'http' : 'https'}://${at.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
