import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { readCredentials } from '../../src/etcd/credentials-client.ts';
import { parseMetrics } from '../../src/etcd/metrics.ts';
import { createMetricsReader } from '../../src/etcd/metrics-client.ts';

const text = `# HELP etcd_disk_wal_fsync_duration_seconds The latency distributions of fsync called by WAL.
# TYPE etcd_disk_wal_fsync_duration_seconds histogram
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 0
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 900
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 980
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.008"} 980
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.016"} 1000
etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 1000
etcd_disk_wal_fsync_duration_seconds_sum 1.6
etcd_disk_wal_fsync_duration_seconds_count 1000
etcd_disk_backend_commit_duration_seconds_bucket{le="0.001"} 0
etcd_disk_backend_commit_duration_seconds_bucket{le="8.192"} 90
etcd_disk_backend_commit_duration_seconds_bucket{le="+Inf"} 100
etcd_disk_defrag_inflight 1
etcd_network_active_peers{Local="a1",Remote="a2"} 1
etcd_network_active_peers{Local="a1",Remote="a3"} 0
etcd_network_active_peers_of_another_family{Local="a1",Remote="a9"} 1
etcd_debugging_mvcc_compact_revision 4700
etcd_server_has_leader 1
etcd_server_id{server_id="a1"} 1
etcd_server_leader_changes_seen_total 3
etcd_server_proposals_failed_total 2
etcd_server_proposals_pending 1
etcd_server_quota_backend_bytes 2.147483648e+09
process_start_time_seconds 1.79521e+09`;

describe("a member's metrics", () => {
  test('are read for what Status does not tell', () => {
    expect(parseMetrics(text)).toEqual({
      memberId: 'a1',
      hasLeader: true,
      leaderChanges: 3,
      failedProposals: 2,
      pendingProposals: 1,
      walFsync: { count: 1000, p99Ms: 12 },
      backendCommit: { count: 100, p99Ms: 8192 },
      activePeers: { a2: true, a3: false },
      quotaBytes: 2147483648,
      compactRevision: 4700,
      isDefragmenting: true,
      startedAt: '2026-11-20T21:26:40.000Z',
    });
  });

  test('that lack a family leave it unknown', () => {
    expect(parseMetrics('etcd_server_has_leader 0\n')).toEqual({
      memberId: null,
      hasLeader: false,
      leaderChanges: null,
      failedProposals: null,
      pendingProposals: null,
      walFsync: null,
      backendCommit: null,
      activePeers: {},
      quotaBytes: null,
      compactRevision: null,
      isDefragmenting: null,
      startedAt: null,
    });
  });

  test('of something else are none', () => {
    expect(parseMetrics('go_goroutines 12\nprocess_start_time_seconds 1\n')).toBeNull();
    expect(parseMetrics('<html>hello</html>')).toBeNull();
    expect(parseMetrics('')).toBeNull();
  });

  test('an empty histogram has no percentile', () => {
    const empty = 'etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 0\n';
    expect(parseMetrics(empty)?.walFsync).toEqual({ count: 0, p99Ms: null });
  });

  test('broken lines are passed over', () => {
    expect(
      parseMetrics('etcd_server_has_leader\netcd_server_has_leader nonsense\netcd_server_has_leader 1')?.hasLeader,
    ).toBe(true);
  });
});

describe('a reader of metrics', () => {
  test('gives each reading with an earlier one of the same process, and forgets it when the process is another', async () => {
    let now = text;
    const server = createServer((_request, response) => response.end(now));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const reader = createMetricsReader(await readCredentials(undefined));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const read = async () => await reader.read(url, 1000);
      expect((await read()).earlier).toBeUndefined();
      now = text.replace('changes_seen_total 3', 'changes_seen_total 9');
      const second = await read();
      expect([second.earlier?.metrics.leaderChanges, second.metrics?.leaderChanges]).toEqual([3, 9]);
      expect(Date.now() - Date.parse(second.earlier?.seenAt ?? '')).toBeLessThan(60_000);
      now = text.replace('process_start_time_seconds 1.79521e+09', 'process_start_time_seconds 1.79522e+09');
      expect((await read()).earlier).toBeUndefined();
      expect((await read()).earlier?.metrics.leaderChanges).toBe(3);
    } finally {
      reader.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

test('the round trip to each peer is the mean of what was measured, and one that was never measured has none', () => {
  const text = [
    'etcd_server_has_leader 1',
    'etcd_network_peer_round_trip_time_seconds_bucket{To="a2",le="0.0001"} 0',
    'etcd_network_peer_round_trip_time_seconds_sum{To="a2"} 0.5',
    'etcd_network_peer_round_trip_time_seconds_count{To="a2"} 10',
    'etcd_network_peer_round_trip_time_seconds_sum{To="a3"} 0',
    'etcd_network_peer_round_trip_time_seconds_count{To="a3"} 0',
  ].join('\n');
  expect(parseMetrics(text)?.roundTripMs).toEqual({ a2: 50 });
  expect(parseMetrics('etcd_server_has_leader 1\n')?.roundTripMs).toBeUndefined();
});
