import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config.ts';
import { runToEnd } from '../support/command-line.ts';
import { makeFolder, removeFolder } from '../support/process.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true });
const members = ['etcd1', 'etcd2', 'etcd3'];
const tokens = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1' };

describe('docker-compose.yml', () => {
  test('holds Redis, the certificates, three etcd members and the bot, each pinned to a version', () => {
    expect(Object.keys(compose.services)).toEqual(['redis', 'certificates', ...members, 'bot']);
    expect(Object.values<{ image: string }>(compose.services).map(({ image }) => image)).toEqual([
      'redis:7.2.5',
      'alpine/openssl:3.3.2',
      'quay.io/coreos/etcd:v3.5.26',
      'quay.io/coreos/etcd:v3.5.26',
      'quay.io/coreos/etcd:v3.5.26',
      'quorum:0.1.0',
    ]);
  });

  test('gives Redis an append-only file and lets it evict nothing', () => {
    const { command, volumes } = compose.services.redis;
    expect(command).toEqual(['redis-server', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction']);
    expect(volumes).toEqual(['redis:/data']);
  });

  test('publishes on loopback only', () => {
    for (const { ports = [] } of Object.values<{ ports?: string[] }>(compose.services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    }
  });

  test.each(members)('runs %s with mutual TLS for clients and peers, and watches its health', (member) => {
    const { environment, healthcheck, depends_on } = compose.services[member];
    expect(environment).toMatchObject({
      ETCD_NAME: member,
      ETCD_INITIAL_CLUSTER: 'etcd1=https://etcd1:2380,etcd2=https://etcd2:2380,etcd3=https://etcd3:2380',
      ETCD_LISTEN_CLIENT_URLS: 'https://0.0.0.0:2379',
      ETCD_ADVERTISE_CLIENT_URLS: `https://${member}:2379`,
      ETCD_INITIAL_ADVERTISE_PEER_URLS: `https://${member}:2380`,
      ETCD_CLIENT_CERT_AUTH: 'true',
      ETCD_PEER_CLIENT_CERT_AUTH: 'true',
      ETCD_CERT_FILE: `/certificates/${member}.crt`,
      ETCD_PEER_CERT_FILE: `/certificates/${member}-peer.crt`,
    });
    expect(healthcheck.test).toEqual(['CMD', 'etcdctl', 'endpoint', 'health']);
    expect(depends_on).toEqual({ certificates: { condition: 'service_completed_successfully' } });
  });

  test('makes certificates that the members and the client can use', async () => {
    const folder = makeFolder('quorum-compose');
    try {
      // Compose turns the doubled dollar into one.
      const script = compose.services.certificates.command[0].replaceAll('$$', '$');
      const run = () =>
        runToEnd({
          name: 'certificates',
          command: '/bin/sh',
          args: ['-euc', script],
          env: { ...process.env, CERTIFICATES: folder },
        });
      expect(await run()).toMatchObject({ exitCode: 0 });
      const certificate = (name: string) => new X509Certificate(readFileSync(join(folder, `${name}.crt`)));
      const authority = certificate('ca');
      expect(authority.ca).toBe(true);
      for (const name of [...members, ...members.map((member) => `${member}-peer`), 'client']) {
        expect(certificate(name).verify(authority.publicKey)).toBe(true);
      }
      expect(certificate('etcd2').subjectAltName).toBe('DNS:etcd2, DNS:localhost, IP Address:127.0.0.1');
      expect(certificate('etcd2-peer').subjectAltName).toBe('DNS:etcd2');
      expect(certificate('client').subjectAltName).toBeUndefined();
      expect(certificate('client').keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);

      // A second start keeps them: members that run would not know a new authority.
      expect(await run()).toMatchObject({ exitCode: 0 });
      expect(certificate('ca').fingerprint256).toBe(authority.fingerprint256);
    } finally {
      removeFolder(folder);
    }
  });

  test('gives the bot a config that it accepts, with the members by their names', () => {
    const config = parseConfig(compose.configs.quorum.content.replaceAll('$$', '$'), tokens, ['slack', 'etcd']);
    expect(config.redis.url).toBe('redis://redis:6379');
    expect(config.slack?.botToken).toBe('xoxb-1');
    expect(config.etcd.clusters.compose?.endpoints).toEqual(members.map((member) => `https://${member}:2379`));
    expect(compose.services.bot.depends_on).toMatchObject({ redis: { condition: 'service_healthy' } });
  });
});

describe('The Kubernetes manifests', () => {
  const documents = ['configuration', 'deployment', 'rbac']
    .flatMap((name) => parseAllDocuments(read(`deploy/kubernetes/${name}.yaml`)))
    .map((document) => document.toJS());
  const find = (kind: string) => documents.find((document) => document.kind === kind);

  test('let the bot read, and do nothing else', () => {
    const verbs = find('ClusterRole').rules.flatMap((rule: { verbs: string[] }) => rule.verbs);
    expect([...new Set(verbs)].sort()).toEqual(['get', 'list']);
    const resources = find('ClusterRole').rules.flatMap((rule: { resources: string[] }) => rule.resources);
    expect(resources).not.toContain('secrets');
    expect(resources).toEqual(
      expect.arrayContaining(['pods', 'pods/log', 'events', 'nodes', 'replicasets', 'deployments']),
    );
  });

  test('run it without privileges, with probes, a memory limit and the version of the package', () => {
    const { spec } = find('Deployment').spec.template;
    const [container] = spec.containers;
    expect(container.image).toBe(`quorum:${JSON.parse(read('package.json')).version}`);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.livenessProbe.httpGet.path).toBe('/healthz');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    expect(container.resources.limits).toEqual({ memory: '512Mi' });
    expect(spec.serviceAccountName).toBe(find('ServiceAccount').metadata.name);
  });

  test('hold a config that the bot accepts', () => {
    const config = parseConfig(find('ConfigMap').data['quorum.yaml'], tokens, ['slack', 'etcd', 'kubernetes']);
    expect(config.http).toEqual({ host: '0.0.0.0', port: 9400 });
    expect(config.kubernetes.clusters.prod?.inCluster).toBe(true);
  });
});

test('The Dockerfile builds in one stage, runs in another as an ordinary user, and both are pinned', () => {
  const lines = read('deploy/Dockerfile').split('\n');
  expect(lines.filter((line) => line.startsWith('FROM '))).toEqual([
    'FROM node:22.20.0-bookworm-slim AS build',
    'FROM node:22.20.0-bookworm-slim',
  ]);
  expect(lines).toContain('USER node');
  expect(lines).toContain('ENTRYPOINT ["node", "bin/quorum.mjs"]');
});
