import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  certificateFaults,
  type PeerHost,
  readPeerCertificate,
  requireCertificatePem,
} from '../../src/etcd/peer-certificate.ts';
import { Refusal } from '../../src/refusal.ts';
import {
  type Authority,
  type Certificate,
  type CertificateRequest,
  issue,
  makeAuthority,
} from '../support/certificates.ts';

const now = new Date();
const dayMs = 86_400_000;
let peersCa: Authority;
let otherCa: Authority;

beforeAll(async () => {
  [peersCa, otherCa] = await Promise.all([makeAuthority('etcd-ca'), makeAuthority('etcd-ca')]);
});

const both = ['server', 'client'] as const;
const request = (more: Partial<CertificateRequest> = {}): CertificateRequest => ({
  commonName: 'etcd-4',
  addresses: ['10.0.0.4'],
  usages: both,
  ...more,
});
const host = (name: string, ...addresses: string[]): PeerHost => ({
  host: name,
  addresses: addresses.length === 0 ? [name] : addresses,
});

function faults({ certPem }: Certificate, ...hosts: PeerHost[]): string[] {
  const certificate = readPeerCertificate(certPem, peersCa.certPem);
  if (certificate === null) throw new Error('no certificate');
  return certificateFaults(certificate, hosts.length === 0 ? [host('10.0.0.4')] : hosts, now).map(
    ({ about, weight, what, outcome }) => `${weight} ${about}: ${what} → ${outcome.replace(/[;:,].*/, '')}`,
  );
}

describe('what peers will say to a certificate', () => {
  test('nothing, where it names the node, for both uses, by their CA, in date', async () => {
    expect(faults(await issue(peersCa, request()))).toEqual([]);
  });

  test.each<[string, Partial<CertificateRequest>, PeerHost[], string[]]>([
    [
      'the shared certificate without the address',
      { addresses: ['10.0.0.1', '10.0.0.2'] },
      [],
      ['blocking server-name: it lacks 10.0.0.4 (it has 10.0.0.1, 10.0.0.2) → peers answer "x509'],
    ],
    [
      'no name at all: the zombie',
      { addresses: [] },
      [],
      ['blocking server-name: it has no subject alternative name at all, so none for 10.0.0.4 → it starts'],
    ],
    [
      'the shared certificate without the address, on one machine: connections come from 127.0.0.1',
      { addresses: ['127.0.0.1'] },
      [host('127.0.0.4')],
      ['blocking server-name: it lacks 127.0.0.4 (it has 127.0.0.1) → it starts'],
    ],
    [
      'serverAuth alone',
      { usages: ['server'] },
      [],
      ['blocking usage: its extended key usage lacks clientAuth → peers answer "x509'],
    ],
    [
      'clientAuth alone: a zombie too',
      { usages: ['client'] },
      [],
      ['blocking usage: its extended key usage lacks serverAuth → peers that dial it say "x509'],
    ],
    [
      'an end in the past',
      { notBefore: new Date('2020-01-01'), notAfter: new Date('2020-06-01') },
      [],
      ['blocking dates: it expired on 2020-06-01 → peers answer "x509'],
    ],
    [
      'a name where the URL has an address',
      { addresses: ['etcd4.example'] },
      [],
      [
        'blocking server-name: it lacks 10.0.0.4 (it has etcd4.example) → peers look etcd4.example up. Where none leads to the node',
      ],
    ],
    ['a name where the URL has that name', { addresses: ['etcd4.example'] }, [host('etcd4.example', '10.0.0.4')], []],
    [
      'a name, and the address of another node: its names are looked up then',
      { addresses: ['etcd4.example', '10.0.0.1'] },
      [host('etcd4.example', '10.0.0.4')],
      [],
    ],
    [
      'the right address, and names that are another’s',
      { addresses: ['localhost', 'etcd1.example', '10.0.0.4'] },
      [],
      [],
    ],
    [
      'no name of the node, and one that leads elsewhere',
      { addresses: ['localhost', '10.0.0.1'] },
      [],
      [
        'blocking server-name: it lacks 10.0.0.4 (it has localhost, 10.0.0.1) → peers look localhost up. Where none leads to the node',
      ],
    ],
    [
      'a wildcard below one label, which Go takes',
      { addresses: ['*.etcd'] },
      [host('n4.etcd', '10.0.0.4')],
      ['warning client-name: only a wildcard covers n4.etcd → peers look up the name of its address (reverse DNS)'],
    ],
    [
      'the address of another node, where the URL has a name that a wildcard covers',
      { addresses: ['*.etcd.example', '10.0.0.1'] },
      [host('n4.etcd.example', '10.0.0.4')],
      [
        'warning client-name: only a wildcard covers n4.etcd.example → peers look up the name of its address (reverse DNS)',
      ],
    ],
    [
      'the right address where the URL has a name: let in, and never dialled',
      { addresses: ['10.0.0.4'] },
      [host('etcd4.example', '10.0.0.4')],
      ['blocking server-name: it lacks etcd4.example (it has 10.0.0.4) → it starts'],
    ],
    [
      'a wildcard',
      { addresses: ['*.etcd.example'] },
      [host('etcd4.etcd.example', '10.0.0.4')],
      [
        'warning client-name: only a wildcard covers etcd4.etcd.example → peers look up the name of its address (reverse DNS)',
      ],
    ],
    ['IPv6 in another spelling', { addresses: ['2001:db8:0:0:0:0:0:4'] }, [host('2001:db8::4')], []],
    [
      'one of two peer hosts',
      {},
      [host('10.0.0.4'), host('10.1.0.4')],
      ['blocking server-name: it lacks 10.1.0.4 (it has 10.0.0.4) → peers answer "x509'],
    ],
  ])('%s', async (_title, more, hosts, told) => {
    expect(faults(await issue(peersCa, request(more)), ...hosts)).toEqual(told);
  });

  test('another CA of the same name is told by its signature', async () => {
    expect(faults(await issue(otherCa, request()))).toEqual([
      'blocking issuer: the peers’ CA has not signed it (its issuer is CN=etcd-ca) → peers answer "x509',
    ]);
  });

  test('an end within a month is warned of', async () => {
    const soon = await issue(peersCa, request({ notAfter: new Date(now.getTime() + 5.5 * dayMs) }));
    expect(faults(soon)[0]).toMatch(
      /^warning dates: it ends in 5 days, on \d{4}-\d\d-\d\d → from then on its peers refuse it$/,
    );
  });

  test('without a known CA the signature stays unknown', async () => {
    const { certPem } = await issue(peersCa, request());
    const certificate = readPeerCertificate(certPem, '');
    expect(certificate?.isSignedByPeersCa).toBeNull();
  });
});

describe('a certificate that is handed over', () => {
  test('may be a chain, leaf first, with text around it: the certificates alone are kept', async () => {
    const { certPem } = await issue(peersCa, request());
    const kept = requireCertificatePem(`subject=CN = etcd-4\n${certPem}\nissuer\n${peersCa.certPem}`);
    expect(kept.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(kept).not.toContain('subject=');
  });

  test.each<[string, () => Promise<string>, string]>([
    [
      'with its key',
      async () => Object.values(await issue(peersCa, request())).join('\n'),
      'That file holds a private key.',
    ],
    ['of a megabyte', async () => `${'x'.repeat(1024 * 1024)}`, 'That is 1024 KB, and no certificate is that long.'],
    [
      'that begins with the CA',
      async () => `${peersCa.certPem}${(await issue(peersCa, request())).certPem}`,
      'The first certificate of that file is a CA’s.',
    ],
    [
      'that is a request',
      async () => '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
      'holds no certificate (it holds a signing request)',
    ],
    [
      'that is broken',
      async () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      'is broken: its certificate cannot be read',
    ],
    ['that is empty', async () => '', 'holds no certificate (it is empty)'],
  ])('%s is refused', async (_title, text, said) => {
    const given = await text();
    expect(() => requireCertificatePem(given)).toThrow(said);
  });

  test('a key in it is never repeated', async () => {
    const { certPem, keyPem } = await issue(peersCa, request());
    try {
      requireCertificatePem(`${certPem}${keyPem}`);
      throw new Error('it was taken');
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const secret = keyPem.split('\n')[1] ?? '';
      expect(secret.length).toBeGreaterThan(20);
      expect(`${error.message} ${error.advice}`).not.toContain(secret.slice(0, 10));
    }
  });
});
