import { describe, expect, test } from '@jest/globals';
import type { ClusterSeen } from '../../src/etcd/cluster.ts';
import { reportHealth } from '../../src/etcd/health.ts';
import { authority, failed, seenAt, seenCluster, serverCertificate } from '../support/etcd-seen.ts';

const report = (seen: ClusterSeen) => reportHealth(seen, seenAt);
const tls = '--cacert=/etc/quorum/ca.crt --cert=/etc/quorum/client.crt --key=/etc/quorum/client.key';
const refusedPort = failed('closed-port', '14 UNAVAILABLE: connect ECONNREFUSED 10.0.0.3:2379');
const late = failed('deadline', '4 DEADLINE_EXCEEDED: Deadline exceeded after 1.001s', 4);
const noPeer = { metrics: { activePeers: { a3: false } } };
const peer = { metrics: { activePeers: { a3: true } } };

describe('a healthy cluster', () => {
  test('is told in one line', () => {
    const { verdict, summary, findings, title, command } = report(seenCluster());
    expect({ verdict, summary, findings, title, command }).toEqual({
      verdict: 'ok',
      summary: 'prod: 3 of 3 healthy, can lose 1, leader etcd-2, 1.2 GiB of 8 GiB',
      findings: [],
      title: 'etcd prod',
      command: '/etcd health',
    });
  });

  test('gives scripts every figure', () => {
    const { data } = report(seenCluster());
    expect(data).toMatchObject({ clusterId: 'c1', quorum: { voters: 3, needed: 2, canLose: 1 } });
    expect((data.members as unknown[])[1]).toEqual({
      id: 'a2',
      name: 'etcd-2',
      endpoint: 'https://10.0.0.2:2379',
      started: true,
      reachable: true,
      healthy: true,
      isLeader: true,
      isLearner: false,
      version: '3.5.30',
      dbSizeBytes: 1288490189,
      dbSizeInUseBytes: 1200000000,
      quotaBytes: 8589934592,
      raftTerm: 7,
      raftIndex: 5000,
      raftLag: 0,
      alarms: [],
      tookMs: 3,
      errors: [],
    });
  });

  test('says when the quota is only assumed, and gives scripts none', () => {
    const untold = { status: { quotaBytes: null } };
    const { summary, data } = report(seenCluster({ 'etcd-1': untold, 'etcd-2': untold, 'etcd-3': untold }));
    expect(summary).toBe('prod: 3 of 3 healthy, can lose 1, leader etcd-2, 1.2 GiB of 2 GiB (assumed)');
    expect(data.members).toMatchObject([{ quotaBytes: null }, { quotaBytes: null }, { quotaBytes: null }]);
  });

  test('takes the quota from the metrics or the configuration where the status does not tell', () => {
    const untold = { status: { quotaBytes: null } };
    const told = { status: { quotaBytes: null }, metrics: { quotaBytes: 4294967296 } };
    const seen = seenCluster(
      { 'etcd-1': untold, 'etcd-2': told, 'etcd-3': untold },
      { configuredQuotaBytes: 8589934592 },
    );
    expect(report(seen).data.members).toMatchObject([
      { quotaBytes: 8589934592 },
      { quotaBytes: 4294967296 },
      { quotaBytes: 8589934592 },
    ]);
  });

  test('stays ok without readable metrics, with the way to give access', () => {
    const blind = { metrics: 'unreadable' as const };
    const { verdict, findings } = report(seenCluster({ 'etcd-1': blind, 'etcd-2': blind, 'etcd-3': blind }));
    expect(verdict).toBe('ok');
    expect(findings).toMatchObject([
      {
        severity: 'info',
        grade: 'unknown',
        claim: 'disk: unknown, for the metrics cannot be read.',
        evidence:
          'https://10.0.0.1:2379/metrics: HTTP 404; https://10.0.0.2:2379/metrics: HTTP 404; https://10.0.0.3:2379/metrics: HTTP 404',
      },
    ]);
    expect(findings[0]?.advice).toContain('etcd.clusters.prod.metricsUrls');
  });
});

const troubles: readonly (readonly [string, ClusterSeen, string, string])[] = [
  [
    'a hung member',
    seenCluster({ 'etcd-3': { failure: late, probe: { reached: 'connected' } } }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 hung (no answer in 1 s)',
    'hung',
  ],
  [
    'a member that is down as the others see it',
    seenCluster({
      'etcd-1': noPeer,
      'etcd-2': noPeer,
      'etcd-3': { failure: refusedPort, probe: { reached: 'closed' } },
    }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 down (port closed)',
    'down',
  ],
  [
    'a member that only the bot cannot reach',
    seenCluster({ 'etcd-1': peer, 'etcd-2': peer, 'etcd-3': { failure: late, probe: { reached: 'silent' } } }),
    'prod: 2 of 3 healthy, can lose 1: etcd-3 unreachable from here (no answer to the connection), but connected to its peers',
    'unreachable-from-here',
  ],
  [
    'a member of which nothing more can be seen',
    seenCluster({ 'etcd-3': { failure: refusedPort } }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 unreachable from here (port closed)',
    'unreachable',
  ],
  [
    'a member that is defragmenting',
    seenCluster(
      { 'etcd-3': { failure: late, probe: { reached: 'handshake', speaks: 'http2' } } },
      {
        metrics: [
          ...seenCluster().metrics.map((read) =>
            read.metrics?.memberId === 'a3' ? { ...read, metrics: { ...read.metrics, isDefragmenting: true } } : read,
          ),
        ],
      },
    ),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 defragmenting',
    'defragmenting',
  ],
  [
    'an expired server certificate',
    seenCluster({
      'etcd-3': {
        failure: failed('server-certificate-expired', '14 UNAVAILABLE: certificate has expired'),
        probe: { reached: 'handshake', chain: [{ ...serverCertificate, validTo: '2026-11-01T00:00:00.000Z' }] },
      },
    }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 with a server certificate that expired 2026-11-01',
    'server-certificate-expired',
  ],
  [
    'a server certificate without the address',
    seenCluster({
      'etcd-3': {
        failure: failed('server-certificate-name', "14 UNAVAILABLE: does not match certificate's altnames"),
        probe: { reached: 'handshake', chain: [{ ...serverCertificate, names: ['10.0.0.1', '10.0.0.2'] }] },
      },
    }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 with a server certificate that lacks 10.0.0.3',
    'server-certificate-name',
  ],
  [
    'a server certificate of another CA',
    seenCluster({
      'etcd-3': {
        failure: failed('server-certificate-untrusted', '14 UNAVAILABLE: unable to verify the first certificate'),
        probe: { reached: 'handshake', chain: [{ ...serverCertificate, issuer: 'CN=other-ca' }] },
      },
    }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 with a server certificate of an unknown CA',
    'server-certificate-untrusted',
  ],
  [
    'an endpoint that is a web server',
    seenCluster({
      'etcd-3': {
        failure: failed('not-etcd', '14 UNAVAILABLE: Protocol error'),
        probe: { speaks: 'http1', said: 'HTTP/1.1 400 Bad Request' },
      },
    }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 not etcd',
    'not-etcd',
  ],
  [
    'an endpoint without TLS that is asked with https',
    seenCluster({
      'etcd-3': {
        failure: failed('not-tls', '14 UNAVAILABLE: wrong version number'),
        probe: { speaks: 'http2', speaksOtherScheme: true },
      },
    }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 without TLS, asked with https',
    'wrong-scheme',
  ],
  [
    'a NOSPACE alarm',
    seenCluster({}, { alarms: [{ memberId: 'a1', kind: 'NOSPACE' }] }),
    'prod: 0 of 3 healthy, can lose 1: no space, reads and deletes only (NOSPACE on etcd-1)',
    'nospace',
  ],
  [
    'NOSPACE alarms on all members',
    seenCluster({}, { alarms: ['a1', 'a2', 'a3'].map((memberId) => ({ memberId, kind: 'NOSPACE' as const })) }),
    'prod: 0 of 3 healthy, can lose 1: no space, reads and deletes only (NOSPACE on all members)',
    'nospace',
  ],
  [
    'a CORRUPT alarm',
    seenCluster({}, { alarms: [{ memberId: 'a3', kind: 'CORRUPT' }] }),
    'prod: 2 of 3 healthy, can lose 1: CORRUPT alarm on etcd-3',
    'corrupt',
  ],
  [
    'no leader anywhere',
    seenCluster(
      {
        'etcd-1': { status: { leaderId: null, errors: ['etcdserver: no leader'] } },
        'etcd-2': { failure: refusedPort },
        'etcd-3': { failure: refusedPort },
      },
      { alarms: null, alarmsFailure: late },
    ),
    'prod: 0 of 3 healthy, can lose 0: no leader, no writes; etcd-2 and etcd-3 unreachable from here (port closed)',
    'no-leader',
  ],
  [
    'a quorum that was just lost',
    seenCluster(
      { 'etcd-1': { failure: refusedPort }, 'etcd-3': { failure: refusedPort } },
      { alarms: null, alarmsFailure: late },
    ),
    'prod: 0 of 3 healthy, can lose 0: quorum lost, no writes; etcd-1 and etcd-3 unreachable from here (port closed)',
    'no-quorum',
  ],
  [
    'leaders that disagree',
    seenCluster({ 'etcd-3': { status: { leaderId: 'a1', raftTerm: 6 } } }),
    'prod: 3 of 3 healthy, can lose 1: leaders disagree',
    'leaders-disagree',
  ],
  [
    'one member without a leader',
    seenCluster({ 'etcd-3': { status: { leaderId: null, errors: ['etcdserver: no leader'] } } }),
    'prod: 2 of 3 healthy, can lose 0: etcd-3 without a leader',
    'leaders-disagree',
  ],
  [
    'consensus that does not answer',
    seenCluster({}, { alarms: null, alarmsFailure: late }),
    'prod: 3 of 3 healthy, can lose 1: consensus does not answer',
    'no-consensus',
  ],
  [
    'a member that never started',
    seenCluster({ a4: { neverStarted: true } }),
    'prod: 3 of 4 healthy, can lose 0: a4 never started',
    'never-started',
  ],
  [
    'versions of different minors',
    seenCluster({ 'etcd-3': { status: { version: '3.6.4' } } }),
    'prod: 3 of 3 healthy, can lose 1: versions differ (3.5.30, 3.6.4)',
    'version-skew',
  ],
  [
    'a database near its quota',
    seenCluster({ 'etcd-3': { status: { dbSizeBytes: 7730941132, dbSizeInUseBytes: 7730941132 } } }),
    'prod: 3 of 3 healthy, can lose 1: etcd-3 at 89% of the quota',
    'near-quota',
  ],
  [
    'quotas that differ',
    seenCluster({ 'etcd-3': { status: { quotaBytes: 4294967296 } } }),
    'prod: 3 of 3 healthy, can lose 1: quotas differ',
    'quota-skew',
  ],
  [
    'a member that lags',
    seenCluster({ 'etcd-3': { status: { raftIndex: 1000, raftAppliedIndex: 1000 } } }),
    'prod: 3 of 3 healthy, can lose 1: etcd-3 lags by 4000 entries',
    'raft-lag',
  ],
  [
    'a slow disk',
    seenCluster({ 'etcd-1': { metrics: { walFsync: { count: 5000, p99Ms: 34 } } } }),
    'prod: 3 of 3 healthy, can lose 1: etcd-1: slow disk (WAL fsync p99 34 ms)',
    'slow-disk',
  ],
  [
    'many leader changes',
    seenCluster({ 'etcd-1': { metrics: { leaderChanges: 60 } } }),
    'prod: 3 of 3 healthy, can lose 1: etcd-1 saw 60 leader changes',
    'leader-changes',
  ],
  [
    'pending proposals',
    seenCluster({ 'etcd-2': { metrics: { pendingProposals: 12 } } }),
    'prod: 3 of 3 healthy, can lose 1: etcd-2: 12 pending proposals',
    'proposals',
  ],
  [
    'a member that answers while its peers refuse it',
    seenCluster({ 'etcd-1': noPeer, 'etcd-2': noPeer }),
    'prod: 3 of 3 healthy, can lose 1: etcd-3 not connected from etcd-1 and etcd-2',
    'peer-link',
  ],
  [
    'an endpoint of another cluster',
    seenCluster(
      {},
      {
        asked: [
          ...seenCluster().asked,
          {
            endpoint: 'https://10.9.9.9:2379',
            isConfigured: true,
            tookMs: 2,
            status: {
              ...(seenCluster().asked[0]?.status as NonNullable<ClusterSeen['asked'][0]['status']>),
              memberId: 'ff',
              clusterId: 'c9',
            },
          },
        ],
      },
    ),
    'prod: 3 of 3 healthy, can lose 1: 10.9.9.9:2379 is another cluster',
    'foreign-endpoint',
  ],
  [
    'a certificate of the bot that ends soon',
    seenCluster(
      {},
      { clientCertificate: { ...serverCertificate, subject: 'CN=quorum', validTo: '2026-11-26T12:00:00.000Z' } },
    ),
    "prod: 3 of 3 healthy, can lose 1: the bot's certificate ends in 5 d",
    'client-certificate-expiry',
  ],
  [
    'credential files that broke on disk',
    seenCluster({}, { staleCredentials: 'The key file /etc/quorum/client.key is missing.' }),
    "prod: 3 of 3 healthy, can lose 1: the bot's credential files are broken",
    'credentials',
  ],
];

describe('a trouble is told in the verdict', () => {
  test.each(troubles)('%s', (_name, seen, summary, cause) => {
    expect(report(seen)).toMatchObject({ verdict: 'findings', summary, cause });
  });

  test.each(troubles)('and %s with evidence, impact, and what to do', (_name, seen) => {
    for (const finding of report(seen).findings) {
      expect(finding.claim).toMatch(/\.$/);
      expect(finding.evidence.length).toBeGreaterThan(3);
      expect(finding.impact?.length).toBeGreaterThan(3);
      expect(finding.advice.length).toBeGreaterThan(10);
    }
  });
});

describe('a trouble in full', () => {
  test('a hung member: what it said, what it means, and one command', () => {
    const seen = seenCluster({
      'etcd-3': { failure: late, probe: { reached: 'connected' }, failingSince: '2026-11-21T11:58:00.000Z' },
    });
    expect(report(seen).findings).toEqual([
      {
        severity: 'warning',
        grade: 'fact',
        claim: 'etcd-3 (10.0.0.3:2379) hangs: it accepts connections but did not answer within 1 s.',
        evidence:
          'https://10.0.0.3:2379 after 3 ms: 4 DEADLINE_EXCEEDED: Deadline exceeded after 1.001s. A second connection was accepted; then silence.',
        impact:
          'Writes go on: 2 of 3 voters work as seen from here, 2 are needed. The loss of one more voter stops all writes.',
        advice:
          'The process is stopped or starved: look at the state of the process, the CPU and the disk of that machine. Restart only this member, and only while the others are healthy.',
        since: '2026-11-21T11:58:00.000Z',
        command: "ssh 10.0.0.3 'ps -C etcd -o pid,stat,etime,args; journalctl -u etcd -n 30 --no-pager'",
      },
    ]);
  });

  test('no leader is critical, and nobody is told to remove a member', () => {
    const down = { failure: refusedPort };
    const { findings } = report(
      seenCluster(
        { 'etcd-1': { status: { leaderId: null } }, 'etcd-2': down, 'etcd-3': down },
        { alarms: null, alarmsFailure: late },
      ),
    );
    expect(findings[0]).toMatchObject({
      severity: 'critical',
      claim: 'prod has no leader: the one member that answers knows none.',
      evidence: 'etcd-1: no leader, term 7. 3 voters, 2 needed, 1 working: 1 too few, no writes.',
      impact: 'No writes and no linearizable reads until a leader is elected.',
      advice:
        'Bring back at least 1 more voter: start the members that are down on their own data directories. Do not remove any now: that needs a quorum too.',
    });
  });

  test('NOSPACE is seen in the members’ own words when the alarm list cannot be had', () => {
    const errors = ['memberID:161 alarm:NOSPACE'];
    const told = { status: { errors } };
    const seen = seenCluster({ 'etcd-1': told, 'etcd-2': told, 'etcd-3': told }, { alarms: null, alarmsFailure: late });
    const { findings, data } = report(seen);
    expect(data.members).toMatchObject([{ alarms: ['NOSPACE'] }, { alarms: [] }, { alarms: [] }]);
    expect(findings.map(({ claim }) => claim)).toContain(
      'NOSPACE alarm on etcd-1: the database has reached its quota.',
    );
  });

  test('a member that never started: the arithmetic, and a command that only reads', () => {
    expect(report(seenCluster({ a4: { neverStarted: true } })).findings[0]).toMatchObject({
      severity: 'critical',
      claim: 'A voting member was added but never started: a4, peer URL https://10.0.0.4:2380.',
      impact:
        'It counts as a lost voter: 4 voters need 3, without it 3 would need 2. Writes go on: 3 of 4 voters work as seen from here, 3 are needed. The loss of one more voter stops all writes.',
      command: `etcdctl --endpoints=https://10.0.0.1:2379,https://10.0.0.2:2379,https://10.0.0.3:2379 ${tls} member list -w table`,
      advice: expect.stringContaining('take it out with `/etcd remove a4`, which checks first.'),
    });
  });

  test('a learner is a remark: it does not vote', () => {
    const { verdict, summary, findings } = report(seenCluster({ 'etcd-4': { isLearner: true } }));
    expect(verdict).toBe('ok');
    expect(summary).toBe('prod: 3 of 3 healthy, can lose 1, leader etcd-2, 1.2 GiB of 8 GiB, 1 learner');
    expect(findings).toMatchObject([
      { severity: 'info', claim: 'etcd-4 is a learner: it receives everything and does not vote.' },
    ]);
  });

  test('a learner that is down costs no quorum', () => {
    const { findings } = report(seenCluster({ 'etcd-4': { isLearner: true, failure: refusedPort } }));
    expect(findings[0]).toMatchObject({
      severity: 'warning',
      impact: 'None for quorum and writes: a learner does not vote.',
    });
  });

  test('a member whose client URL leads to another one is not taken for asked', () => {
    const healthy = seenCluster();
    const lost = healthy.members?.map((member) =>
      member.id === 'a3' ? { ...member, clientUrls: ['https://10.0.0.1:2379'] } : member,
    );
    const seen = { ...healthy, members: lost ?? null, asked: healthy.asked.slice(0, 2) };
    const { verdict, summary, findings } = report(seen);
    expect({ verdict, summary }).toEqual({
      verdict: 'unknown',
      summary: 'prod: 2 of 3 healthy, can lose 0: etcd-3 could not be asked',
    });
    expect(findings[0]?.evidence).toBe('https://10.0.0.1:2379 is answered by etcd-1.');
  });

  test('patch versions that differ are a remark', () => {
    const { verdict, findings } = report(seenCluster({ 'etcd-3': { status: { version: '3.5.16' } } }));
    expect(verdict).toBe('ok');
    expect(findings[0]).toMatchObject({
      severity: 'info',
      claim: 'The members run different versions: 3.5.16 and 3.5.30.',
    });
  });

  test("a server certificate's names are listed", () => {
    const probe = {
      reached: 'handshake' as const,
      chain: [{ ...serverCertificate, names: ['10.0.0.1', 'etcd-1.example'] }],
    };
    const failure = failed('server-certificate-name', '14 UNAVAILABLE: does not match certificate');
    expect(report(seenCluster({ 'etcd-3': { failure, probe } })).findings[0]).toMatchObject({
      claim: 'The server certificate of etcd-3 does not hold 10.0.0.3, where it is asked.',
      evidence:
        'https://10.0.0.3:2379 after 3 ms: 14 UNAVAILABLE: does not match certificate. A second connection finished its TLS handshake; then silence. Certificate of CN=etcd-3, issued by CN=etcd-ca, valid 2020-01-01 to 2027-01-01. Its names: 10.0.0.1, etcd-1.example.',
      command:
        'openssl s_client -connect 10.0.0.3:2379 </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName',
    });
  });

  test('an expired server certificate tells since when', () => {
    const chain = [{ ...serverCertificate, validTo: '2026-11-01T00:00:00.000Z' }];
    const failure = failed('server-certificate-expired', '14 UNAVAILABLE: certificate has expired');
    expect(
      report(seenCluster({ 'etcd-3': { failure, probe: { reached: 'handshake', chain } } })).findings[0],
    ).toMatchObject({
      claim: 'The server certificate of etcd-3 expired on 2026-11-01.',
      since: '2026-11-01T00:00:00.000Z',
    });
  });

  test('one finding for all members that refuse the bot’s certificate, and why, though the alert does not say', () => {
    const alert = { failure: failed('client-certificate-refused', '14 UNAVAILABLE: SSL alert number 42') };
    const seen = seenCluster(
      { 'etcd-1': alert, 'etcd-2': alert, 'etcd-3': alert },
      {
        members: null,
        alarms: null,
        clientCertificate: { ...serverCertificate, subject: 'CN=quorum', validTo: '2026-11-20T00:00:00.000Z' },
      },
    );
    const { summary, findings, data } = report(seen);
    expect(summary).toBe(
      "prod: no answer from any of 3 endpoints: all refusing the bot's certificate: it expired on 2026-11-20",
    );
    expect(findings.map(({ severity, claim }) => [severity, claim])).toEqual([
      ['critical', "all 3 endpoints refuse the bot's own client certificate: it expired on 2026-11-20."],
      ['critical', 'Whether prod works is not known: nobody there answers the bot.'],
    ]);
    expect(findings[0]?.since).toBe('2026-11-20T00:00:00.000Z');
    expect(data.quorum).toEqual({ voters: 0, needed: 0, canLose: 0 });
  });

  test.each([
    ['no certificate', null, 'etcd-3 wants a client certificate, and none is configured.'],
    [
      'a certificate of another CA',
      { ...serverCertificate, issuer: 'CN=other-ca' },
      "etcd-3 refuses the bot's own client certificate: its issuer (CN=other-ca) is none of the CAs in the configured ca file.",
    ],
    [
      'a server-only certificate',
      { ...serverCertificate, canBeClient: false },
      "etcd-3 refuses the bot's own client certificate: its extended key usage lacks clientAuth.",
    ],
    [
      'a certificate that looks right',
      serverCertificate,
      "etcd-3 refuses the bot's own client certificate, which looks right from here.",
    ],
  ])('a refused client certificate is explained from %s', (_name, clientCertificate, claim) => {
    const failure = failed('client-certificate-refused', '14 UNAVAILABLE: SSL alert number 42');
    expect(
      report(seenCluster({ 'etcd-3': { failure } }, { clientCertificate, trustedCas: [authority] })).findings[0]?.claim,
    ).toBe(claim);
  });

  test('authentication that is required is told once', () => {
    const failure = failed('auth-required', '9 FAILED_PRECONDITION: etcdserver: user name not found', 9);
    const { findings } = report(seenCluster({ 'etcd-1': { failure }, 'etcd-2': { failure }, 'etcd-3': { failure } }));
    expect(findings.filter(({ claim }) => claim.includes('password')).map(({ claim }) => claim)).toEqual([
      'all 3 members want a user and a password, and none is configured.',
    ]);
  });

  test('a whole cluster that was known before keeps its names', () => {
    const down = { failure: refusedPort };
    const seen = seenCluster({ 'etcd-1': down, 'etcd-2': down, 'etcd-3': down });
    const { verdict, summary, data } = report({ ...seen, members: null, lastMembers: seen.members, alarms: null });
    expect({ verdict, summary }).toEqual({
      verdict: 'unknown',
      summary: 'prod: no answer from any of 3 endpoints: all unreachable from here (port closed)',
    });
    expect(data.members).toMatchObject([{ name: 'etcd-1' }, { name: 'etcd-2' }, { name: 'etcd-3' }]);
  });
});

describe('judgement', () => {
  test('few samples make no slow disk', () => {
    const { verdict } = report(seenCluster({ 'etcd-1': { metrics: { walFsync: { count: 50, p99Ms: 90 } } } }));
    expect(verdict).toBe('ok');
  });

  test('a member that has just started need not be connected yet', () => {
    const young = { metrics: { startedAt: '2026-11-21T11:59:55.000Z' } };
    const { verdict, findings } = report(seenCluster({ 'etcd-1': noPeer, 'etcd-2': noPeer, 'etcd-3': young }));
    expect({ verdict, severities: findings.map(({ severity }) => severity) }).toEqual({
      verdict: 'ok',
      severities: ['info'],
    });
  });

  test('leader changes over months make no instability', () => {
    const metrics = { leaderChanges: 20, startedAt: '2026-08-01T00:00:00.000Z' };
    expect(report(seenCluster({ 'etcd-1': { metrics } })).verdict).toBe('ok');
  });

  test('fewer than a quorum seen from here is no lost quorum when the cluster still agrees', () => {
    const silent = { failure: late, probe: { reached: 'silent' as const } };
    const { findings } = report(seenCluster({ 'etcd-1': silent, 'etcd-3': silent }));
    expect(findings.map(({ severity }) => severity)).toEqual(['warning']);
    expect(findings[0]?.impact).toBe(
      '1 of 3 voters works as seen from here, 2 are needed; yet the cluster has just agreed on an answer, so its quorum stands.',
    );
  });

  test('the first 120 characters hold the verdict, and no table has more than four columns', () => {
    for (const [, seen] of troubles) {
      const { summary, sections } = report(seen);
      expect(summary.slice(0, 40)).toMatch(/^prod: (\d of \d healthy, can lose \d|no answer)/);
      for (const section of sections)
        if (section.kind === 'table') expect(section.columns.length).toBeLessThanOrEqual(4);
    }
  });
});
