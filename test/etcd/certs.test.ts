import { describe, expect, test } from '@jest/globals';
import { severityOfEnd } from '../../src/etcd/certificate-end.ts';
import type { CertificatesSeen } from '../../src/etcd/certificate-list.ts';
import { reportCertificates } from '../../src/etcd/certificate-report.ts';
import { refusedName } from '../../src/etcd/certificate-trouble.ts';
import type { CertificateFacts } from '../../src/etcd/certificates.ts';
import type { PeersSeen } from '../../src/etcd/peers.ts';
import { viewCluster } from '../../src/etcd/view.ts';
import type { ApiCertificates } from '../../src/kubernetes/cluster.ts';
import { ownCertificate, seenAt, seenCluster } from '../support/etcd-seen.ts';
import { peerSeen, seenPeers, sharedCertificate } from '../support/peers-seen.ts';

const own = (member: number, role: 'client' | 'peer', more: Partial<CertificateFacts> = {}): CertificateFacts => ({
  ...sharedCertificate,
  subject: `CN=etcd-${member}`,
  names: [`10.0.0.${member}`],
  fingerprint: `${role}-${member}`,
  ...more,
});
const three = [1, 2, 3] as const;

function listeners(certificates: readonly (CertificateFacts | undefined)[]): PeersSeen {
  return {
    peers: certificates.map((certificate, index) => peerSeen(`https://10.0.0.${index + 1}:2379`, certificate)),
    peerCas: '',
    peerCaFile: null,
  };
}

function seen(more: Partial<CertificatesSeen> = {}): CertificatesSeen {
  return {
    view: viewCluster(seenCluster()),
    listeners: { value: listeners(three.map((member) => own(member, 'client'))) },
    peers: {
      value: seenPeers(
        [],
        three.map((member) => own(member, 'peer')),
      ),
    },
    apis: [],
    ...more,
  };
}

const inDays = (days: number) => new Date(seenAt.getTime() + days * 86_400_000 + 3_600_000).toISOString();
const report = (more: Partial<CertificatesSeen> = {}, host: string | null = null) =>
  reportCertificates(seen(more), host, seenAt);

test.each([
  [-1, 'critical'],
  [0, 'critical'],
  [6, 'critical'],
  [7, 'warning'],
  [29, 'warning'],
  [30, null],
])('a certificate with %i days left is %p', (days, severity) => {
  expect(severityOfEnd({ ...ownCertificate, validTo: inDays(days) }, seenAt)).toBe(severity);
});

describe('/etcd certs', () => {
  test('finds nothing to say where all are good for long', () => {
    const { verdict, summary, findings, data } = report();
    expect([verdict, summary]).toEqual(['ok', 'prod: 8 certificates, the first ends in 365 days: the bot’s own']);
    expect(findings).toEqual([]);
    expect((data.certificates as { label: string }[]).map(({ label }) => label)).toEqual([
      'the bot’s own',
      'etcd-1 client',
      'etcd-2 client',
      'etcd-3 client',
      'etcd-1 peer',
      'etcd-2 peer',
      'etcd-3 peer',
      'CA CN=etcd-ca',
    ]);
  });

  test('says what breaks when a peer certificate ends', () => {
    const ending = seenPeers([], [own(1, 'peer'), own(2, 'peer', { validTo: inDays(12) }), own(3, 'peer')]);
    const { verdict, summary, findings } = report({ peers: { value: ending } });
    expect([verdict, summary]).toEqual(['findings', 'prod: 8 certificates, the first ends in 12 days: etcd-2 peer']);
    expect(findings).toMatchObject([
      {
        severity: 'warning',
        claim: 'The peer certificate of etcd-2 ends in 12 days, on 2026-12-03.',
        impact:
          'When the member restarts after that, no member lets it in; running connections live on until they break.',
        command: expect.stringMatching(/^openssl s_client -connect 10\.0\.0\.2:2380 /),
      },
    ]);
  });

  test('tells one that all members share once, and what its end costs', () => {
    const shared = { ...sharedCertificate, validTo: inDays(-3) };
    const { summary, findings, sections } = report({
      listeners: { value: listeners([shared, shared, shared]) },
      peers: { value: seenPeers([], [shared, shared, shared]) },
    });
    expect(summary).toBe('prod: 3 certificates, 1 expired: client and peer of etcd-1, etcd-2 and etcd-3');
    expect(findings).toMatchObject([
      {
        severity: 'critical',
        claim: 'The certificate that serves as client and peer of etcd-1, etcd-2 and etcd-3 expired on 2026-11-18.',
        impact: expect.stringMatching(/3 members share it: once 2 of them have restarted, the quorum is lost\.$/),
      },
    ]);
    expect(sections[0]).toMatchObject({
      rows: [
        [
          'client and peer of etcd-1, etcd-2 and etcd-3',
          'expired, 2026-11-18',
          '10.0.0.1, 10.0.0.2, 10.0.0.3',
          'RSA 2048, CN=etcd-ca',
        ],
        ['the bot’s own', '365 d, 2027-11-21', 'none', 'RSA 2048, CN=etcd-ca'],
        ['CA CN=etcd-ca', '4788 d, 2040-01-01', 'none', 'RSA 2048, itself'],
      ],
    });
  });

  test('a listener that cannot be reached costs its own row, and leaves the rest', () => {
    const { verdict, summary, findings, sections } = report({
      listeners: { value: listeners([own(1, 'client'), undefined, own(3, 'client')]) },
      peers: { unseen: 'The CA file /etc/quorum/peer-ca.crt is missing.' },
    });
    expect([verdict, summary]).toEqual([
      'unknown',
      'prod: 4 certificates, the first ends in 365 days: the bot’s own, 4 not read',
    ]);
    expect(findings).toMatchObject([
      {
        grade: 'unknown',
        claim: '4 certificates could not be read: etcd-2 client, etcd-1 peer, etcd-2 peer and etcd-3 peer.',
      },
    ]);
    expect(sections[0]).toMatchObject({
      rows: expect.arrayContaining([
        ['etcd-2 client', 'not read', 'connect ECONNREFUSED', 'https://10.0.0.2:2379'],
        ['etcd-1 peer', 'not read', 'The CA file /etc/quorum/peer-ca.crt is missing.', 'https://10.0.0.1:2380'],
      ]),
    });
  });

  test('a member whose certificate lacks its own address comes first', () => {
    const { summary, findings } = report({
      peers: { value: seenPeers([], [own(1, 'peer'), own(2, 'peer'), own(3, 'peer', { names: ['10.0.0.2'] })]) },
      listeners: { value: listeners([own(1, 'client'), own(2, 'client'), own(3, 'client', { names: ['10.0.0.2'] })]) },
    });
    expect(summary).toBe(
      'prod: 8 certificates, etcd-3 peer lacks 10.0.0.3, etcd-3 client lacks 10.0.0.3, the first ends in 365 days: the bot’s own',
    );
    expect(findings.map(({ severity, claim, impact }) => [severity, claim, impact])).toEqual([
      ['critical', 'The peer certificate of etcd-3: it lacks 10.0.0.3 (it has 10.0.0.2).', expect.any(String)],
      [
        'warning',
        'The server certificate of etcd-3: it lacks 10.0.0.3 (it has 10.0.0.2).',
        'Clients that ask it there say "x509: certificate is valid for 10.0.0.2, not 10.0.0.3".',
      ],
    ]);
  });
});

test('where nobody tells who the members are, the client ports are read all the same, and peers are said to be missing', () => {
  const { verdict, summary, findings } = report({
    view: viewCluster(seenCluster({}, { members: null, asked: [] })),
    peers: { value: { peers: [], peerCas: '', peerCaFile: null } },
  });
  expect([verdict, summary]).toEqual(['unknown', 'prod: 5 certificates, the first ends in 365 days: the bot’s own']);
  expect(findings.map(({ claim }) => claim)).toEqual([
    'The peer certificates could not be looked for: nobody told who the members are.',
  ]);
});

describe('/etcd certs --host', () => {
  const shared = { value: seenPeers([peerSeen('https://10.0.0.9:2380')]) };

  test('an address that no peer certificate names would be refused, and clients would refuse it', () => {
    const { summary, findings, sections } = report({ peers: shared }, '10.0.0.9');
    expect(summary).toBe(
      'prod: 6 certificates, 10.0.0.9 is accepted with 0 of 1 peer and 0 of 3 client certificates, the first ends in 365 days: the bot’s own',
    );
    expect(findings).toMatchObject([
      { claim: 'A member at 10.0.0.9 would be refused with the peer certificate that is in use.' },
    ]);
    expect(sections[0]).toMatchObject({
      title: 'Would 10.0.0.9 be accepted?',
      rows: [
        [
          'etcd-1, etcd-2 and etcd-3 peer',
          'refused',
          'it lacks 10.0.0.9 (it has 10.0.0.1, 10.0.0.2, 10.0.0.3); peers answer "x509: certificate is valid for 10.0.0.1, 10.0.0.2, 10.0.0.3, not 10.0.0.9", the node logs "remote error: tls: bad certificate"; the new process ends at its start ("discovery failed"), and the member stays unstarted',
        ],
        ['etcd-1 client', 'refused', 'x509: certificate is valid for 10.0.0.1, not 10.0.0.9'],
        ['etcd-2 client', 'refused', 'x509: certificate is valid for 10.0.0.2, not 10.0.0.9'],
        ['etcd-3 client', 'refused', 'x509: certificate is valid for 10.0.0.3, not 10.0.0.9'],
      ],
    });
  });

  test('what a machine shows that is no member yet is judged too', () => {
    const fresh = own(9, 'peer');
    const { sections } = report(
      { peers: { value: seenPeers([peerSeen('https://10.0.0.9:2380', fresh)]) } },
      '10.0.0.9',
    );
    expect(sections[0]).toMatchObject({
      rows: expect.arrayContaining([
        [
          'whoever listens at https://10.0.0.9:2380: peer',
          'accepted',
          'a member at 10.0.0.9 could use it: its peers let it in',
        ],
      ]),
    });
  });

  test('a name that leads nowhere from here is told as unknown', () => {
    const lost = peerSeen('https://etcd-9.example:2380', undefined, { addresses: null });
    const { findings } = report({ peers: { value: seenPeers([lost]) } }, 'etcd-9.example');
    expect(findings).toMatchObject([
      { grade: 'fact' },
      { grade: 'unknown', claim: expect.stringMatching(/^The name etcd-9\.example is not known from here/) },
    ]);
  });
});

test.each([
  [['10.0.0.1', 'etcd-1'], '10.0.0.9', 'x509: certificate is valid for 10.0.0.1, not 10.0.0.9'],
  [['10.0.0.1', 'etcd-1'], 'etcd-9', 'x509: certificate is valid for etcd-1, not etcd-9'],
  [['etcd-1'], '10.0.0.9', "x509: cannot validate certificate for 10.0.0.9 because it doesn't contain any IP SANs"],
  [['10.0.0.1'], 'etcd-9', 'x509: certificate is not valid for any names, but wanted to match etcd-9'],
])('a certificate for %p that is met at %s is refused as Go does', (names, host, words) => {
  expect(refusedName(names, host)).toBe(words);
});

describe('the API servers of the cluster', () => {
  const certificate = { ...own(1, 'client'), subject: 'CN=kube-apiserver', names: ['10.96.0.1', 'kubernetes'] };
  const api: ApiCertificates = {
    cas: [],
    clientCertificate: null,
    serverName: null,
    isVerified: true,
    presented: [peerSeen('https://10.0.0.7:6443', { ...certificate, fingerprint: 'api' })],
  };

  test('a certificate that lacks the address it is asked at is explained, with the commands that mend it', () => {
    const { summary, findings, sections } = report({ apis: [{ name: 'prod', value: api }] });
    expect(summary).toBe(
      'prod: 9 certificates, the API server’s certificate lacks 10.0.0.7, the first ends in 365 days: the bot’s own',
    );
    expect(findings).toMatchObject([
      {
        severity: 'critical',
        claim:
          'The certificate of prod’s API server at https://10.0.0.7:6443 lacks 10.0.0.7, where it is asked: "x509: certificate is valid for 10.96.0.1, not 10.0.0.7".',
      },
    ]);
    const commands = sections.flatMap((section) => (section.kind === 'code' ? [section.text] : [])).join('\n');
    expect(commands).toContain(
      'kubeadm init phase certs apiserver --apiserver-cert-extra-sans 10.96.0.1,kubernetes,10.0.0.7\n',
    );
    expect(commands).toContain('mv /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/apiserver.key /root/old-pki/');
    expect(commands).toContain('IP.2 = 10.0.0.7');
    expect(commands).toContain('-CA /etc/kubernetes/pki/ca.crt -CAkey /etc/kubernetes/pki/ca.key');
  });

  test('the name that the kubeconfig wants instead counts', () => {
    const { findings } = report({ apis: [{ name: 'prod', value: { ...api, serverName: 'kubernetes' } }] });
    expect(findings).toEqual([]);
  });

  test('those of every configured cluster are looked at, each by its name', () => {
    const far = { ...api, presented: [peerSeen('https://10.9.0.7:6443', { ...certificate, fingerprint: 'far' })] };
    const { findings, sections } = report({
      apis: [
        { name: 'prod', value: { ...api, serverName: 'kubernetes' } },
        { name: 'staging', value: far },
      ],
    });
    expect(findings.map(({ claim }) => claim)).toEqual([
      'The certificate of staging’s API server at https://10.9.0.7:6443 lacks 10.9.0.7, where it is asked: "x509: certificate is valid for 10.96.0.1, not 10.9.0.7".',
    ]);
    expect(sections.map(({ title }) => title)).toContain(
      'With kubeadm, on each control-plane node of staging, one after the other',
    );
  });

  test('one that cannot be asked costs its own row', () => {
    const { findings, summary } = report({ apis: [{ name: 'prod', unseen: 'There is no kubeconfig /x.' }] });
    expect(summary).toBe('prod: 8 certificates, the first ends in 365 days: the bot’s own, 1 not read');
    expect(findings).toMatchObject([{ grade: 'unknown', evidence: 'There is no kubeconfig /x.' }]);
  });
});
