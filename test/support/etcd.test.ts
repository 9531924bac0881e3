import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { issue, makeAuthority } from './certificates.ts';
import { type EtcdTestCluster, startEtcd } from './etcd.ts';
import { openProbe } from './etcd-probe.ts';
import { waitFor } from './process.ts';

/** The end of validity of the certificate that a server shows; TLS 1.3 shows it before it asks for ours. */
function shownCertificateEnds(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().valid_to);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe('A three-member cluster with mutual TLS', () => {
  let cluster: EtcdTestCluster;
  beforeAll(async () => {
    cluster = await startEtcd({ own: true, metrics: 'http' });
  });
  afterAll(() => cluster?.stop());

  test('has three healthy members for etcdctl, on loopback', async () => {
    expect(cluster.endpoints).toHaveLength(3);
    for (const endpoint of cluster.endpoints) expect(endpoint).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const { stdout, exitCode } = await cluster.etcdctl(['endpoint', 'health', '-w', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).map((member: { health: boolean }) => member.health)).toEqual([true, true, true]);
  });

  test('refuses a client without a certificate, and one of another authority', async () => {
    const address = new URL(cluster.endpoints[0] ?? '').host;
    const stranger = await makeAuthority('another authority');
    const client = await issue(stranger, { commonName: 'stranger', addresses: [], usages: ['client'] });
    const probe = openProbe(address, { caPem: cluster.authority?.certPem ?? '', client });
    await expect(probe.answers(1000)).rejects.toThrow('UNAVAILABLE');
    probe.close();
    const plain = openProbe(address);
    await expect(plain.answers(300)).rejects.toThrow(/UNAVAILABLE|DEADLINE/);
    plain.close();
  });

  test('shows its metrics in plain HTTP where that was asked for', async () => {
    const answers = await Promise.all(cluster.metricsUrls.map((url) => fetch(`${url}/metrics`).then((r) => r.text())));
    for (const text of answers) expect(text).toContain('etcd_server_has_leader 1');
  });

  test('goes on with one member killed, and takes it back', async () => {
    const member = cluster.members[2];
    if (member === undefined) throw new Error('no third member');
    await member.kill();
    expect(member.isRunning()).toBe(false);
    await waitFor('a write through the other two', async () => {
      const put = await cluster.etcdctl(['put', 'a', '1', '--command-timeout=1s', '--dial-timeout=300ms']);
      return put.stdout === 'OK\n';
    });
    await member.restart();
    await cluster.ready();
    const { exitCode } = await cluster.etcdctl(['endpoint', 'health']);
    expect(exitCode).toBe(0);
  });

  test('has members that hang and go on', async () => {
    const [member] = cluster.members;
    if (member === undefined || cluster.authority === undefined) throw new Error('no member');
    const client = await issue(cluster.authority, { commonName: 'test', addresses: [], usages: ['client'] });
    const probe = openProbe(new URL(member.clientUrl).host, { caPem: cluster.authority.certPem, client });
    await probe.answers(1000);
    member.pause();
    await expect(probe.answers(100)).rejects.toThrow('DEADLINE_EXCEEDED');
    member.resume();
    await waitFor('an answer after it goes on', () => probe.answers(200));
    probe.close();
  });

  test('can show clients another certificate while it runs', async () => {
    const [member] = cluster.members;
    if (member === undefined || cluster.authority === undefined) throw new Error('no member');
    const expired = await issue(cluster.authority, {
      commonName: 'etcd-1',
      addresses: ['127.0.0.1'],
      usages: ['server', 'client'],
      notBefore: new Date('2020-01-01T00:00:00Z'),
      notAfter: new Date('2020-06-01T00:00:00Z'),
    });
    expect(await shownCertificateEnds(member.clientUrl)).not.toBe('Jun  1 00:00:00 2020 GMT');
    member.showCertificate(expired);
    expect(await shownCertificateEnds(member.clientUrl)).toBe('Jun  1 00:00:00 2020 GMT');
  });

  test('ends whole: no process stays', async () => {
    const pids = cluster.members.map(({ pid }) => pid);
    expect(pids.every((pid) => pid > 0)).toBe(true);
    await cluster.stop();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('A cluster of another shape', () => {
  test('starts with a certificate that its clients will refuse', async () => {
    const cluster = await startEtcd({
      members: 1,
      serverCertificate: (authority, name) =>
        issue(authority, { commonName: name, addresses: ['10.9.8.7'], usages: ['server', 'client'] }),
    });
    try {
      const { stderr, exitCode } = await cluster.etcdctl(['endpoint', 'health', '--command-timeout=500ms']);
      expect(exitCode).toBe(1);
      expect(stderr).toContain('unhealthy');
    } finally {
      await cluster.stop();
    }
  });

  test('has as many members as asked for, in plain text, and a quota', async () => {
    const cluster = await startEtcd({ members: 1, tls: false, quotaBytes: 16 * 1024 * 1024 });
    try {
      expect(cluster.endpoints[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(cluster.tls).toBeUndefined();
      const { stdout } = await cluster.etcdctl(['member', 'list', '-w', 'json']);
      expect(JSON.parse(stdout).members).toHaveLength(1);
    } finally {
      await cluster.stop();
    }
  });

  test('tells what etcd said when it refuses to start', async () => {
    await expect(startEtcd({ members: 1, tls: false, flags: ['--election-timeout', '1'] })).rejects.toThrow(
      /ended at its start:[\s\S]*election-timeout/,
    );
  });
});

describe('A cluster named by QUORUM_ETCD_ENDPOINTS', () => {
  const before = process.env.QUORUM_ETCD_ENDPOINTS;
  afterAll(() => {
    if (before === undefined) delete process.env.QUORUM_ETCD_ENDPOINTS;
    else process.env.QUORUM_ETCD_ENDPOINTS = before;
  });

  test('is used as it is and cannot be killed', async () => {
    process.env.QUORUM_ETCD_ENDPOINTS = 'http://10.0.0.1:2379, http://10.0.0.2:2379';
    const cluster = await startEtcd();
    expect(cluster.endpoints).toEqual(['http://10.0.0.1:2379', 'http://10.0.0.2:2379']);
    expect(cluster.given).toBe(true);
    await cluster.stop();
    await expect(cluster.members[0]?.kill()).rejects.toThrow('given by QUORUM_ETCD_ENDPOINTS');
  });
});
