import { z } from 'zod';
import type { AlertsTicket } from './alerts/alert.ts';
import type { AlertStore } from './alerts/alert-store.ts';
import { takeAlerts } from './alerts/taking-alerts.ts';
import type { ChangeRecord } from './change-record.ts';
import type { Command } from './command.ts';
import type { Config } from './config.ts';
import type { Incident } from './incident/incident.ts';
import type { IncidentStore, Subject } from './incident/incident-store.ts';
import { createIncidents, type Incidents, type TellingTimes } from './incident/incidents.ts';
import { defaultRoute, needsWorkload, type Route, routeFor } from './incident/routing.ts';
import { suspicion } from './incident/suspicion.ts';
import { take } from './intake.ts';
import type { KubernetesCluster } from './kubernetes/cluster.ts';
import { offersIn } from './kubernetes/fix-line.ts';
import { parsePodReference, workloadWord } from './kubernetes/pod-reference.ts';
import { createLanes } from './lanes.ts';
import { linksFor } from './links.ts';
import type { Chart } from './report/chart.ts';
import type { Report } from './report/report.ts';
import { runLook, type Surroundings } from './run.ts';
import { quotedWord } from './shell-quoting.ts';
import type { Delivery } from './slack/delivery.ts';
import { showPicture } from './slack/picture.ts';
import type { SlackWeb } from './slack/web.ts';
import { messageOf } from './thrown.ts';
import type { Ticket } from './ticket.ts';
import type { Standing, WatchStore } from './watch/watch-store.ts';
import { watchedClusters } from './watch/watched-clusters.ts';
import type { WatchedEnd } from './watch/watched-pod.ts';
import { routeFactsOf, startWatching, type Watching } from './watch/watching.ts';

export type IncidentingParts = {
  readonly config: Config;
  readonly commands: readonly Command[];
  readonly store: IncidentStore;
  readonly watch: WatchStore;
  readonly alerts: AlertStore;
  readonly reports: {
    saveLine(id: string, line: string): Promise<void>;
    saveReport(id: string, report: Report): Promise<void>;
    report(id: string): Promise<Report | undefined>;
  };
  readonly delivery: Delivery;
  readonly web: SlackWeb;
  /** Draws a picture as PNG. */
  draw(chart: Chart): Promise<Uint8Array>;
  /** What the looks need. */
  readonly surroundings: Surroundings & Required<Pick<Surroundings, 'kills'>>;
  readonly times: TellingTimes;
  measure(standings: readonly Standing[]): void;
  add(ticket: Ticket, afterMs: number): Promise<void>;
  now(): Date;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
  fault(id: string, error: unknown): void;
};

export type Incidenting = Incidents & {
  /** Watches the clusters that the config's rules name. */
  watch(): Watching;
  /** A change of a workload is done: the thread about its deaths says so. */
  changed(record: ChangeRecord): Promise<void>;
  /** Alerts that were posted. @throws where Redis does not answer */
  takeAlerts(ticket: AlertsTicket): Promise<void>;
};

/** What a look calls a death for memory; all others are not what the watch is for. */
const memoryCauses: ReadonlySet<unknown> = new Set([
  'limit',
  'pod-limit',
  'child-process',
  'node-oom',
  'heap',
  'gc-overhead',
  'metaspace',
  'compressed-class-space',
  'direct-memory',
  'native-threads',
  'array-size',
]);

/** The worker's side of incidents: what they need of the config, the clusters and Slack. */
export function createIncidenting(parts: IncidentingParts): Incidenting {
  const { config, commands, store, reports, delivery, web, draw, surroundings, add, now, log, fault } = parts;
  const incidents = createIncidents({
    store,
    delivery,
    times: parts.times,
    burst: { incidents: config.incidents.burst.incidents, within: config.incidents.burst.within },
    resolveAfterMs: config.incidents.resolveAfter,
    async isWatched({ cluster, recent }) {
      // What the config names no more nobody will ever watch.
      if (!watchedClusters(config).some(({ name }) => name === cluster)) return true;
      const namespace = recent.at(-1)?.namespace;
      return (await parts.watch.standings()).some(
        (watch) =>
          watch.cluster === cluster &&
          watch.trouble === null &&
          (watch.namespace === null || watch.namespace === namespace),
      );
    },
    defaultChannelId: defaultRoute(config.watch)?.channelId,
    look: (incident) => lookAt(incident),
    isForMemory: ({ data }) => memoryCauses.has(data.cause),
    async keep({ id, line, source, title, cluster }, report) {
      // Whoever runs it again asks about the workload: by then the pod that died may be replaced.
      const again = source === 'watch' ? ['oom', 'why', title, '--cluster', cluster].map(quotedWord).join(' ') : line;
      await Promise.all([
        reports.saveReport(id, report),
        again === null ? undefined : reports.saveLine(id, `/${again}`),
      ]);
    },
    kept: (id) => reports.report(id),
    links: ({ cluster, links = [] }, report) => [
      ...links,
      ...(report === undefined ? [] : linksFor(report, cluster, config.links)),
    ],
    offers: (_incident, report) => offersIn(report),
    illustrate: (channelId, threadTs, { chart }) =>
      chart === undefined
        ? Promise.resolve()
        : showPicture(chart, { channelId, threadTs }, { web, draw }).catch((error: unknown) =>
            log('picture not shown', { channel: channelId, error: messageOf(error) }),
          ),
    upload: (channelId, threadTs, file) =>
      web
        .upload({ channelId, threadTs }, file)
        .catch((error: unknown) => log('file not uploaded', { channel: channelId, error: messageOf(error) })),
    add,
    now,
    log,
    fault,
  });

  async function lookAt({ id, line, cluster }: Incident): Promise<Report> {
    const taken = await take(`/${line}`, commands, config, {}, now(), async () => {});
    if (taken.kind === 'job') return await runLook(taken.command, taken.input, { ...surroundings, ticketId: id });
    if (taken.kind === 'answered') return taken.report;
    throw new Error(`the incident ${id} of ${cluster} has a line that opens a form`);
  }

  const inGroups = createLanes();
  let choices: ReturnType<WatchStore['choices']> | undefined;

  /** Alerts come by the thousand: what channels have chosen is asked at most once a second for them. */
  function choicesOfThisSecond(): ReturnType<WatchStore['choices']> {
    if (choices === undefined) {
      const forget = () => {
        choices = undefined;
      };
      choices = parts.watch.choices();
      choices.then(() => setTimeout(forget, 1000).unref(), forget);
    }
    return choices;
  }

  return {
    ...incidents,
    async changed(record) {
      const of = mendedBy(record);
      if (of !== undefined) await incidents.mended(of, { at: record.endedAt ?? now().getTime(), by: record.requester });
    },
    takeAlerts: (ticket) =>
      // The tickets of a large group all change one incident.
      inGroups(ticket.group.key, () =>
        takeAlerts(ticket, {
          facts: {
            rules: config.alerts?.rules ?? {},
            clusterLabel: config.alerts?.clusterLabel ?? 'cluster',
            etcd: Object.keys(config.etcd.clusters),
            kubernetes: Object.keys(config.kubernetes.clusters),
          },
          rules: config.watch,
          choices: choicesOfThisSecond,
          store: parts.alerts,
          take: incidents.take,
          now,
          log,
        }),
      ),
    watch: () =>
      startWatching(watchedClusters(config), {
        kubernetes: (name) => surroundings.clients.kubernetes(name),
        hints: surroundings.clients.jvmHints ?? [],
        kills: surroundings.kills,
        store: parts.watch,
        worker: surroundings.seenFrom,
        measure: parts.measure,
        take: (ends) => takeEnds(ends, incidents, parts),
        now,
        log,
      }),
  };
}

/** What a change was to keep from dying; undefined for a change that is not done, or of something else. */
function mendedBy({ job, state, plan }: ChangeRecord): Subject | undefined {
  if (state !== 'done' || (job !== 'oom fix' && job !== 'oom rollback')) return undefined;
  const workload = workloadSchema.safeParse(plan);
  if (!workload.success) return undefined;
  const { cluster, namespace, kind, name } = workload.data;
  return { source: 'watch', cluster, subject: `${namespace}/${workloadWord[kind]}/${name}` };
}

/** What the plans of changes of workloads have in common. */
const workloadSchema = z.object({
  cluster: z.string(),
  kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']),
  namespace: z.string(),
  name: z.string(),
});

async function takeEnds(ends: readonly WatchedEnd[], incidents: Incidents, parts: IncidentingParts): Promise<void> {
  const { store, log, config } = parts;
  const meant: WatchedEnd[] = [];
  for (const end of ends)
    if (!end.isSuspected || !(await store.isDismissed(suspicion(end.occurrence)))) meant.push(end);
  const byKey = new Map(meant.map((end) => [end.occurrence.key, end]));
  const choices = await parts.watch.choices();
  const counts = await incidents.take(
    meant.map(({ occurrence }) => occurrence),
    async ({ key }): Promise<Route | undefined> => {
      const end = byKey.get(key);
      if (end === undefined) return undefined;
      const workload = needsWorkload(config.watch) ? await workloadOf(end, parts) : { labels: {}, annotations: {} };
      return routeFor(routeFactsOf(end, workload), config.watch, choices);
    },
  );
  if (counts.taken + counts.unrouted > 0) log('kills seen', { cluster: ends[0]?.occurrence.cluster, ...counts });
}

/** Labels and annotations of the workload behind an end; none where it cannot be read: then those of the pod decide. */
async function workloadOf({ kill, occurrence }: WatchedEnd, { surroundings, log }: IncidentingParts) {
  const none = { labels: {}, annotations: {} };
  const reference = parsePodReference(kill.workload, kill.namespace);
  if (reference.kind !== 'workload') return none;
  try {
    const cluster: KubernetesCluster = await surroundings.clients.kubernetes(occurrence.cluster);
    return (await cluster.getWorkload(reference.workload, kill.namespace, reference.name))?.metadata ?? none;
  } catch (error) {
    log('workload not read', { subject: occurrence.title, error: messageOf(error) });
    return none;
  }
}
