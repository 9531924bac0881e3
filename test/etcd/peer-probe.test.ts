import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { probePeers } from '../../src/etcd/peer-probe-client.ts';
import { type Authority, issue, makeAuthority } from '../support/certificates.ts';

let folder: string;
let peersCa: Authority;
let config: Parameters<typeof probePeers>[1];
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-peer-probe-'));
  peersCa = await makeAuthority('peers-ca');
  writeFileSync(join(folder, 'peer-ca.crt'), peersCa.certPem);
  // No client certificate: the peers refuse it, and TLS 1.2 does so before the handshake is done.
  config = { peerCa: join(folder, 'peer-ca.crt') };
});

afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
  rmSync(folder, { recursive: true });
});

/** A peer that lets in only who has a certificate of the peers' CA. */
async function peer(options: TlsOptions): Promise<string> {
  const { certPem, keyPem } = await issue(peersCa, {
    commonName: 'etcd-1',
    addresses: ['127.0.0.1'],
    usages: ['server', 'client'],
  });
  const server = createServer({ cert: certPem, key: keyPem, ca: peersCa.certPem, requestCert: true, ...options });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(() => resolve())));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the certificate of a peer', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is read without being let in, over %s', async (version) => {
    const url = await peer({ minVersion: version, maxVersion: version, rejectUnauthorized: true });
    const { peers, peerCaFile } = await probePeers({ members: [url], fresh: [] }, config, 1000);
    expect(peers[0]?.probe.chain[0]).toMatchObject({ subject: 'CN=etcd-1', names: ['127.0.0.1'], canBeClient: true });
    expect(peers[0]?.probe.authorizationError).toBe('');
    expect(peerCaFile).toBe(join(folder, 'peer-ca.crt'));
  });

  test('is read of all at once: one that hangs costs one deadline', async () => {
    const [one, two] = await Promise.all([peer({}), peer({})]);
    const silent = await peer({ handshakeTimeout: 60_000, SNICallback: () => undefined });
    const startedAt = performance.now();
    const { peers } = await probePeers(
      {
        members: [one, two, silent.replace('127.0.0.1', 'localhost')],
        fresh: ['https://127.0.0.1:1', 'https://nowhere.invalid:2380'],
      },
      config,
      400,
    );
    expect(performance.now() - startedAt).toBeLessThan(900);
    expect(peers.map(({ addresses, probe }) => [addresses?.length ?? null, probe.chain.length > 0])).toEqual([
      [1, true],
      [1, true],
      [expect.any(Number), false],
      [1, false],
      [null, false],
    ]);
  });
});
