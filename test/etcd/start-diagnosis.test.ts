import { describe, expect, test } from '@jest/globals';
import { ensureLinked, ensureStarted, type Joining } from '../../src/etcd/joining.ts';
import type { PeerSeen } from '../../src/etcd/peers.ts';
import { diagnoseStart } from '../../src/etcd/start-diagnosis.ts';
import type { Outcome, StepContext } from '../../src/job.ts';
import { fakeEtcd } from '../support/etcd-fake.ts';
import { type SeenMember, seenAt, seenCluster } from '../support/etcd-seen.ts';
import { peerSeen, seenPeers, sharedCertificate } from '../support/peers-seen.ts';

const url = 'https://10.0.0.4:2380';
const own = { ...sharedCertificate, fingerprint: 'OWN', names: ['10.0.0.4'] };
const met = (certificate?: typeof own, more: Partial<PeerSeen> = {}) => peerSeen(url, certificate, more);
const probed = (more: Partial<PeerSeen['probe']>, certificate?: typeof own): PeerSeen => {
  const seen = met(certificate);
  return { ...seen, probe: { ...seen.probe, ...more } };
};

/** What is met at the peer URL of a member that was added and has not started. */
const causes: readonly (readonly [string, PeerSeen, string, string, RegExp])[] = [
  ['a closed port', met(), 'port-closed', `Nothing listens at ${url}.`, /"discovery failed" or "bad certificate"/],
  [
    'a closed port: also the data directory of a removed member, which only the log tells',
    met(),
    'port-closed',
    `Nothing listens at ${url}.`,
    /"permanently removed" or "data-dir used by this member must be removed": the data directory is a removed member’s, so empty it/,
  ],
  [
    'a certificate without its address',
    met({ ...own, names: ['10.0.0.1'] }),
    'certificate',
    `The certificate that is presented at ${url} will be refused: it lacks 10.0.0.4 (it has 10.0.0.1). Peers answer "x509: certificate is valid for 10.0.0.1, not 10.0.0.4", the node logs "remote error: tls: bad certificate"; the new process ends at its start ("discovery failed"), and the member stays unstarted.`,
    /^Issue it again: with 10\.0\.0\.4 among its names, for server and client, by the peers’ CA/,
  ],
  [
    'a certificate that has ended',
    met({ ...own, validTo: '2026-01-01T00:00:00.000Z' }),
    'certificate',
    `The certificate that is presented at ${url} will be refused: it expired on 2026-01-01. Peers answer "x509: certificate has expired or is not yet valid"; the new process ends at its start ("discovery failed"), and the member stays unstarted.`,
    /^Issue it again/,
  ],
  [
    'a certificate for servers alone',
    met({ ...own, canBeClient: false }),
    'certificate',
    `The certificate that is presented at ${url} will be refused: its extended key usage lacks clientAuth. Peers answer "x509: certificate specifies an incompatible key usage"; the new process ends at its start ("discovery failed"), and the member stays unstarted.`,
    /^Issue it again/,
  ],
  [
    'an etcd of another cluster',
    met(own, { clusterId: 'beef' }),
    'other-cluster',
    `The etcd at ${url} belongs to another cluster (beef; this one is c1).`,
    /`--initial-cluster-state new`, or on an old data directory/,
  ],
  [
    'a name that leads nowhere',
    met(undefined, { addresses: null }),
    'unknown-name',
    `The name in ${url} is not known here.`,
    /name service that all members use/,
  ],
  [
    'no answer to the connection',
    probed({ reached: 'silent', error: 'no answer in 1 s' }),
    'no-answer',
    `No answer from ${url}: no answer in 1 s.`,
    /its route and its firewall/,
  ],
  [
    'plain http',
    probed({ reached: 'connected', speaksOtherScheme: true, error: 'wrong version number' }),
    'not-tls',
    `What listens at ${url} speaks plain http.`,
    /--listen-peer-urls/,
  ],
  [
    'a process that runs and has not joined',
    met(own),
    'listens',
    `Something listens at ${url}, but the member has not joined yet.`,
    /a first start receives the whole database/,
  ],
];

describe('why a member that was added has not started', () => {
  test.each(causes)('%s', (_title, peer, cause, seen, advice) => {
    const told = diagnoseStart({ peerUrls: [url] }, { ...seenPeers([peer]), peerCas: 'PEM' }, 'c1', seenAt);
    expect([told.cause, told.seen]).toEqual([cause, seen]);
    expect(told.advice).toMatch(advice);
  });

  test('another CA is told by the signature that does not verify', () => {
    const peer = probed({ authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }, own);
    const peers = { ...seenPeers([peer]), peerCas: 'PEM' };
    expect(diagnoseStart({ peerUrls: [url] }, peers, 'c1', seenAt).seen).toContain(
      'the peers’ CA has not signed it (its issuer is CN=etcd-ca). Peers answer "x509: certificate signed by unknown authority"',
    );
  });
});

const joining: Joining = { memberId: 'a4', name: 'etcd-4', startTimeoutMs: 1_800_000, spare: [] };

function contextAfter(waitedMs: number): StepContext {
  return {
    clients: {
      etcd: async () => Promise.reject(new Error('unasked')),
      kubernetes: async () => Promise.reject(new Error('unasked')),
    },
    now: () => new Date(seenAt.getTime() + waitedMs),
    signal: new AbortController().signal,
    progress() {},
    startedAt: seenAt,
    intent: { value: {}, write: async () => undefined },
    fence: async () => undefined,
  };
}

const told = (outcome: Outcome) =>
  outcome.kind === 'blocked'
    ? `${outcome.refusal.message} ${outcome.refusal.advice}`
    : outcome.kind === 'waiting'
      ? outcome.reason
      : outcome.note;

describe('the wait for the start', () => {
  const etcd = fakeEtcd(() => seenCluster({ 'etcd-4': { isLearner: true, neverStarted: true } }), {
    seePeers: async () => seenPeers([met()]),
  });

  test('says what is seen meanwhile, and gives up after half an hour with the way back', async () => {
    const waiting = await ensureStarted(etcd, joining, contextAfter(60_000));
    expect([waiting.kind, told(waiting)]).toEqual(['waiting', `Nothing listens at ${url}.`]);
    const blocked = await ensureStarted(etcd, joining, contextAfter(1_800_000));
    expect(blocked.kind).toBe('blocked');
    expect(told(blocked)).toMatch(
      /^etcd-4 has not started in 30 min\. Nothing listens at https:\/\/10\.0\.0\.4:2380\. Start etcd there\..*As a learner it costs the quorum nothing meanwhile\. `\/etcd remove a4` takes etcd-4 out again, as a change of its own\.$/s,
    );
  });
});

describe('the look at the links before the promotion', () => {
  const watched = (isActive: boolean): Record<string, SeenMember> => ({
    ...Object.fromEntries(
      ['etcd-1', 'etcd-2', 'etcd-3'].map((name) => [name, { metrics: { activePeers: { a4: isActive } } }]),
    ),
    'etcd-4': { isLearner: true },
  });
  /** Which metrics were asked for, in the order of the looks. */
  function looking(...links: readonly boolean[]) {
    const asked: (string | undefined)[] = [];
    const etcd = fakeEtcd(() => seenCluster(), {
      seePeers: async () => seenPeers([met(own)]),
      see: async (_signal, metrics) => {
        const isActive = links[asked.length] ?? false;
        asked.push(metrics);
        return seenCluster(watched(isActive));
      },
    });
    return { etcd, asked };
  }

  test('is made twice, and afresh: a link that is refused counts as working for a moment', async () => {
    const { etcd, asked } = looking(true, false);
    const first = await ensureLinked(etcd, joining, contextAfter(10));
    expect([first.kind, told(first)]).toEqual([
      'waiting',
      'Its certificate, read again, is right; etcd-1, etcd-2 and etcd-3 are connected to it. Whether that lasts is looked at once more.',
    ]);
    const second = await ensureLinked(etcd, joining, contextAfter(1010));
    expect([second.kind, told(second)]).toEqual(['waiting', 'etcd-1, etcd-2 and etcd-3 have no connection to it.']);
    expect(asked).toEqual(['fresh', 'fresh']);
  });

  test('is done where the links last', async () => {
    const { etcd } = looking(true);
    const outcome = await ensureLinked(etcd, joining, contextAfter(1010));
    expect([outcome.kind, told(outcome)]).toEqual([
      'done',
      'Its certificate, read again, is right; etcd-1, etcd-2 and etcd-3 are connected to it.',
    ]);
  });

  test('is never taken for fine where neither the certificate nor the links are to be seen', async () => {
    const etcd = fakeEtcd(() => seenCluster({ 'etcd-4': { isLearner: true } }), {
      seePeers: async () => seenPeers([met()]),
    });
    const outcome = await ensureLinked(etcd, joining, contextAfter(60_000));
    expect(outcome.kind).toBe('blocked');
    expect(told(outcome)).toMatch(
      /^Whether the peers of etcd-4 can connect to it is unknown, so it is not promoted: its certificate could not be read, and unknown for etcd-1, etcd-2 and etcd-3: no metrics that tell\./,
    );
  });
});
