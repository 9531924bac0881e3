import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createWebServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectEtcd, type EtcdClusterConfig } from '../../src/etcd/client.ts';
import type { ClusterSeen } from '../../src/etcd/cluster.ts';
import { reportHealth } from '../../src/etcd/health.ts';
import { type Authority, type Certificate, issue, makeAuthority } from '../support/certificates.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putUntilRefused } from '../support/etcd-fill.ts';
import { pasteEtcdctl } from '../support/etcdctl.ts';
import { waitFor } from '../support/process.ts';

const hourMs = 3_600_000;
let etcd: EtcdTestCluster;
let folder: string;
let otherAuthority: Authority;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-etcd-client-'));
  [etcd, otherAuthority] = await Promise.all([
    startEtcd({ own: true, quotaBytes: 8 * 1024 ** 2, flags: ['--bcrypt-cost', '4'] }),
    makeAuthority('other-ca'),
  ]);
}, 30_000);

afterAll(async () => {
  await etcd.stop();
  rmSync(folder, { recursive: true });
});

/** One look by a client of its own. */
async function look(more: Partial<EtcdClusterConfig> = {}): Promise<ClusterSeen & { readonly lookMs: number }> {
  const cluster = await connectEtcd({
    name: 'prod',
    endpoints: etcd.endpoints,
    tls: etcd.tls,
    requestTimeoutMs: 800,
    ...more,
  });
  try {
    const startedAt = performance.now();
    const seen = await cluster.see();
    return { ...seen, lookMs: performance.now() - startedAt };
  } finally {
    cluster.close();
  }
}

const judged = (seen: ClusterSeen) => reportHealth(seen, new Date());

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function writeClient(name: string, { certPem, keyPem }: Certificate) {
  return { cert: write(`${name}.crt`, certPem), key: write(`${name}.key`, keyPem) };
}

function authority(): Authority {
  if (etcd.authority === undefined) throw new Error('the cluster was started without TLS');
  return etcd.authority;
}

/** Listens on a free port for the time of one test. */
async function listening<T>(
  server: Server | ReturnType<typeof createSecureServer>,
  use: (port: number) => Promise<T>,
): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket: { destroy(): void }) => sockets.add(socket));
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a healthy cluster with mutual TLS', () => {
  test('is seen whole: every member, its figures, its metrics', async () => {
    const seen = await look();
    const { verdict, summary, data, findings } = judged(seen);
    expect(summary).toMatch(/^prod: 3 of 3 healthy, can lose 1, leader etcd-[123], \d+ KiB of 8 MiB$/);
    expect({ verdict, findings, quorum: data.quorum }).toEqual({
      verdict: 'ok',
      findings: [],
      quorum: { voters: 3, needed: 2, canLose: 1 },
    });
    expect(seen.alarms).toEqual([]);
    expect(seen.metrics.map(({ metrics }) => Object.values(metrics?.activePeers ?? {}))).toEqual([
      [true, true],
      [true, true],
      [true, true],
    ]);
  });

  test('has the ids that etcdctl prints', async () => {
    const { stdout } = await etcd.etcdctl(['member', 'list']);
    const printed = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(', ')[0]?.replace(/^0+/, ''));
    const { members } = await look();
    expect(members?.map(({ id }) => id).sort()).toEqual(printed.sort());
  });

  test('is found from one endpoint: the others are taken from the member list', async () => {
    const seen = await look({ endpoints: etcd.endpoints.slice(0, 1) });
    expect(seen.asked.map(({ isConfigured, status }) => [isConfigured, status !== undefined])).toEqual([
      [true, true],
      [false, true],
      [false, true],
    ]);
    expect(judged(seen).verdict).toBe('ok');
  });

  test('is asked under other names of its members too, and each member is told once', async () => {
    const seen = await look({ endpoints: etcd.endpoints.map((url) => url.replace('127.0.0.1', 'localhost')) });
    const { verdict, data } = judged(seen);
    expect(verdict).toBe('ok');
    expect((data.members as { endpoint: string }[]).map(({ endpoint }) => endpoint)).toEqual(
      etcd.endpoints.map((url) => url.replace('127.0.0.1', 'localhost')),
    );
  });
});

describe('a certificate that is refused', () => {
  test("the members', by the wrong CA", async () => {
    const seen = await look({ tls: { ...etcd.tls, ca: write('other.crt', otherAuthority.certPem) } });
    const { summary, cause, findings } = judged(seen);
    expect(cause).toBe('server-certificate-untrusted');
    expect(summary).toBe('prod: no answer from any of 3 endpoints: all with a server certificate of an unknown CA');
    expect(findings[0]?.claim).toBe(
      'The server certificate of all 3 endpoints is signed by CN=quorum test etcd, which the configured ca file does not hold.',
    );
    expect(findings[0]?.evidence).toContain('CN=other-ca');
  });

  test("the bot's, because it has expired, though etcd only says alert 42", async () => {
    const notAfter = new Date(Date.now() - hourMs);
    const expired = await issue(authority(), {
      commonName: 'bot',
      addresses: [],
      usages: ['client'],
      notBefore: new Date(notAfter.getTime() - hourMs),
      notAfter,
    });
    const { cause, findings } = judged(await look({ tls: { ca: etcd.tls?.ca, ...writeClient('expired', expired) } }));
    expect(cause).toBe('client-certificate-expired');
    expect(findings[0]?.claim).toMatch(
      /^all 3 endpoints refuse the bot's own client certificate: it expired on \d{4}-\d\d-\d\d\.$/,
    );
    expect(findings[0]?.command).toContain(join(folder, 'expired.crt'));
  });

  test("the bot's, because another CA signed it", async () => {
    const foreign = await issue(otherAuthority, { commonName: 'bot', addresses: [], usages: ['client'] });
    const { cause, findings } = judged(await look({ tls: { ca: etcd.tls?.ca, ...writeClient('foreign', foreign) } }));
    expect(cause).toBe('client-certificate-refused');
    expect(findings[0]?.claim).toContain('its issuer (CN=other-ca) is none of the CAs in the configured ca file');
  });

  test("the bot's, because a CA of the same name signed it with another key", async () => {
    const namesake = await makeAuthority('quorum test etcd');
    const foreign = await issue(namesake, { commonName: 'bot', addresses: [], usages: ['client'] });
    const seen = await look({ tls: { ca: etcd.tls?.ca, ...writeClient('namesake', foreign) } });
    expect(judged(seen).findings[0]?.claim).toContain('it is signed by another CA of the same name');
    expect((await look()).clientCertificate?.isSignedByTrusted).toBe(true);
  });

  test('because the bot shows none', async () => {
    const { cause, findings } = judged(await look({ tls: { ca: etcd.tls?.ca } }));
    expect(cause).toBe('client-certificate-missing');
    expect(findings[0]?.claim).toBe('all 3 endpoints want a client certificate, and none is configured.');
  });

  test.each([
    [
      'because its name is not among the subject alternative names',
      { addresses: ['10.0.0.1', 'etcd-1.example'] },
      'server-certificate-name',
      'Its names: 10.0.0.1, etcd-1.example.',
    ],
    [
      'because it has expired',
      { addresses: ['127.0.0.1'], notAfter: new Date(Date.now() - hourMs) },
      'server-certificate-expired',
      'Certificate of CN=etcd-9',
    ],
  ])("a member's, %s", async (_name, more, cause, evidence) => {
    const { certPem, keyPem } = await issue(authority(), { commonName: 'etcd-9', usages: ['server'], ...more });
    await listening(createSecureServer({ cert: certPem, key: keyPem }), async (port) => {
      const report = judged(await look({ endpoints: [`https://127.0.0.1:${port}`] }));
      expect(report.cause).toBe(cause);
      expect(report.findings[0]?.evidence).toContain(evidence);
    });
  });
});

describe('an endpoint that is not etcd', () => {
  test('is told apart from its cluster: a web server, silence, a closed port', async () => {
    await listening(
      createWebServer((_request, response) => response.end('hello')),
      async (web) => {
        await listening(createServer(), async (silent) => {
          const extra = [`http://127.0.0.1:${web}`, `https://127.0.0.1:${silent}`, 'https://127.0.0.1:1'];
          const seen = await look({ endpoints: [...etcd.endpoints, ...extra] });
          const { summary, verdict, findings } = judged(seen);
          expect(verdict).toBe('findings');
          expect(summary).toBe(
            `prod: 3 of 3 healthy, can lose 1: 127.0.0.1:${web}, 127.0.0.1:${silent} and 127.0.0.1:1 named but no member`,
          );
          expect(findings.map(({ evidence }) => evidence)).toEqual([
            expect.stringContaining('It said: "HTTP/1.1 400 Bad Request'),
            expect.stringContaining('A second connection was accepted; then silence.'),
            expect.stringContaining('ECONNREFUSED'),
          ]);
          expect(seen.asked.slice(0, 3).every(({ tookMs }) => tookMs < 700)).toBe(true);
        });
      },
    );
  });

  test.each(['http', 'https'])('alone, a web server asked with %s', async (scheme) => {
    await listening(
      createWebServer((_request, response) => response.end('hello')),
      async (port) => {
        const { cause, findings } = judged(await look({ endpoints: [`${scheme}://127.0.0.1:${port}`] }));
        expect(cause).toBe('not-etcd');
        expect(findings[0]?.claim).toBe(`What answers at 127.0.0.1:${port} is not etcd.`);
      },
    );
  });

  test('a member asked with http though it wants TLS', async () => {
    const { cause, findings } = judged(
      await look({ endpoints: etcd.endpoints.map((url) => url.replace('https', 'http')) }),
    );
    expect(cause).toBe('wrong-scheme');
    expect(findings[0]?.claim).toMatch(/^(127\.0\.0\.1:\d+(, | and )?){3} speak TLS, but are asked with http\.$/);
  });

  test('the peer port of a member: it takes TLS, and then no HTTP/2', async () => {
    const { cause, findings, verdict } = judged(await look({ endpoints: etcd.peerUrls.slice(0, 1) }));
    expect({ cause, verdict }).toEqual({ cause: 'not-etcd', verdict: 'unknown' });
    expect(findings[0]?.claim).toMatch(
      /speaks TLS, but no HTTP\/2, as every client URL of etcd does: it is not one\.$/,
    );
    expect(findings[0]?.advice).toContain('its peer port (2380 by default) answers like this');
  });

  test('a name that nobody knows', async () => {
    const { cause } = judged(await look({ endpoints: ['https://etcd-1.invalid:2379'] }));
    expect(cause).toBe('unknown-name');
  });
});

describe('credential files', () => {
  test('that cannot be used are refused by name', async () => {
    const tls = etcd.tls ?? { ca: '', cert: '', key: '' };
    const foreign = writeClient(
      'swapped',
      await issue(authority(), { commonName: 'x', addresses: [], usages: ['client'] }),
    );
    const connect = (more: object) =>
      connectEtcd({ name: 'prod', endpoints: etcd.endpoints, tls: { ...tls, ...more } });
    const missing = join(folder, 'missing.crt');
    await expect(connect({ ca: missing })).rejects.toThrow(`The CA file ${missing} is missing.`);
    await expect(connect({ cert: folder })).rejects.toThrow(`The certificate file ${folder} is a directory.`);
    await expect(connect({ key: foreign.key })).rejects.toThrow(
      `The key in ${foreign.key} does not belong to the certificate in ${tls.cert}.`,
    );
    await expect(connect({ cert: tls.key, key: tls.cert })).rejects.toThrow(
      `The certificate file ${tls.key} holds no certificate (it holds a private key).`,
    );
    await expect(connect({ key: tls.cert })).rejects.toThrow(
      `The key file ${tls.cert} holds no private key that can be read (it holds a certificate).`,
    );
    await expect(connect({ key: undefined })).rejects.toThrow(`tls.cert ${tls.cert} is configured without tls.key.`);
    await expect(connect({ ca: write('empty.crt', '') })).rejects.toThrow('holds no certificate (it is empty).');
    await expect(connectEtcd({ name: 'prod', endpoints: ['10.0.0.1:2379'] })).rejects.toThrow(
      '10.0.0.1:2379 in etcd cluster prod is no client URL.',
    );
  });

  test('are taken up when renewed, and the old ones stay in use when the new ones are broken', async () => {
    const issueClient = () => issue(authority(), { commonName: 'bot', addresses: [], usages: ['client'] });
    const files = writeClient('renewed', await issueClient());
    const config = { name: 'prod', endpoints: etcd.endpoints, tls: { ca: etcd.tls?.ca, ...files } };
    const cluster = await connectEtcd(config, { credentialsCheckMs: 0 });
    try {
      const before = (await cluster.see()).clientCertificate?.fingerprint;
      writeClient('renewed', await issueClient());
      const renewed = await cluster.see();
      expect(renewed.clientCertificate?.fingerprint).not.toBe(before);
      expect(judged(renewed).verdict).toBe('ok');
      write('renewed.key', 'nonsense');
      const broken = judged(await cluster.see());
      expect(broken.summary).toBe("prod: 3 of 3 healthy, can lose 1: the bot's credential files are broken");
      expect(broken.findings[0]?.evidence).toContain(files.key);
    } finally {
      cluster.close();
    }
  });
});

describe('authentication', () => {
  const auth = { username: 'root', password: 'correct horse' };

  test('configured where it is off is a remark', async () => {
    const { verdict, findings } = judged(await look({ auth }));
    expect(verdict).toBe('ok');
    expect(findings[0]?.claim).toBe('A user is configured for prod, but authentication is not enabled there.');
  });

  test('is passed with the right password, and a wrong one is told', async () => {
    await etcd.etcdctl(['user', 'add', `${auth.username}:${auth.password}`]);
    await etcd.etcdctl(['user', 'grant-role', 'root', 'root']);
    await etcd.etcdctl(['auth', 'enable']);
    try {
      expect(judged(await look({ auth })).verdict).toBe('ok');
      const { cause, findings } = judged(await look({ auth: { ...auth, password: 'wrong' } }));
      expect(cause).toBe('auth');
      expect(findings[0]?.claim).toBe('The cluster refuses the configured user root and its password.');
      expect(JSON.stringify(findings)).not.toContain('wrong');
    } finally {
      await etcd.etcdctl(['--user', `${auth.username}:${auth.password}`, 'auth', 'disable']);
    }
  });
});

describe('a member over plain http', () => {
  test('is asked without certificates, and its metrics at an address of their own', async () => {
    const plain = await startEtcd({ own: true, members: 1, tls: false, metrics: 'http' });
    try {
      const config = { endpoints: plain.endpoints, tls: undefined };
      const { verdict, summary, findings } = judged(await look({ ...config, metricsUrls: plain.metricsUrls }));
      expect({ verdict, findings }).toEqual({ verdict: 'ok', findings: [] });
      expect(summary).toMatch(/^prod: 1 of 1 healthy, can lose 0, leader etcd-1, \d+ KiB of 2 GiB$/);
      const elsewhere = await look({ ...config, metricsUrls: ['http://127.0.0.1:1'] });
      expect(elsewhere.metrics[0]?.failure).toContain('ECONNREFUSED');
      const asHttps = judged(await look({ endpoints: plain.endpoints.map((url) => url.replace('http:', 'https:')) }));
      expect(asHttps.findings[0]?.claim).toMatch(/speaks plain HTTP, but is asked with https\.$/);
    } finally {
      await plain.stop();
    }
  }, 15_000);
});

describe('a cluster in trouble, as it gets worse', () => {
  test('the database reaches its quota', async () => {
    const refusal = await putUntilRefused(etcd);
    expect(refusal).toContain('mvcc: database space exceeded');
    const { verdict, cause, summary, findings, data } = judged(await look());
    expect({ verdict, cause }).toEqual({ verdict: 'findings', cause: 'nospace' });
    expect(summary).toMatch(/^prod: 0 of 3 healthy, can lose 1: no space, reads and deletes only \(NOSPACE on .*\)$/);
    expect((data.members as { alarms: string[] }[]).flatMap(({ alarms }) => alarms)).toContain('NOSPACE');
    expect(findings[0]?.severity).toBe('critical');
  });

  test('and is led out of it by pasting each next command in turn', async () => {
    // What was written is deleted first: without that it would be live data, which no command brings away.
    await etcd.etcdctl(['del', 'fill/', '--prefix']);
    const pasted: string[] = [];
    let report = judged(await look());
    while (report.cause === 'nospace' && pasted.length < 8) {
      const command = report.copy ?? '';
      pasted.push(command.replace(/^etcdctl (--(endpoints|cacert|cert|key)=\S+ )+/, ''));
      const { exitCode, stderr } = await pasteEtcdctl(command);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      report = judged(await look());
    }
    expect(pasted).toEqual([
      expect.stringMatching(/^--command-timeout=\d+s compact \d+ --physical$/),
      ...Array.from({ length: 3 }, () => expect.stringMatching(/^--command-timeout=\d+s defrag$/)),
      'alarm disarm',
    ]);
    expect(report.verdict).toBe('ok');
  });

  test('a member hangs: it costs one deadline, and the others nothing', async () => {
    const [, , third] = etcd.members;
    third?.pause();
    try {
      const cold = await look();
      expect(judged(cold).findings.map(({ claim }) => claim)).toContainEqual(
        expect.stringMatching(
          /^etcd-3 \(127\.0\.0\.1:\d+\) hangs: it accepts connections but did not answer within 800 ms\.$/,
        ),
      );
      expect(cold.lookMs).toBeLessThan(1500);
      expect(cold.asked.filter(({ status }) => status !== undefined).map(({ tookMs }) => tookMs < 700)).toEqual([
        true,
        true,
      ]);
    } finally {
      third?.resume();
    }
  });

  test('a member dies and comes back: the same client sees both', async () => {
    const [, second] = etcd.members;
    const cluster = await connectEtcd({ name: 'prod', endpoints: etcd.endpoints, tls: etcd.tls });
    try {
      await cluster.see();
      await second?.kill();
      // The others notice within some milliseconds that its connections are gone.
      const report = await waitFor('the others to miss etcd-2', async () => {
        const seen = judged(await cluster.see());
        return seen.findings.some(({ claim }) => claim.includes('is down')) && seen;
      });
      expect(report.data.quorum).toEqual({ voters: 3, needed: 2, canLose: 0 });
      const finding = report.findings.find(({ claim }) => claim.startsWith('etcd-2 ('));
      expect(finding?.claim).toMatch(
        / is down: it cannot be reached from here, and etcd-1 and etcd-3 have no connection to it\.$/,
      );
      expect(finding?.since).toBeDefined();
      await second?.restart();
      expect((await cluster.see()).asked.filter(({ status }) => status !== undefined)).toHaveLength(3);
    } finally {
      cluster.close();
    }
  });

  test('the quorum is lost, and what is left still answers', async () => {
    await Promise.all(etcd.members.slice(1).map((member) => member.kill()));
    const { verdict, summary, findings, data } = judged(await look());
    expect(verdict).toBe('findings');
    expect(summary).toMatch(/^prod: [01] of 3 healthy, can lose 0: (quorum lost|no leader), no writes; /);
    expect(findings[0]?.severity).toBe('critical');
    expect(data.quorum).toEqual({ voters: 3, needed: 2, canLose: 0 });
    expect((data.members as { reachable: boolean }[]).map(({ reachable }) => reachable)).toEqual([true, false, false]);
  });

  test('nobody answers, and that is a report too', async () => {
    await etcd.members[0]?.kill();
    const { verdict, summary } = judged(await look());
    expect({ verdict, summary }).toEqual({
      verdict: 'unknown',
      summary: 'prod: no answer from any of 3 endpoints: all unreachable from here (port closed)',
    });
  });
});
