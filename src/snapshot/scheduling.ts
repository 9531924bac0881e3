import type { Config } from '../config.ts';
import { viewCluster } from '../etcd/view.ts';
import type { Context } from '../job.ts';
import type { Due, Schedule, Schedules } from '../redis/schedule-client.ts';
import { Refusal } from '../refusal.ts';
import { type Report, verdictOf } from '../report/report.ts';
import { formatDuration } from '../report/text.ts';
import { messageOf } from '../thrown.ts';
import { type Catalogue, isGood, lastGood, readCatalogue } from './catalogue.ts';
import type { SnapshotsConfig } from './config.ts';
import { lastDue } from './schedule.ts';
import { requireKeeping, takeSnapshot } from './taking.ts';

/** What a schedule does: take a snapshot, or prove that the latest can be restored. */
export type Scheduled = Schedule & {
  readonly cluster: string;
  readonly what: 'snapshot' | 'drill';
  /** Where trouble is told. */
  readonly channelId: string;
};

/** What the scheduling is handed. */
export type SchedulingParts = {
  readonly clients: Context['clients'];
  readonly signal: AbortSignal;
  now(): Date;
  /** Shows a report in a channel, once for each key. @throws where it could not be shown */
  tell(channelId: string, key: string, report: Report): Promise<void>;
  /** Restores the latest and compares. @throws Refusal where it could not; a report of findings where it is not the same */
  drill(cluster: string, context: Context): Promise<Report>;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
  metrics: SnapshotMetrics;
};

export type SnapshotMetrics = {
  /** When the last good snapshot of a cluster was begun; undefined where there is none. */
  lastGood(cluster: string, at: Date | undefined): void;
  failed(cluster: string, what: Scheduled['what']): void;
};

/** Whatever runs that late was missed: the process was down, or Redis away. */
export const lateAfterMs = 10 * 60_000;
/** So often it fails before somebody is told. */
const triesBeforeTelling = 3;

/** The schedules of the config: one for each cluster and kind. */
export function scheduledIn(config: Config): Scheduled[] {
  return Object.entries(config.etcd.clusters).flatMap(([cluster, { snapshots }]) =>
    snapshots === undefined ? [] : schedulesOf(cluster, snapshots),
  );
}

function schedulesOf(cluster: string, { schedule, drill, timeZone, channel }: SnapshotsConfig): Scheduled[] {
  const lines = [['snapshot', schedule] as const, ['drill', drill] as const];
  return lines.flatMap(([what, line]) =>
    line === undefined || channel === undefined
      ? []
      : [{ id: `${what}-${cluster}`, cluster, what, line, timeZone, channelId: channel }],
  );
}

/**
 * Does what is due. What goes well is quiet: a line in the log and the metrics; what was missed or failed is told, once.
 * @throws where it is to be tried again
 */
export async function runDue(scheduled: Scheduled, due: Due, parts: SchedulingParts): Promise<void> {
  const { cluster, what, channelId } = scheduled;
  const key = `${scheduled.id}-${due.dueAt.getTime()}`;
  const beganAt = parts.now();
  const context: Context = { ...parts, now: () => parts.now(), progress() {} };
  let report: Report | undefined;
  try {
    if (what === 'snapshot') await takeSnapshot({ cluster, id: `schedule-${key}`, why: 'schedule' }, context);
    else report = troubleOf(await parts.drill(cluster, context));
  } catch (error) {
    parts.signal.throwIfAborted();
    parts.log('scheduled failed', { cluster, what, due: due.dueAt, attempt: due.attempt, error: messageOf(error) });
    // A drill that is refused will be refused again: no binaries, no snapshot.
    const isFinal = what === 'drill' && error instanceof Refusal;
    if (due.attempt < triesBeforeTelling && !isFinal) throw error;
    parts.metrics.failed(cluster, what);
    await parts.tell(channelId, `${key}-failed`, failedReport(scheduled, due, error, parts.now()));
    return;
  }
  parts.log('scheduled', { cluster, what, due: due.dueAt, tookMs: parts.now().getTime() - beganAt.getTime() });
  if (report !== undefined) {
    parts.metrics.failed(cluster, what);
    await parts.tell(channelId, `${key}-found`, report);
  }
  if (beganAt.getTime() - due.dueAt.getTime() > due.attempt * lateAfterMs)
    await parts.tell(channelId, `${key}-missed`, missedReport(scheduled, due, beganAt));
}

const troubleOf = (report: Report) => (report.verdict === 'ok' ? undefined : report);

/**
 * One round over the schedules: brings Redis in line, finds what was missed where Redis itself forgot it, and tells the metrics how old the snapshots
 * are. What there is, is read from the storages themselves.
 */
export async function checkSchedules(
  config: Config,
  schedules: Pick<Schedules, 'sync' | 'knownSince' | 'isBusy' | 'makeUp'>,
  parts: SchedulingParts,
): Promise<void> {
  await schedules.sync();
  const wanted = scheduledIn(config);
  for (const [cluster, { snapshots }] of Object.entries(config.etcd.clusters)) {
    if (snapshots === undefined) continue;
    try {
      const keeping = requireKeeping(await parts.clients.etcd(cluster));
      const catalogue = await readCatalogue(keeping.storage);
      parts.metrics.lastGood(cluster, await lastGoodAt(cluster, catalogue, parts));
      for (const scheduled of wanted.filter((each) => each.cluster === cluster))
        await makeUpMissed(scheduled, catalogue);
    } catch (error) {
      parts.log('schedule not checked', { cluster, error: messageOf(error) });
    }
  }

  async function makeUpMissed(scheduled: Scheduled, catalogue: Catalogue): Promise<void> {
    const now = parts.now();
    const dueAt = lastDue(scheduled, now);
    if (now.getTime() - dueAt.getTime() <= lateAfterMs || wasDone(scheduled, catalogue, dueAt)) return;
    const since = await schedules.knownSince(scheduled.id);
    // A schedule that is new was due for nobody, unless what it left shows that only Redis is new.
    if ((since === undefined || since > dueAt) && !hasRunBefore(scheduled, catalogue)) return;
    if (await schedules.isBusy(scheduled.id)) return;
    await schedules.makeUp(scheduled.id, dueAt);
  }
}

function wasDone({ what }: Scheduled, { snapshots }: Catalogue, dueAt: Date): boolean {
  const done = snapshots.flatMap(({ startedAt, lastDrill }) =>
    what === 'snapshot' ? [startedAt] : lastDrill === null ? [] : [lastDrill.at],
  );
  // Clocks of two machines differ by some seconds.
  return done.some((at) => Date.parse(at) >= dueAt.getTime() - 60_000);
}

function hasRunBefore({ what }: Scheduled, { snapshots }: Catalogue): boolean {
  return snapshots.some(({ why, lastDrill }) => (what === 'snapshot' ? why === 'schedule' : lastDrill !== null));
}

/** Of the cluster that stands there now; where it does not answer, of any of its name. */
async function lastGoodAt(
  cluster: string,
  catalogue: Catalogue,
  { clients, signal }: Pick<SchedulingParts, 'clients' | 'signal'>,
): Promise<Date | undefined> {
  const { clusterId } = viewCluster(await (await clients.etcd(cluster)).see(signal));
  const last = clusterId === null ? catalogue.snapshots.find(isGood) : lastGood(catalogue, clusterId);
  return last === undefined ? undefined : new Date(last.startedAt);
}

const titles = { snapshot: 'Snapshot', drill: 'Restore drill' };

function failedReport({ cluster, what }: Scheduled, due: Due, error: unknown, now: Date): Report {
  const said = error instanceof Refusal ? error.message : 'a fault in Quorum; the log of the worker has it.';
  return troubleReport(cluster, what, now, {
    summary: `${cluster}: the scheduled ${words[what]} failed: ${said}`,
    claim: `The ${words[what]} that was due failed, ${due.attempt === 1 ? 'and is not tried again' : `${due.attempt} times`}.`,
    evidence: said,
    advice: `${error instanceof Refusal ? `${error.advice} ` : ''}Then: \`/etcd ${what === 'drill' ? 'snapshot drill' : 'snapshot'} --cluster ${cluster}\`.`,
    due,
  });
}

function missedReport({ cluster, what }: Scheduled, due: Due, beganAt: Date): Report {
  const late = formatDuration(beganAt.getTime() - due.dueAt.getTime());
  return troubleReport(cluster, what, beganAt, {
    summary: `${cluster}: the scheduled ${words[what]} was missed and made up for ${late} late`,
    claim: `The ${words[what]} that was due was missed; it was made up for ${late} later.`,
    evidence: '',
    advice: 'At that time no worker of Quorum ran, or its Redis was away: look at when they were restarted.',
    due,
  });
}

const words = { snapshot: 'snapshot', drill: 'restore drill' };

function troubleReport(
  cluster: string,
  what: Scheduled['what'],
  now: Date,
  said: { summary: string; claim: string; evidence: string; advice: string; due: Due },
): Report {
  const { summary, claim, evidence, advice, due } = said;
  const findings = [
    { severity: 'warning', grade: 'fact', claim, evidence, advice, since: due.dueAt.toISOString() } as const,
  ];
  return {
    command: what === 'drill' ? '/etcd snapshot drill' : '/etcd snapshot',
    verdict: verdictOf(findings),
    title: `${titles[what]} of ${cluster}`,
    summary,
    asOf: now.toISOString(),
    findings,
    sections: [],
    data: { cluster, dueAt: due.dueAt.toISOString() },
  };
}
