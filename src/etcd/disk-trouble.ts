import { count, formatDuration, listed } from '../report/text.ts';
import { etcdctl } from './etcdctl.ts';
import type { Latency } from './metrics.ts';
import type { Trouble } from './trouble.ts';
import type { ClusterView, MemberView } from './view.ts';

/** The etcd documentation's advice for disks (Hardware recommendations; FAQ). */
const walFsyncMs = 10;
const backendCommitMs = 25;
/** Below this many samples a 99th percentile is two or three slow starts, not a slow disk. */
const enoughSamples = 200;
const hourMs = 3_600_000;

/** What only metrics tell: disks, elections, proposals. Where nobody's can be read, that is said and nothing guessed. */
export function diskTroubles(view: ClusterView, now: Date): Trouble[] {
  const answering = view.members.filter(({ status }) => status !== null);
  const readable = answering.filter(({ metrics }) => metrics !== null);
  const blind = answering.filter(({ metrics }) => metrics === null);
  return [
    ...readable.flatMap((member) => [
      ...slowDisk(member, now),
      ...unstable(member, view, now),
      ...proposals(member, view, now),
    ]),
    ...(blind.length === 0 ? [] : [unknownDisk(blind, view)]),
  ];
}

/** How long the process runs, and so what its counters are about; '' where it does not tell. */
export function sinceStart({ metrics }: MemberView, now: Date): string {
  if (metrics?.startedAt == null) return 'since its process started';
  return `since its process started ${formatDuration(now.getTime() - new Date(metrics.startedAt).getTime())} ago`;
}

function slowDisk(member: MemberView, now: Date): Trouble[] {
  const { metrics, label } = member;
  const measures: readonly (readonly [string, string, Latency | null, number])[] = [
    ['WAL fsync', 'etcd_disk_wal_fsync_duration_seconds', metrics?.walFsync ?? null, walFsyncMs],
    ['backend commit', 'etcd_disk_backend_commit_duration_seconds', metrics?.backendCommit ?? null, backendCommitMs],
  ];
  const slow = measures.flatMap(([name, family, latency, limitMs]) =>
    latency !== null && latency.p99Ms !== null && latency.count >= enoughSamples && latency.p99Ms > limitMs
      ? [{ name, family, limitMs, p99Ms: latency.p99Ms, count: latency.count }]
      : [],
  );
  if (slow.length === 0) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `The disk of ${label} is slow: ${listed(slow.map(({ name, p99Ms, limitMs }) => `${name} p99 is ${formatDuration(p99Ms)}, advised is under ${limitMs} ms`))}.`,
      evidence: `${slow.map(({ family, p99Ms, count: samples }) => `${family}: p99 ${formatDuration(p99Ms)} over ${samples} samples`).join('; ')}, ${sinceStart(member, now)}: it may be an old trouble, or hide a young one.`,
      impact: 'Every write waits for a majority of such syncs; a disk that stalls costs heartbeats and elections.',
      advice: 'Give etcd a disk of its own (SSD), and look for what else writes there: backups, logs, snapshots.',
      short: `${label}: slow disk (${slow.map(({ name, p99Ms }) => `${name} p99 ${formatDuration(p99Ms)}`).join(', ')})`,
      cause: 'slow-disk',
    },
  ];
}

/** Counters rise for ever; a count becomes a trouble by its rate over the life of the process. */
function perHour(amount: number, member: MemberView, now: Date): number {
  const startedAt = member.metrics?.startedAt;
  const ageMs = startedAt == null ? hourMs : now.getTime() - new Date(startedAt).getTime();
  return amount / Math.max(1, ageMs / hourMs);
}

type Counter = 'leaderChanges' | 'failedProposals';

/** What a counter has risen by since an earlier reading; null where there is none. An average over months hides what began an hour ago. */
function recentRise(counter: Counter, { metrics, earlier }: MemberView, now: Date): Rise | null {
  const before = earlier?.metrics[counter];
  const after = metrics?.[counter];
  if (earlier === null || before == null || after == null || after < before) return null;
  const spanMs = now.getTime() - Date.parse(earlier.seenAt);
  return { amount: after - before, spanMs, during: `in the last ${formatDuration(spanMs)}` };
}

type Rise = { readonly amount: number; readonly spanMs: number; readonly during: string };

/** A calm of this length outweighs what was before. */
const calmMs = 10 * 60_000;

/** The rise that is a trouble: the recent one where it is enough, else that of the whole life unless it has been calm for long. */
function troublingRise(
  counter: Counter,
  member: MemberView,
  now: Date,
  limits: { readonly recent: number; readonly isMuch: (total: number) => boolean },
): { readonly amount: number; readonly during: string } | null {
  const recent = recentRise(counter, member, now);
  if (recent !== null && recent.amount >= limits.recent) return recent;
  if (recent !== null && recent.amount === 0 && recent.spanMs >= calmMs) return null;
  const total = member.metrics?.[counter] ?? 0;
  return limits.isMuch(total) ? { amount: total, during: sinceStart(member, now) } : null;
}

function lookAt(member: MemberView, view: ClusterView): string {
  return etcdctl(view.seen, member.endpoint === null ? [] : [member.endpoint], 'endpoint', 'status', '-w', 'table');
}

function unstable(member: MemberView, view: ClusterView, now: Date): Trouble[] {
  // The first election of a process's life is no trouble, nor are one or two planned moves of the leader.
  const isMuch = (total: number) => total >= 4 && perHour(total, member, now) >= 1;
  const rise = troublingRise('leaderChanges', member, now, { recent: 3, isMuch });
  if (rise === null) return [];
  const changes = count(rise.amount, 'leader change');
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `Leadership is unstable: ${member.label} has seen ${changes} ${rise.during}.`,
      evidence: `etcd_server_leader_changes_seen_total ${member.metrics?.leaderChanges}, ${sinceStart(member, now)}.`,
      impact: 'Each change stops writes for about one election timeout (1 s by default).',
      advice:
        'Look for slow disks and a slow or lossy network between the members before raising the election timeout.',
      command: lookAt(member, view),
      short: `${member.label} saw ${changes}`,
      cause: 'leader-changes',
    },
  ];
}

function proposals(member: MemberView, view: ClusterView, now: Date): Trouble[] {
  const pending = member.metrics?.pendingProposals ?? 0;
  const isMuch = (total: number) => perHour(total, member, now) > 5;
  const rise = troublingRise('failedProposals', member, now, { recent: 5, isMuch });
  if (rise === null && pending <= 5) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim:
        rise === null
          ? `${count(pending, 'proposal')} wait for agreement on ${member.label}.`
          : `Proposals have failed on ${member.label}: ${rise.amount} ${rise.during}.`,
      evidence: `etcd_server_proposals_failed_total ${member.metrics?.failedProposals}, ${sinceStart(member, now)}; etcd_server_proposals_pending ${pending}, now.`,
      impact: 'Writes through this member fail or wait.',
      advice: 'Failures come with elections and a lost quorum; waiting ones with slow disks or too many writes.',
      command: lookAt(member, view),
      short:
        rise === null
          ? `${member.label}: ${count(pending, 'pending proposal')}`
          : `${member.label}: ${count(rise.amount, 'failed proposal')}`,
      cause: 'proposals',
    },
  ];
}

function unknownDisk(blind: readonly MemberView[], { seen, members }: ClusterView): Trouble {
  const isAll = members.every(({ metrics }) => metrics === null);
  const of = isAll ? '' : ` of ${listed(blind.map(({ label }) => label))}`;
  const endpoints = blind.map(({ endpoint }) => endpoint);
  const failures = seen.metrics.filter(
    ({ endpoint, failure }) => failure !== undefined && (endpoint === undefined || endpoints.includes(endpoint)),
  );
  return {
    severity: 'info',
    grade: 'unknown',
    claim: `disk${of}: unknown, for the metrics cannot be read.`,
    evidence:
      failures.length === 0
        ? 'No metrics were found.'
        : failures.map(({ url, failure }) => `${url}: ${failure}`).join('; '),
    impact: 'Slow disks, elections, failed proposals and broken links between members are not seen.',
    advice: `Let the bot read /metrics: on the client URL with its client certificate, or start the members with --listen-metrics-urls and name these under etcd.clusters.${seen.cluster}.metricsUrls.`,
  };
}
