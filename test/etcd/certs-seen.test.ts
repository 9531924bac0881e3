import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { etcdCerts } from '../../jobs/etcd/certs.ts';
import { connectEtcd, type EtcdCluster } from '../../src/etcd/client.ts';
import type { Context } from '../../src/job.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { Refusal } from '../../src/refusal.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { issue, makeAuthority } from '../support/certificates.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';

const dayMs = 86_400_000;
let folder: string;
let etcd: EtcdTestCluster;
let apiServer: Server;
let bot: EtcdCluster;
let kubernetes: KubernetesCluster;
let apiUrl: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-certs-'));
  const apiCa = await makeAuthority('kubernetes');
  const shown = await issue(apiCa, {
    commonName: 'kube-apiserver',
    addresses: ['kubernetes', '10.96.0.1'],
    usages: ['server'],
  });
  apiServer = createServer({ cert: shown.certPem, key: shown.keyPem });
  etcd = await startEtcd({
    own: true,
    members: 1,
    serverCertificate: (authority) =>
      issue(authority, {
        commonName: 'etcd-1',
        addresses: ['127.0.0.1'],
        usages: ['server', 'client'],
        notAfter: new Date(Date.now() + 12.5 * dayMs),
      }),
  });
  await new Promise<void>((resolve) => apiServer.listen(0, '127.0.0.1', resolve));
  apiUrl = `https://127.0.0.1:${(apiServer.address() as AddressInfo).port}`;
  const kubeconfig = join(folder, 'kubeconfig');
  const ca = Buffer.from(apiCa.certPem).toString('base64');
  writeFileSync(
    kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'one', cluster: { server: apiUrl, 'certificate-authority-data': ca } }],
      users: [{ name: 'ann', user: { token: 'x' } }],
      contexts: [{ name: 'one', context: { cluster: 'one', user: 'ann' } }],
      'current-context': 'one',
    }),
  );
  if (etcd.tls === undefined) throw new Error('the cluster has no TLS');
  bot = await connectEtcd({ name: 'prod', endpoints: etcd.endpoints, tls: etcd.tls, requestTimeoutMs: 5000 });
  kubernetes = await connectKubernetes({ name: 'prod', kubeconfig, namespaces: [], requestTimeoutMs: 5000 });
}, 30_000);

afterAll(async () => {
  bot?.close();
  await kubernetes?.close();
  await etcd?.stop();
  await new Promise((resolve) => apiServer.close(resolve));
  rmSync(folder, { recursive: true });
});

const context = (more: Partial<Context['clients']> = {}): Context => ({
  clients: { etcd: async () => bot, kubernetes: async () => kubernetes, ...more },
  now: () => new Date(),
  signal: new AbortController().signal,
  progress: () => {},
});

test('every certificate of a real cluster is read: one that ends soon, one that has ended while the member runs on, an API server’s that lacks its address', async () => {
  const [member] = etcd.members;
  if (etcd.authority === undefined || member === undefined) throw new Error('this cluster cannot be changed');
  // etcd reads the files at each handshake: the running member presents the expired one from now on.
  member.usePeerCertificate(
    await issue(etcd.authority, {
      commonName: 'etcd-1',
      addresses: ['127.0.0.1', 'localhost'],
      usages: ['server', 'client'],
      notBefore: new Date(Date.now() - 10 * dayMs),
      notAfter: new Date(Date.now() - 2 * dayMs),
    }),
  );
  const report = await etcdCerts.run({ cluster: 'prod', host: null, kubernetes: null }, context());

  expect(report.summary).toBe(
    'prod: 6 certificates, 1 expired: etcd-1 peer, the API server’s certificate lacks 127.0.0.1',
  );
  expect(report.verdict).toBe('findings');
  expect(report.findings.map(({ severity, claim }) => [severity, claim.replace(/\d{4}-\d\d-\d\d/, 'DAY')])).toEqual([
    [
      'critical',
      `The certificate of prod’s API server at ${apiUrl} lacks 127.0.0.1, where it is asked: "x509: certificate is valid for 10.96.0.1, not 127.0.0.1".`,
    ],
    ['critical', 'The peer certificate of etcd-1 expired on DAY.'],
    ['warning', 'The server certificate of etcd-1 ends in 12 days, on DAY.'],
  ]);
  const text = renderTerminal(report, 'plain');
  expect(text).toContain(
    'kubeadm init phase certs apiserver --apiserver-cert-extra-sans kubernetes,10.96.0.1,127.0.0.1',
  );
  expect(text).toMatch(/etcd-1 peer +expired, .* +127\.0\.0\.1, localhost +ECDSA P-256, CN=quorum test etcd/);
  expect((await bot.see()).asked[0]?.failure).toBeUndefined();
});

test('an address is held against each certificate, and without a Kubernetes cluster of that name none is asked', async () => {
  const alone = context({
    kubernetes: async () => {
      throw new Refusal('There is no Kubernetes cluster `prod` in the config any more.', 'Ask again.');
    },
  });
  const report = await etcdCerts.run({ cluster: 'prod', host: 'localhost', kubernetes: null }, alone);
  expect(report.data).toMatchObject({
    unread: [],
    host: {
      host: 'localhost',
      answers: [
        { role: 'peer', who: 'etcd-1', verdict: 'refused', why: expect.stringMatching(/^it expired on /) },
        {
          role: 'client',
          who: 'etcd-1',
          verdict: 'refused',
          why: 'x509: certificate is not valid for any names, but wanted to match localhost',
        },
      ],
    },
  });
});
