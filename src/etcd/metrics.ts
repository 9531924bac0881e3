/** A latency histogram's summary. It counts from the start of the process: an old calm can hide a young trouble. */
export type Latency = { readonly count: number; readonly p99Ms: number | null };

/** What one member's /metrics tells that Status does not. null where this version does not tell. */
export type MemberMetrics = {
  /** Hexadecimal. */
  readonly memberId: string | null;
  readonly hasLeader: boolean | null;
  readonly leaderChanges: number | null;
  readonly failedProposals: number | null;
  readonly pendingProposals: number | null;
  readonly walFsync: Latency | null;
  readonly backendCommit: Latency | null;
  /** By the hexadecimal id of the other member: true when this member has a working connection to it. */
  readonly activePeers: Readonly<Record<string, boolean>>;
  /** By the hexadecimal id of the other member: the mean round trip to it in milliseconds; absent without peers. */
  readonly roundTripMs?: Readonly<Record<string, number>>;
  readonly quotaBytes: number | null;
  /** The revision up to which the history has been compacted; -1 before the first compaction. */
  readonly compactRevision: number | null;
  readonly isDefragmenting: boolean | null;
  /** ISO 8601: the start of the process, and so of every count above. */
  readonly startedAt: string | null;
};

type Sample = { readonly labels: string; readonly value: number };

/**
 * Reads the few families that matter out of Prometheus' text format, without parsing the rest (some 100 KB).
 * @returns null when the text holds no etcd metric at all
 */
export function parseMetrics(text: string): MemberMetrics | null {
  if (!text.includes('etcd_')) return null;
  const one = (name: string) => samplesOf(text, name)[0]?.value ?? null;
  const peers = samplesOf(text, 'etcd_network_active_peers');
  const defragmenting = one('etcd_disk_defrag_inflight');
  const started = one('process_start_time_seconds');
  const hasLeader = one('etcd_server_has_leader');
  const serverId = samplesOf(text, 'etcd_server_id')[0];
  const memberId = label(serverId?.labels ?? '', 'server_id') ?? label(peers[0]?.labels ?? '', 'Local');
  return {
    memberId: memberId ?? null,
    hasLeader: hasLeader === null ? null : hasLeader > 0,
    leaderChanges: one('etcd_server_leader_changes_seen_total'),
    failedProposals: one('etcd_server_proposals_failed_total'),
    pendingProposals: one('etcd_server_proposals_pending'),
    walFsync: latencyOf(text, 'etcd_disk_wal_fsync_duration_seconds'),
    backendCommit: latencyOf(text, 'etcd_disk_backend_commit_duration_seconds'),
    activePeers: Object.fromEntries(
      peers.flatMap((sample) => {
        const remote = label(sample.labels, 'Remote');
        return remote === undefined ? [] : [[remote, sample.value > 0]];
      }),
    ),
    ...roundTripsOf(text),
    quotaBytes: one('etcd_server_quota_backend_bytes') || null,
    compactRevision: one('etcd_debugging_mvcc_compact_revision'),
    isDefragmenting: defragmenting === null ? null : defragmenting > 0,
    startedAt: started === null ? null : new Date(started * 1000).toISOString(),
  };
}

/** The mean since the process started: a member probes each of its peers every 5 seconds. */
function roundTripsOf(text: string): Pick<MemberMetrics, 'roundTripMs'> {
  const family = 'etcd_network_peer_round_trip_time_seconds';
  const counts = samplesOf(text, `${family}_count`);
  const means = samplesOf(text, `${family}_sum`).flatMap(({ labels, value }) => {
    const to = label(labels, 'To');
    const amount = counts.find((sample) => label(sample.labels, 'To') === to)?.value ?? 0;
    return to === undefined || amount === 0 ? [] : [[to, (value / amount) * 1000] as const];
  });
  return means.length === 0 ? {} : { roundTripMs: Object.fromEntries(means) };
}

/** Every sample of one family, found by searching for its name at the start of a line. */
function samplesOf(text: string, name: string): Sample[] {
  const samples: Sample[] = [];
  let at = text.startsWith(name) ? 0 : text.indexOf(`\n${name}`) + 1;
  while (at > 0 || (at === 0 && text.startsWith(name))) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const after = text[at + name.length];
    if (after === '{' || after === ' ') {
      const sample = sampleOf(text.slice(at + name.length, end));
      if (sample !== undefined) samples.push(sample);
    }
    if (newline === -1) break;
    at = text.indexOf(`\n${name}`, end) + 1;
    if (at === 0) break;
  }
  return samples;
}

function sampleOf(rest: string): Sample | undefined {
  const close = rest.startsWith('{') ? rest.lastIndexOf('}') : -1;
  const labels = close === -1 ? '' : rest.slice(1, close);
  const [number] = rest
    .slice(close + 1)
    .trim()
    .split(/\s/);
  const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number);
  return number === undefined || number === '' || Number.isNaN(value) ? undefined : { labels, value };
}

function label(labels: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)\\s*${name}="([^"]*)"`).exec(labels)?.[1];
}

/** The 99th percentile by linear interpolation within its bucket, as Prometheus' histogram_quantile does it. */
function latencyOf(text: string, family: string): Latency | null {
  const buckets = samplesOf(text, `${family}_bucket`)
    .map(({ labels, value }) => ({ upTo: Number((label(labels, 'le') ?? '').replace('+Inf', 'Infinity')), value }))
    .filter((bucket) => !Number.isNaN(bucket.upTo))
    .sort((a, b) => a.upTo - b.upTo);
  const count = buckets.at(-1)?.value;
  if (count === undefined) return null;
  return { count, p99Ms: count === 0 ? null : percentileMs(buckets, count * 0.99) };
}

function percentileMs(buckets: readonly { upTo: number; value: number }[], rank: number): number {
  const index = buckets.findIndex((bucket) => bucket.value >= rank);
  const bucket = buckets[index];
  const before = buckets[index - 1] ?? { upTo: 0, value: 0 };
  if (bucket === undefined) return 0;
  // Beyond the last finite bucket nothing is known but that it was more.
  if (!Number.isFinite(bucket.upTo)) return before.upTo * 1000;
  const share = (rank - before.value) / Math.max(1, bucket.value - before.value);
  return Math.round((before.upTo + (bucket.upTo - before.upTo) * share) * 1e6) / 1000;
}
