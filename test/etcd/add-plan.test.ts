import { describe, expect, test } from '@jest/globals';
import { type AddPlan, planAdd } from '../../src/etcd/add-plan.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import type { PeersSeen } from '../../src/etcd/peers.ts';
import type { Check } from '../../src/job.ts';
import { failed, type SeenMember, seenAt, seenCluster } from '../support/etcd-seen.ts';
import { peerSeen, seenPeers, sharedCertificate } from '../support/peers-seen.ts';

const plan: AddPlan = {
  cluster: 'prod',
  name: 'etcd-4',
  peerUrls: ['https://10.0.0.4:2380'],
  as: 'learner-then-promote',
  spare: [],
  startTimeoutMs: 1_800_000,
};

const covering = { ...sharedCertificate, names: [...sharedCertificate.names, '10.0.0.4'] };
const closed = peerSeen('https://10.0.0.4:2380');
const wellCovered = seenPeers([closed], [covering, covering, covering]);

type Given = {
  readonly members?: Readonly<Record<string, SeenMember>>;
  readonly peers?: PeersSeen;
  readonly plan?: Partial<AddPlan>;
  readonly snapshotAgeMs?: number | null;
  readonly one?: 'one member';
};

function planned({ members = {}, peers = wellCovered, plan: more = {}, snapshotAgeMs = 3_600_000, one }: Given = {}) {
  const seen = seenCluster(members);
  const alone = { ...seen, members: seen.members?.slice(0, 1) ?? [], asked: seen.asked.slice(0, 1) };
  const lone = {
    ...alone,
    asked: alone.asked.map((asked) => ({ ...asked, status: { ...status(asked), leaderId: 'a1' } })),
  };
  return planAdd(
    { ...plan, ...more },
    {
      view: requireKnown(one === undefined ? seen : lone),
      peers,
      certificate: null,
      snapshot: { ageMs: snapshotAgeMs, maxAgeMs: 86_400_000, canTake: false },
      now: seenAt,
    },
  );
}

function status(asked: ReturnType<typeof seenCluster>['asked'][number]) {
  if (asked.status === undefined) throw new Error('it did not answer');
  return asked.status;
}

const notOk = (checks: readonly Check[]) =>
  checks.filter(({ status: found }) => found !== 'ok').map(({ status: found, name }) => `${found}: ${name}`);
const check = (checks: readonly Check[], name: string) => checks.find((one) => one.name === name);

/** What no look from outside can settle, so it is always asked. */
const always = 'warning: Its connections come from the address it names';

describe('the plan to add a member', () => {
  test('to a cluster that is well, whose shared certificate names the new node', () => {
    const { checks, words, sections, plan: made } = planned();
    expect(notOk(checks)).toEqual([always]);
    expect(words).toBe('add etcd-4 at https://10.0.0.4:2380 to prod as a learner, then promote it');
    expect(made).toEqual(plan);
    expect(sections).toEqual([
      {
        kind: 'table',
        title: 'Quorum',
        columns: ['', 'Voters', 'Needed', 'Can lose'],
        rows: [
          ['Now', '3', '2', '1'],
          ['etcd-4 as a learner', '3', '2', '1'],
          ['etcd-4 promoted', '4', '3', '1'],
        ],
      },
    ]);
  });

  test('is stopped by the classic obstacle: the address is not in the certificate that all members share', () => {
    const { checks, sections } = planned({ peers: seenPeers([closed]), plan: { spare: ['10.0.0.5'] } });
    expect(checks[0]).toEqual({
      name: 'The certificate names the new node',
      status: 'blocking',
      seen: 'Of the one that all members share: it lacks 10.0.0.4 (it has 10.0.0.1, 10.0.0.2, 10.0.0.3). What would happen: peers answer "x509: certificate is valid for 10.0.0.1, 10.0.0.2, 10.0.0.3, not 10.0.0.4", the node logs "remote error: tls: bad certificate"; the new process ends at its start ("discovery failed"), and the member stays unstarted.',
      advice:
        'Issue one for the new node with 10.0.0.4 in it (the files are below) and hand it over. The members need no new certificate: only the new node has to present one that names it.',
    });
    const csr = sections.find(({ title }) => title === 'etcd-4-peer-csr.json (cfssl)');
    expect(JSON.parse(csr?.kind === 'code' ? csr.text : '')).toEqual({
      CN: 'etcd-4-peer',
      hosts: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'],
      key: { algo: 'rsa', size: 2048 },
    });
  });

  test('asks for the certificate where each member has its own, and insists on it for a voter', () => {
    const own = ['1', '2', '3'].map((n) => ({ ...sharedCertificate, fingerprint: n, names: [`10.0.0.${n}`] }));
    const name = 'The new node’s certificate is known';
    expect(check(planned({ peers: seenPeers([closed], own) }).checks, name)).toEqual({
      name,
      status: 'unknown',
      seen: 'Each member has a certificate of its own, so the new node needs one too, and none was handed over; nothing listens at https://10.0.0.4:2380 that would present it.',
      advice:
        'Hand its PEM file over (without the key): --cert in a terminal, the form of `/etcd add` in Slack. Or show it on the node and ask again: openssl s_server -accept 2380 -cert peer.crt -key peer.key -CAfile ca.crt -Verify 1',
    });
    expect(check(planned({ peers: seenPeers([closed], own), plan: { as: 'voter' } }).checks, name)?.status).toBe(
      'blocking',
    );
  });

  test('tells that some share one and another names the new node: as after an addition with a spare address', () => {
    const own = { ...sharedCertificate, fingerprint: 'OWN', names: ['10.0.0.3', '10.0.0.4'] };
    const { checks } = planned({ peers: seenPeers([closed], [sharedCertificate, sharedCertificate, own]) });
    expect(check(checks, 'The members’ peer certificates are read')?.seen).toMatch(/^Some share one: etcd-1 until /);
    expect(check(checks, 'The new node’s certificate is known')).toMatchObject({
      status: 'unknown',
      seen: 'etcd-3’s certificate names the new node already; whether the new node has it too is not known, for none was handed over; nothing listens at https://10.0.0.4:2380 that would present it.',
    });
  });

  test('judges what is presented at the new peer URL', () => {
    const own = ['1', '2', '3'].map((n) => ({ ...sharedCertificate, fingerprint: n }));
    const shown = peerSeen('https://10.0.0.4:2380', { ...sharedCertificate, names: ['10.0.0.4'], canBeClient: false });
    const peers = { ...seenPeers([shown], own), peerCas: 'PEM', peerCaFile: '/etc/quorum/peer-ca.crt' };
    expect(notOk(planned({ peers }).checks)).toEqual(['blocking: The certificate is for server and client', always]);
  });

  const shapes: readonly (readonly [string, Given, string, string])[] = [
    [
      'a voter that is down',
      { members: { 'etcd-3': { failure: failed('closed-port', 'connect ECONNREFUSED') } } },
      'blocking: All voters answer',
      'etcd-3 does not answer (connect ECONNREFUSED).',
    ],
    [
      'members without a common leader',
      { members: { 'etcd-3': { status: { leaderId: 'a3', raftTerm: 6 } } } },
      'blocking: All agree on one leader',
      'etcd-1: etcd-2 leads in term 7; etcd-2: etcd-2 leads in term 7; etcd-3: etcd-3 leads in term 6.',
    ],
    [
      'an error that a member reports',
      { members: { 'etcd-1': { status: { errors: ['etcdserver: no leader'] } } } },
      'blocking: No member reports an error',
      'etcd-1 says "etcdserver: no leader".',
    ],
    [
      'a voter that never started',
      { members: { 'etcd-5': { neverStarted: true } } },
      'blocking: Every member has started',
      'Never started: a4 at https://10.0.0.4:2380 (voter).',
    ],
    [
      'a learner that waits for its promotion',
      { members: { 'etcd-5': { isLearner: true } }, plan: { peerUrls: ['https://10.0.0.9:2380'] } },
      'blocking: No learner pending',
      'etcd-5 is a learner.',
    ],
    [
      'a restart three seconds ago',
      { members: { 'etcd-1': { metrics: { startedAt: '2026-11-21T11:59:57.000Z' } } } },
      'warning: Nobody has just restarted',
      'Restarted within the last 5 s: etcd-1 (3 s ago).',
    ],
    [
      'metrics that nobody shows',
      { members: { 'etcd-1': { metrics: 'unreadable' } } },
      'unknown: Nobody has just restarted',
      'When etcd-1 started is not to be seen: the metrics there cannot be read.',
    ],
    [
      'a name that is taken',
      { plan: { name: 'etcd-2' } },
      'blocking: The name is free',
      'etcd-2 is the member a2 at https://10.0.0.2:2380.',
    ],
    [
      'http among peers with https',
      {
        plan: { peerUrls: ['http://10.0.0.4:2380'] },
        peers: seenPeers([peerSeen('http://10.0.0.4:2380')], [covering, covering, covering]),
      },
      'blocking: The scheme is the peers’',
      'http://10.0.0.4:2380 is http, and the members’ peer URLs are https.',
    ],
    [
      'the client port',
      {
        plan: { peerUrls: ['https://10.0.0.4:2379'] },
        peers: seenPeers([peerSeen('https://10.0.0.4:2379')], [covering, covering, covering]),
      },
      'blocking: The port is a peer port',
      'https://10.0.0.4:2379 has a port where members take clients (2379); the members’ peers are at 2380.',
    ],
    [
      'a name that leads nowhere',
      {
        plan: { peerUrls: ['https://etcd4.example:2380'] },
        peers: seenPeers(
          [peerSeen('https://etcd4.example:2380', undefined, { addresses: null })],
          [covering, covering, covering],
        ),
      },
      'blocking: The address can be dialled',
      'The name in https://etcd4.example:2380 is not known here.',
    ],
    [
      'a loopback address',
      {
        plan: { peerUrls: ['https://127.0.0.1:2380'] },
        peers: seenPeers([peerSeen('https://127.0.0.1:2380')], [covering, covering, covering]),
      },
      'blocking: The address can be dialled',
      'https://127.0.0.1:2380 is a loopback address: every member would dial itself.',
    ],
    [
      'an IPv6 address among members at IPv4',
      {
        plan: { peerUrls: ['https://[fd00::4]:2380'] },
        peers: seenPeers(
          [peerSeen('https://[fd00::4]:2380')],
          Array(3).fill({ ...covering, names: [...covering.names, 'fd00::4'] }),
        ),
      },
      'warning: The addresses are of one family',
      'fd00::4 is IPv6, and the members are at IPv4: each end is dialled from an address that no peer URL names.',
    ],
    [
      'an IPv6 address that no certificate of the members knows the like of',
      {
        plan: { peerUrls: ['https://[fd00::4]:2380'] },
        peers: seenPeers([peerSeen('https://[fd00::4]:2380', { ...covering, fingerprint: 'OWN', names: ['fd00::4'] })]),
      },
      'blocking: The addresses are of one family',
      'fd00::4 is IPv6, and the members are at IPv4: the new node dials the members from its IPv4 address, and its certificate names no IPv4 address (it has fd00::4). What would happen: the new process ends at its start ("discovery failed"), and the member stays unstarted; and the members dial the new node from their IPv6 addresses, and their certificate names no IPv6 address. What would happen: it starts, replicates and reports itself healthy, but its peers refuse every connection to it: a zombie that etcd would even promote.',
    ],
    [
      'the peer URL of a member',
      { plan: { peerUrls: ['https://10.0.0.3:2380'] } },
      'blocking: The peer URL is nobody’s yet',
      'https://10.0.0.3:2380 is that of etcd-3.',
    ],
    [
      'an etcd of another cluster at the new peer URL',
      {
        peers: seenPeers(
          [peerSeen('https://10.0.0.4:2380', covering, { clusterId: 'beef' })],
          [covering, covering, covering],
        ),
      },
      'blocking: The peer URL is nobody’s yet',
      'An etcd runs at https://10.0.0.4:2380 already, as part of another cluster (beef).',
    ],
    [
      'the machine of a member',
      {
        plan: { peerUrls: ['https://10.0.0.3:2480'] },
        peers: seenPeers([peerSeen('https://10.0.0.3:2480')], [covering, covering, covering]),
      },
      'warning: A machine of its own',
      'etcd-3 is at the same address: 10.0.0.3.',
    ],
    [
      'a shared certificate that has expired',
      { peers: seenPeers([closed], Array(3).fill({ ...covering, validTo: '2026-11-01T00:00:00.000Z' })) },
      'blocking: The certificate is in date',
      'Of the one that all members share: it expired on 2026-11-01. What would happen: peers answer "x509: certificate has expired or is not yet valid"; the new process ends at its start ("discovery failed"), and the member stays unstarted.',
    ],
    [
      'a version whose promotions are lost by an upgrade',
      { members: versions('3.5.16') },
      'warning: Promotion is kept over upgrades',
      'etcd 3.5.16 does not store a promotion where 3.6 looks for it: that upgrade then fails with "too many learner members" (etcd#19557).',
    ],
    [
      'a version without learners',
      { members: versions('3.3.27') },
      'blocking: The members know learners',
      'etcd 3.3.27 has no learners: they came with 3.4, and it would be added as a voter at once.',
    ],
    [
      'mixed minor versions',
      { members: { 'etcd-1': { status: { version: '3.6.4' } } } },
      'warning: One minor version',
      'The members run 3.5.30 and 3.6.4.',
    ],
    ['no snapshot', { snapshotAgeMs: null }, 'warning: A fresh snapshot', 'No snapshot is known to the bot.'],
    [
      'a snapshot of two days',
      { snapshotAgeMs: 172_800_000 },
      'warning: A fresh snapshot',
      'The last one is 2 d old, older than 1 d.',
    ],
    [
      'a server that lets a second unstarted voter in',
      { plan: { as: 'voter' } },
      'warning: The server’s own guard',
      'etcd 3.5.30 accepts a second voter while the first has not started, and then every running voter is needed.',
    ],
    [
      'a voter that counts before it votes',
      { plan: { as: 'voter' } },
      'warning: The quorum stands while it starts',
      'Added as a voter it counts at once: 4 voters, 3 needed, 3 working until it has started: until then the loss of one stops all writes.',
    ],
  ];
  test.each(shapes)('tells of %s', (_title, given, told, seen) => {
    const { checks } = planned(given);
    expect(notOk(checks)).toContain(told);
    expect(checks.find(({ status: found, name }) => `${found}: ${name}` === told)?.seen).toBe(seen);
  });

  test.each([
    ['3.5.0', false, false],
    ['3.5.1', true, false],
    ['3.5.19', true, false],
    ['3.5.20', false, false],
    ['3.5.29', false, false],
    ['3.5.30', false, true],
    ['3.6.10', false, false],
    ['3.6.11', false, true],
    ['3.7.1', false, true],
  ])(
    'of etcd %s it says that promotions get lost: %s, and that its guard is lenient: %s',
    (version, loses, lenient) => {
      const learner = notOk(planned({ members: versions(version) }).checks);
      expect(learner.includes('warning: Promotion is kept over upgrades')).toBe(loses);
      const voter = notOk(planned({ members: versions(version), plan: { as: 'voter' } }).checks);
      expect(voter.includes('warning: The server’s own guard')).toBe(lenient);
    },
  );

  test.each([
    [null, []],
    [2048, []],
    [1024, ['warning: The certificate’s key is long enough']],
    [768, ['blocking: The certificate’s key is long enough']],
  ])('of a key of %s bits (null: an elliptic curve) it says %j', (keyBits, told) => {
    const { checks } = planned({ peers: seenPeers([closed], Array(3).fill({ ...covering, keyBits })) });
    expect(notOk(checks)).toEqual([...told, always]);
  });

  test('says that a dead member is removed first, and why', () => {
    const dead: SeenMember = { failure: failed('closed-port', 'connect ECONNREFUSED') };
    const watching: SeenMember = { metrics: { activePeers: { a3: false } } };
    const { checks } = planned({ members: { 'etcd-1': watching, 'etcd-2': watching, 'etcd-3': dead } });
    const wanted = check(checks, 'All voters answer');
    expect(wanted?.advice).toBe(
      'Bring etcd-3 back, or remove it first (`/etcd remove etcd-3`): as a dead voter it counts for the quorum without voting, and etcd refuses new members as an unhealthy cluster.',
    );
  });

  test('refuses a voter beside a single member, and takes a learner there', () => {
    expect(() => planned({ one: 'one member', plan: { as: 'voter' } })).toThrow(
      'prod has one voter: with a second one that has not started yet it loses its quorum at once, and all writes stop.',
    );
    expect(notOk(planned({ one: 'one member', peers: seenPeers([closed], [covering]) }).checks)).toEqual([always]);
  });
});

function versions(version: string): Record<string, SeenMember> {
  return Object.fromEntries(['etcd-1', 'etcd-2', 'etcd-3'].map((name) => [name, { status: { version } }]));
}
