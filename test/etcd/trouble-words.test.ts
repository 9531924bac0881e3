import { describe, expect, test } from '@jest/globals';
import type { ClusterSeen } from '../../src/etcd/cluster.ts';
import { reportHealth } from '../../src/etcd/health.ts';
import { authority, failed, type SeenMember, seenAt, seenCluster, serverCertificate } from '../support/etcd-seen.ts';

const report = (seen: ClusterSeen) => reportHealth(seen, seenAt);
const tls = '--cacert=/etc/quorum/ca.crt --cert=/etc/quorum/client.crt --key=/etc/quorum/client.key';

describe('members with the same trouble are told together', () => {
  const all = (member: SeenMember) => seenCluster({ 'etcd-1': member, 'etcd-2': member, 'etcd-3': member });

  test('three that are unreachable: one finding, and a command for the machine rather than the call that failed', () => {
    const { findings } = report(all({ failure: failed('closed-port', '14 UNAVAILABLE: ECONNREFUSED') }));
    expect(findings.map(({ claim }) => claim)).toEqual([
      "etcd-1 (10.0.0.1:2379), etcd-2 (10.0.0.2:2379) and etcd-3 (10.0.0.3:2379) cannot be reached from here; whether they are down is not known, for no other member's metrics tell.",
    ]);
    expect(findings[0]?.command).toMatch(/^ssh 10\.0\.0\.1 /);
    expect(findings[0]?.evidence).toBe(
      'https://10.0.0.1:2379 after 3 ms: 14 UNAVAILABLE: ECONNREFUSED. https://10.0.0.2:2379 after 3 ms: 14 UNAVAILABLE: ECONNREFUSED. https://10.0.0.3:2379 after 3 ms: 14 UNAVAILABLE: ECONNREFUSED.',
    );
  });

  test('three asked with the wrong scheme: one finding, and a command with the right one', () => {
    const { findings, copy } = report(
      all({ failure: failed('not-tls', 'wrong version number'), probe: { speaks: 'http2', speaksOtherScheme: true } }),
    );
    expect(findings).toHaveLength(1);
    expect(copy).toBe('etcdctl --endpoints=http://10.0.0.1:2379 --command-timeout=5s endpoint status -w table');
  });

  test('those that peers reach and those that they do not are told apart', () => {
    const down = { failure: failed('closed-port', '14 UNAVAILABLE: ECONNREFUSED') };
    const { findings } = report(
      seenCluster({ 'etcd-2': { metrics: { activePeers: { a1: true, a3: false } } }, 'etcd-1': down, 'etcd-3': down }),
    );
    expect(findings.map(({ claim }) => claim)).toEqual([
      'etcd-1 (10.0.0.1:2379) cannot be reached from here, but is up: etcd-2 has a working connection to it.',
      'etcd-3 (10.0.0.3:2379) is down: it cannot be reached from here, and etcd-2 has no connection to it.',
    ]);
  });
});

describe('evidence', () => {
  test('leaves out what only the authors of the gRPC driver can use', () => {
    const said =
      '4 DEADLINE_EXCEEDED: Deadline exceeded after 1.002s,name resolution: 0.041s,metadata filters: 0.001s,Waiting for LB pick';
    const seen = seenCluster({ 'etcd-3': { failure: failed('deadline', said, 4), probe: { reached: 'connected' } } });
    const { findings, data } = report(seen);
    expect(findings[0]?.evidence).toBe(
      'https://10.0.0.3:2379 after 3 ms: 4 DEADLINE_EXCEEDED: Deadline exceeded after 1.002s. A second connection was accepted; then silence.',
    );
    expect((data.members as { errors: string[] }[])[2]?.errors).toEqual([
      '4 DEADLINE_EXCEEDED: Deadline exceeded after 1.002s',
    ]);
  });

  test('names three CAs of a bundle and counts the rest', () => {
    const trustedCas = Array.from({ length: 140 }, (_, index) => ({ ...authority, subject: `CN=ca-${index + 1}` }));
    const probe = { reached: 'handshake' as const, chain: [{ ...serverCertificate, issuer: 'CN=other-ca' }] };
    const failure = failed('server-certificate-untrusted', '14 UNAVAILABLE: unable to verify the first certificate');
    const [finding] = report(seenCluster({ 'etcd-3': { failure, probe } }, { trustedCas })).findings;
    expect(finding?.evidence).toContain('Trusted here: /etc/quorum/ca.crt (CN=ca-1; CN=ca-2; CN=ca-3; and 137 more).');
    expect(finding?.advice).toContain('Put the certificate of CN=other-ca into /etc/quorum/ca.crt');
  });
});

describe('an address that is a peer’s', () => {
  test('with TLS: it agrees on no HTTP/2, and the peer port is named as what it may be', () => {
    const failure = failed('other', '14 UNAVAILABLE: No connection established. Last error: Failed to connect');
    const { cause, findings } = report(
      seenCluster({
        'etcd-3': { failure, probe: { reached: 'handshake', chain: [serverCertificate], lacksHttp2: true } },
      }),
    );
    expect(cause).toBe('not-etcd');
    expect(findings[0]).toMatchObject({
      claim: 'etcd-3 (10.0.0.3:2379) speaks TLS, but no HTTP/2, as every client URL of etcd does: it is not one.',
      advice: expect.stringContaining('its peer port (2380 by default) answers like this'),
      command: 'curl -ski https://10.0.0.3:2379/version',
    });
  });

  test('without TLS an old etcd answers there: that is told, with the client URL', () => {
    const seen = seenCluster();
    const asked = seen.asked.map((one, index) => (index === 0 ? { ...one, endpoint: 'https://10.0.0.1:2380' } : one));
    const { verdict, findings } = report({ ...seen, asked });
    expect(verdict).toBe('findings');
    expect(findings[0]).toMatchObject({
      claim: 'The configured endpoint https://10.0.0.1:2380 is the peer URL of etcd-1, not its client URL.',
      advice: 'Name https://10.0.0.1:2379 in the configuration instead.',
      command: `etcdctl --endpoints=https://10.0.0.1:2379 ${tls} member list -w table`,
    });
  });
});

describe('a client certificate', () => {
  test('of another CA with the same name is not taken for right', () => {
    const failure = failed('client-certificate-refused', '14 UNAVAILABLE: SSL alert number 42');
    const clientCertificate = { ...serverCertificate, isSignedByTrusted: false };
    expect(report(seenCluster({ 'etcd-3': { failure } }, { clientCertificate })).findings[0]?.claim).toBe(
      "etcd-3 refuses the bot's own client certificate: it is signed by another CA of the same name (CN=etcd-ca) as the one in the configured ca file.",
    );
  });

  test('and a server’s that has expired takes no restart: etcd reads the files at each handshake', () => {
    const chain = [{ ...serverCertificate, validTo: '2026-11-01T00:00:00.000Z' }];
    const failure = failed('server-certificate-expired', '14 UNAVAILABLE: certificate has expired');
    const expired = { failure, probe: { reached: 'handshake' as const, chain } };
    expect(report(seenCluster({ 'etcd-3': expired })).findings[0]?.advice).toContain('so no restart is needed');
  });
});

describe('a learner', () => {
  const learner = { isLearner: true };

  test.each([
    ['that its peers refuse is not to be promoted', { a4: false }, 'Do not promote it: etcd-1 has no connection to it'],
    ['that its peers reach may be', { a4: true }, '`/etcd promote etcd-4` when it is meant to vote.'],
    ['of which no metrics tell is not waved through', {}, 'whether its peers are connected to it is not known'],
  ])('%s', (_name, activePeers, advice) => {
    const { findings } = report(seenCluster({ 'etcd-1': { metrics: { activePeers } }, 'etcd-4': learner }));
    const finding = findings.find(({ claim }) => claim.includes('is a learner'));
    expect(finding?.advice).toContain(advice);
    expect(finding?.command).toMatch(/ endpoint status -w table$/);
  });
});

describe('versions', () => {
  const of = (version: string) => ({ status: { version } });

  test('more than one minor apart: the order, for none may be skipped', () => {
    const { findings } = report(seenCluster({ 'etcd-1': of('3.3.9'), 'etcd-2': of('3.5.30'), 'etcd-3': of('3.6.1') }));
    expect(findings[0]?.advice).toBe(
      'etcd supports no skipped minor version: the order is 3.3, then 3.4, then 3.5, then 3.6, each on every member before the next. Take etcd-1 to 3.4 first, and no further member beyond it; do not restart the newest ones meanwhile. Save a snapshot before.',
    );
  });

  test('one minor apart is an upgrade under way', () => {
    const { findings } = report(seenCluster({ 'etcd-1': of('3.4.23') }));
    expect(findings[0]?.advice).toMatch(/^Finish the upgrade, one member at a time/);
  });
});

describe('counters that rise for ever', () => {
  const startedAt = '2026-08-01T00:00:00.000Z';
  const now = { leaderChanges: 40, failedProposals: 900, startedAt };
  /** etcd-1's counters as they were some time before. */
  const since = (seenAtIso: string, before: object): ClusterSeen => {
    const seen = seenCluster({ 'etcd-1': { metrics: now } });
    return {
      ...seen,
      metrics: seen.metrics.map((read) =>
        read.metrics?.memberId === 'a1'
          ? { ...read, earlier: { seenAt: seenAtIso, metrics: { ...read.metrics, ...before } } }
          : read,
      ),
    };
  };

  test('are judged by what they have risen by since an earlier look', () => {
    const { findings } = report(since('2026-11-21T11:55:00.000Z', { leaderChanges: 36, failedProposals: 880 }));
    expect(findings.map(({ claim }) => claim)).toEqual([
      'Leadership is unstable: etcd-1 has seen 4 leader changes in the last 5 min.',
      'Proposals have failed on etcd-1: 20 in the last 5 min.',
    ]);
  });

  test('over months they say little, and one planned move is none', () => {
    expect(report(seenCluster({ 'etcd-1': { metrics: now } })).verdict).toBe('ok');
    expect(report(since('2026-11-21T11:55:00.000Z', { leaderChanges: 39 })).verdict).toBe('ok');
  });

  test('a calm of ten minutes outweighs a troubled start', () => {
    const young = { leaderChanges: 8, startedAt: '2026-11-21T11:00:00.000Z' };
    const seen = seenCluster({ 'etcd-1': { metrics: young } });
    expect(report(seen).findings[0]?.claim).toBe(
      'Leadership is unstable: etcd-1 has seen 8 leader changes since its process started 1 h ago.',
    );
    const calm = seen.metrics.map((read) =>
      read.metrics?.memberId === 'a1'
        ? { ...read, earlier: { seenAt: '2026-11-21T11:45:00.000Z', metrics: read.metrics } }
        : read,
    );
    expect(report({ ...seen, metrics: calm }).verdict).toBe('ok');
  });
});
