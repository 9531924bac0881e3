import { describe, expect, test } from '@jest/globals';
import type { ClusterSeen } from '../../src/etcd/cluster.ts';
import { reportHealth } from '../../src/etcd/health.ts';
import { failed, seenAt, seenCluster, serverCertificate } from '../support/etcd-seen.ts';

const report = (seen: ClusterSeen) => reportHealth(seen, seenAt);
const late = failed('deadline', '4 DEADLINE_EXCEEDED: Deadline exceeded after 1.001s', 4);
const refusedPort = failed('closed-port', '14 UNAVAILABLE: connect ECONNREFUSED 10.0.0.3:2379');
const hung = { failure: late, probe: { reached: 'connected' as const } };
const noConsensus = { alarms: null, alarmsFailure: late };
const states = ({ sections }: ReturnType<typeof report>) =>
  (sections[0] as { rows: readonly (readonly string[])[] }).rows.map(([name, state]) => `${name}: ${state}`);

describe('a member that only the bot cannot reach', () => {
  const peer = { metrics: { activePeers: { a3: true } } };

  test.each([
    ['no way to it', { failure: late, probe: { reached: 'silent' as const } }],
    ['a closed port', { failure: refusedPort, probe: { reached: 'closed' as const } }],
    [
      'a certificate that is refused here',
      {
        failure: failed('server-certificate-expired', '14 UNAVAILABLE: certificate has expired'),
        probe: {
          reached: 'handshake' as const,
          chain: [{ ...serverCertificate, validTo: '2026-11-01T00:00:00.000Z' }],
        },
      },
    ],
  ])('still counts for the quorum: %s', (_name, third) => {
    const { data, findings } = report(seenCluster({ 'etcd-1': peer, 'etcd-2': peer, 'etcd-3': third }));
    expect(data.quorum).toEqual({ voters: 3, needed: 2, canLose: 1 });
    expect(findings[0]?.impact).toContain(
      'Writes go on: 3 of 3 voters work as seen from here, 2 are needed. 1 more may be lost.',
    );
  });

  test('does not count where the peer that is connected follows no leader itself', () => {
    const seen = seenCluster({
      'etcd-1': { metrics: { activePeers: { a3: true } }, status: { leaderId: null } },
      'etcd-3': { failure: refusedPort },
    });
    expect(report(seen).data.quorum).toEqual({ voters: 3, needed: 2, canLose: 0 });
  });

  test('does not count when it takes connections and is silent: its peers keep theirs for a while', () => {
    expect(report(seenCluster({ 'etcd-1': peer, 'etcd-2': peer, 'etcd-3': hung })).data.quorum).toEqual({
      voters: 3,
      needed: 2,
      canLose: 0,
    });
  });
});

describe('a lost quorum has one arithmetic', () => {
  test('without a leader, those that answer count', () => {
    const down = { failure: refusedPort };
    const lost = report(
      seenCluster({ 'etcd-1': { status: { leaderId: null } }, 'etcd-2': down, 'etcd-3': down }, noConsensus),
    );
    const text = JSON.stringify([lost.findings, lost.sections]);
    expect(text).toContain('3 voters, 2 needed, 1 working: 1 too few, no writes.');
    expect(text).toContain('1 of 3 voters answers as seen from here, 2 are needed, and none knows a leader.');
    expect(text).toContain('Bring back at least 1 more voter');
    expect(text).not.toMatch(/0 of 3|0 working|2 too few|2 more/);
  });

  test('enough that answer, and still no leader, may lose nobody', () => {
    const blind = { status: { leaderId: null } };
    const { data, sections } = report(seenCluster({ 'etcd-1': blind, 'etcd-2': blind, 'etcd-3': blind }, noConsensus));
    expect(data.quorum).toEqual({ voters: 3, needed: 2, canLose: 0 });
    expect(sections[1]).toMatchObject({ text: '3 voters, 2 needed, 3 answer, but without a leader: no writes.' });
  });

  test('one that still believes it leads is not healthy, and hung ones are called hung throughout', () => {
    const lost = report(seenCluster({ 'etcd-1': hung, 'etcd-3': hung }, noConsensus));
    expect(states(lost)).toEqual(['etcd-1: hung', 'etcd-2: leader, no quorum', 'etcd-3: hung']);
    expect(lost.findings.map(({ claim }) => claim)).toEqual([
      'prod has lost its quorum: 1 of 3 voters works, 2 are needed.',
      'etcd-1 (10.0.0.1:2379) and etcd-3 (10.0.0.3:2379) hang: they accept connections but did not answer within 1 s.',
    ]);
    expect(lost.findings[1]?.advice).toContain('there is nothing to wait for: resume or restart one at a time');
  });

  test('nobody is told to remove a member that never started', () => {
    const blind = { status: { leaderId: null } };
    const lost = report(
      seenCluster(
        { 'etcd-1': { failure: refusedPort }, 'etcd-2': blind, 'etcd-3': blind, a4: { neverStarted: true } },
        noConsensus,
      ),
    );
    expect(JSON.stringify(lost)).not.toContain('member remove');
    expect(lost.findings[1]).toMatchObject({
      claim: 'A voting member was added but never started: a4, peer URL https://10.0.0.4:2380.',
      advice: expect.stringContaining('It cannot be removed now: a removal needs the quorum that is lost'),
    });
  });
});

describe('a hung leader that the others still follow', () => {
  test('is named as such, and nobody is told that writes go on', () => {
    const { findings, summary } = report(seenCluster({ 'etcd-2': hung }, noConsensus));
    expect(summary).toBe(
      'prod: 2 of 3 healthy, can lose 0: the leader etcd-2 does not answer, writes hang; etcd-2 hung (no answer in 1 s)',
    );
    expect(findings.map(({ claim, impact }) => [claim, impact])).toEqual([
      [
        'etcd-2, the leader that etcd-1 and etcd-3 still follow, does not answer: the cluster did not agree on anything within 1 s.',
        'Writes and linearizable reads hang until the others elect another leader.',
      ],
      [
        'etcd-2 (10.0.0.2:2379) hangs: it accepts connections but did not answer within 1 s.',
        'It is the leader that etcd-1 and etcd-3 still follow: writes and linearizable reads hang until another one is elected.',
      ],
    ]);
  });

  test('a hung follower while nothing is agreed on does not let writes go on either', () => {
    const { findings } = report(seenCluster({ 'etcd-3': hung }, noConsensus));
    expect(findings.find(({ claim }) => claim.startsWith('etcd-3'))?.impact).toBe(
      '2 of 3 voters work as seen from here, 2 are needed, but the cluster did not agree on anything within 1 s: writes and linearizable reads hang.',
    );
  });
});

describe('what cannot be seen at all', () => {
  test('is unknown, not a finding, for a script must tell it from a sick cluster', () => {
    const untrusted = {
      failure: failed('server-certificate-untrusted', '14 UNAVAILABLE: unable to verify the first certificate'),
      probe: { reached: 'handshake' as const, chain: [serverCertificate] },
    };
    const seen = seenCluster(
      { 'etcd-1': untrusted, 'etcd-2': untrusted, 'etcd-3': untrusted },
      { ...noConsensus, members: null },
    );
    expect(report(seen)).toMatchObject({
      verdict: 'unknown',
      summary: 'prod: no answer from any of 3 endpoints: all with a server certificate of an unknown CA',
    });
  });
});
