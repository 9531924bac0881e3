import { describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { etcdConfig } from '../../../commands/etcd/config.ts';
import { emptyConfig } from '../../../src/config.ts';
import { handOverSections } from '../../../src/etcd/member-config.ts';
import { requireKnown } from '../../../src/etcd/member-reference.ts';
import { readPasted } from '../../../src/etcd/settings/paste.ts';
import { givenValue } from '../../../src/etcd/settings/setting.ts';
import { take } from '../../../src/intake.ts';
import { seenCluster } from '../../support/etcd-seen.ts';

const environment = `
# Settings of this member
ETCD_NAME="etcd-1"
export ETCD_HEARTBEAT_INTERVAL='250'
ETCD_INITIAL_CLUSTER=etcd-1=https://10.0.0.1:2380,\\
  etcd-2=https://10.0.0.2:2380
ETCD_INITIAL_CLUSTER_TOKEN=very-secret
ETCDCTL_PASSWORD=hunter2
ETCD_UNSUPPORTED_ARCH=arm64
PATH=/usr/bin
`;

const unit = `
[Unit]
Description=etcd
[Service]
Environment="ETCD_NAME=etcd-2" ETCD_DATA_DIR=/var/lib/etcd
EnvironmentFile=-/etc/default/etcd
ExecStart=
ExecStart=-/usr/local/bin/etcd \\
  --heartbeat-interval=300 --election-timeout 3000 \\
# a comment in between
  --enable-v2 --client-cert-auth $ETCD_OPTS
`;

const file = `
name: etcd-3
heartbeat-interval: 100
listen-client-urls: https://10.0.0.3:2379
client-transport-security:
  cert-file: /pki/server.crt
  client-cert-auth: true
peer-transport-security:
  cert-file: /pki/peer.crt
  allowed-cn: etcd
log-outputs: [stderr]
`;

const manifest = stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'etcd-node-1', namespace: 'kube-system' },
  spec: {
    containers: [
      {
        name: 'etcd',
        command: ['etcd', '--name=$(NODE)', '--quota-backend-bytes=8589934592'],
        args: ['--snapshot-count', '10000'],
        env: [
          { name: 'NODE', value: 'etcd-1' },
          { name: 'ETCD_LOG_LEVEL', value: 'warn' },
          { name: 'ETCD_AUTH_TOKEN', valueFrom: { secretKeyRef: { name: 'etcd', key: 'token' } } },
        ],
        livenessProbe: { httpGet: { path: '/health', port: 2381 }, periodSeconds: 10, failureThreshold: 8 },
      },
    ],
  },
});

describe('pasted settings are read from', () => {
  test('an environment file, and secrets are left in it', () => {
    expect(readPasted(environment)).toEqual({
      format: 'environment file',
      given: [
        { name: 'name', value: 'etcd-1', by: 'variable' },
        { name: 'heartbeat-interval', value: '250', by: 'variable' },
        {
          name: 'initial-cluster',
          value: 'etcd-1=https://10.0.0.1:2380, etcd-2=https://10.0.0.2:2380',
          by: 'variable',
        },
        { name: 'initial-cluster-token', value: '***', by: 'variable' },
      ],
      unknown: [],
      elsewhere: [],
      leftOut: ['ETCDCTL_PASSWORD'],
      probe: null,
    });
  });

  test('a unit: the last ExecStart, over several lines, and what its variables hide', () => {
    expect(readPasted(unit)).toEqual({
      format: 'systemd unit',
      given: [
        { name: 'name', value: 'etcd-2', by: 'variable' },
        { name: 'data-dir', value: '/var/lib/etcd', by: 'variable' },
        { name: 'heartbeat-interval', value: '300', by: 'flag' },
        { name: 'election-timeout', value: '3000', by: 'flag' },
        { name: 'enable-v2', value: 'true', by: 'flag' },
        { name: 'client-cert-auth', value: 'true', by: 'flag' },
      ],
      unknown: [],
      elsewhere: ['/etc/default/etcd', '$ETCD_OPTS'],
      leftOut: [],
      probe: null,
    });
  });

  test('etcd.conf.yaml: keys as flags, those of TLS nested', () => {
    expect(readPasted(file)).toMatchObject({
      format: 'config file',
      given: [
        { name: 'name', value: 'etcd-3', by: 'file' },
        { name: 'heartbeat-interval', value: '100', by: 'file' },
        { name: 'listen-client-urls', value: 'https://10.0.0.3:2379', by: 'file' },
        { name: 'cert-file', value: '/pki/server.crt', by: 'file' },
        { name: 'client-cert-auth', value: 'true', by: 'file' },
        { name: 'peer-cert-file', value: '/pki/peer.crt', by: 'file' },
        { name: 'peer-cert-allowed-cn', value: 'etcd', by: 'file' },
        { name: 'log-outputs', value: 'stderr', by: 'file' },
      ],
    });
  });

  test('a pod’s manifest: command, arguments, variables and the probe', () => {
    expect(readPasted(manifest)).toEqual({
      format: 'pod manifest',
      given: [
        { name: 'log-level', value: 'warn', by: 'variable' },
        { name: 'name', value: 'etcd-1', by: 'flag' },
        { name: 'quota-backend-bytes', value: '8589934592', by: 'flag' },
        { name: 'snapshot-count', value: '10000', by: 'flag' },
      ],
      unknown: [],
      elsewhere: ['ETCD_AUTH_TOKEN (secret etcd, key token)'],
      leftOut: [],
      probe: { path: '/health', toleranceMs: 80_000 },
    });
  });

  test('a command line, with one dash or two', () => {
    expect(
      readPasted('sudo ETCDCTL_API=3 etcd -name etcd-4 --hartbeat-interval 100 --pre-vote --metrics=extensive').given,
    ).toEqual([
      { name: 'name', value: 'etcd-4', by: 'flag' },
      { name: 'pre-vote', value: 'true', by: 'flag' },
      { name: 'metrics', value: 'extensive', by: 'flag' },
    ]);
  });
});

test.each([
  ['', 'Nothing was given to read.'],
  ['hello, is this etcd?', 'The settings of an etcd member were not recognised in that text.'],
  ['password: hunter2', 'The settings of an etcd member were not recognised in that text.'],
  ['a: [1', 'The settings of an etcd member were not recognised in that text.'],
  ['x'.repeat(70_000), 'The settings of an etcd member were not recognised in that text.'],
])('what is none of them is refused without being quoted: %.20s', (text, message) => {
  expect(() => readPasted(text)).toThrow(message);
});

test('a unit that sets nothing itself is refused by naming the file that does', () => {
  const bare = '[Service]\nEnvironmentFile=/etc/etcd/etcd.env\nExecStart=/usr/local/bin/etcd';
  expect(() => readPasted(bare)).toThrow(
    'That systemd unit sets nothing itself: it takes its settings from /etc/etcd/etcd.env.',
  );
});

test('whatever /etcd add hands out for a new member reads back as the same settings', () => {
  const view = requireKnown(seenCluster());
  const added = {
    name: 'etcd-4',
    id: 'a4',
    peerUrls: ['https://10.0.0.4:2380'],
    members: [
      ...(view.seen.members ?? []),
      { id: 'a4', name: '', peerUrls: ['https://10.0.0.4:2380'], clientUrls: [], isLearner: true },
    ],
    hosts: [{ host: '10.0.0.4', addresses: ['10.0.0.4'] }],
  };
  const files = handOverSections(added, view).flatMap((section) =>
    section.kind === 'code' && /env$|yaml$/.test(section.title) ? [readPasted(section.text)] : [],
  );
  expect(files.map(({ format }) => format)).toEqual(['environment file', 'config file', 'pod manifest']);
  for (const settings of files) {
    expect(givenValue(settings, 'name')).toBe('etcd-4');
    expect(givenValue(settings, 'initial-cluster-state')).toBe('existing');
    expect(givenValue(settings, 'initial-cluster')).toContain('etcd-4=https://10.0.0.4:2380');
    expect(givenValue(settings, 'peer-client-cert-auth')).toBe('true');
    expect(givenValue(settings, 'quota-backend-bytes')).toBe('8589934592');
    expect(settings.unknown).toEqual([]);
  }
});

describe('in Slack', () => {
  const config = {
    ...emptyConfig(),
    etcd: { clusters: { prod: { endpoints: ['http://10.0.0.1:2379'], requestTimeout: 1000 } } },
  };
  const ask = (line: string, texts: Readonly<Record<string, string>> = {}) =>
    take(line, [etcdConfig], config, { canShowForm: true, texts }, new Date(), async () => {});

  test('the command alone looks, --paste alone opens the form and keeps the cluster that was typed', async () => {
    expect(await ask('/etcd config')).toMatchObject({ kind: 'job', input: { cluster: 'prod', pasted: null } });
    expect(await ask('/etcd config --cluster prod --paste')).toMatchObject({ kind: 'form', cluster: 'prod' });
  });

  test('what is typed behind --paste is refused, for a request is kept as it was typed', async () => {
    expect(await ask('/etcd config --paste "etcd --name etcd-1"')).toMatchObject({
      kind: 'answered',
      report: { findings: [{ claim: expect.stringMatching(/^A path in --paste is read in a terminal only/) }] },
    });
  });

  test('of the text in the form nothing but settings goes into the queue', async () => {
    const taken = await ask('/etcd config', { paste: environment });
    expect(taken).toMatchObject({ kind: 'job', input: { pasted: { format: 'environment file' } } });
    expect(JSON.stringify(taken)).not.toMatch(/hunter2|very-secret|\/usr\/bin/);
  });
});
