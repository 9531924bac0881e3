import type { Asked, ClusterSeen, MemberStatus } from '../../src/etcd/cluster.ts';
import type { Failure, FailureKind } from '../../src/etcd/failure.ts';
import type { MemberMetrics } from '../../src/etcd/metrics.ts';

/** What one member of the cluster below shows; what is left out is in order. */
export interface SeenMember {
  readonly status?: Partial<MemberStatus>;
  /** Instead of a status. */
  readonly failure?: Failure;
  readonly probe?: Partial<NonNullable<Asked['probe']>>;
  readonly failingSince?: string;
  readonly metrics?: Partial<MemberMetrics> | 'unreadable';
  readonly isLearner?: boolean;
  readonly neverStarted?: boolean;
}

export const seenAt = new Date('2026-11-21T12:00:00Z');

/** Three members, etcd-1 to etcd-3, with ids a1 to a3 and etcd-2 leading: as a look at a healthy cluster sees them. */
export function seenCluster(
  members: Readonly<Record<string, SeenMember>> = {},
  more: Partial<ClusterSeen> = {},
): ClusterSeen {
  const names = [...new Set(['etcd-1', 'etcd-2', 'etcd-3', ...Object.keys(members)])];
  const entries = names.map((name, index) => ({ name, number: index + 1, seen: members[name] ?? {} }));
  const url = (number: number) => `https://10.0.0.${number}:2379`;
  const id = (number: number) => `a${number}`;
  return {
    cluster: 'prod',
    seenFrom: 'bot-host',
    requestTimeoutMs: 1000,
    configuredEndpoints: entries.map(({ number }) => url(number)),
    tls: { ca: '/etc/quorum/ca.crt', cert: '/etc/quorum/client.crt', key: '/etc/quorum/client.key' },
    username: null,
    configuredQuotaBytes: null,
    members: entries.map(({ name, number, seen }) => ({
      id: id(number),
      name: seen.neverStarted ? '' : name,
      peerUrls: [`https://10.0.0.${number}:2380`],
      clientUrls: seen.neverStarted ? [] : [url(number)],
      isLearner: seen.isLearner ?? false,
    })),
    lastMembers: null,
    asked: entries
      .filter(({ seen }) => !seen.neverStarted)
      .map(({ number, seen }) => ({
        endpoint: url(number),
        isConfigured: true,
        tookMs: 3,
        ...(seen.failure === undefined ? { status: statusOf(id(number), seen) } : { failure: seen.failure }),
        ...(seen.probe === undefined ? {} : { probe: { ...untold, ...seen.probe } }),
        ...(seen.failingSince === undefined ? {} : { failingSince: seen.failingSince }),
      })),
    alarms: [],
    metrics: entries
      .filter(({ seen }) => seen.failure === undefined && !seen.neverStarted)
      .map(({ number, seen }) => ({
        url: `${url(number)}/metrics`,
        endpoint: url(number),
        ...(seen.metrics === 'unreadable'
          ? { failure: 'HTTP 404' }
          : { metrics: { ...calm(id(number)), ...seen.metrics } }),
      })),
    clientCertificate: ownCertificate,
    trustedCas: [authority],
    ...more,
  };
}

export function failed(kind: FailureKind, said: string, code = 14): Failure {
  return { kind, code, said };
}

function statusOf(memberId: string, seen: SeenMember): MemberStatus {
  return {
    clusterId: 'c1',
    memberId,
    version: '3.5.30',
    revision: 4711,
    dbSizeBytes: 1288490189,
    dbSizeInUseBytes: 1200000000,
    quotaBytes: 8589934592,
    leaderId: 'a2',
    raftTerm: 7,
    raftIndex: 5000,
    raftAppliedIndex: 5000,
    isLearner: seen.isLearner ?? false,
    errors: [],
    ...seen.status,
  };
}

const untold: NonNullable<Asked['probe']> = {
  reached: 'connected',
  speaks: 'nothing',
  said: '',
  chain: [],
  authorizationError: '',
  error: '',
  speaksOtherScheme: false,
};

function calm(memberId: string): MemberMetrics {
  return {
    memberId,
    hasLeader: true,
    leaderChanges: 1,
    failedProposals: 0,
    pendingProposals: 0,
    walFsync: { count: 10_000, p99Ms: 2 },
    backendCommit: { count: 10_000, p99Ms: 5 },
    activePeers: {},
    quotaBytes: null,
    compactRevision: 4711,
    isDefragmenting: false,
    startedAt: '2026-11-20T12:00:00.000Z',
  };
}

export const authority = {
  subject: 'CN=etcd-ca',
  issuer: 'CN=etcd-ca',
  names: [],
  validFrom: '2020-01-01T00:00:00.000Z',
  validTo: '2040-01-01T00:00:00.000Z',
  fingerprint: 'CA',
  isCa: true,
  canServe: true,
  canBeClient: true,
  keyBits: 2048,
  keyName: 'RSA 2048',
};

export const ownCertificate = {
  ...authority,
  subject: 'CN=quorum',
  validTo: '2027-11-21T12:00:00.000Z',
  fingerprint: 'OWN',
  isCa: false,
};

export const serverCertificate = {
  ...authority,
  subject: 'CN=etcd-3',
  names: ['10.0.0.3', 'etcd-3.example'],
  validTo: '2027-01-01T00:00:00.000Z',
  fingerprint: 'SERVER',
  isCa: false,
};
