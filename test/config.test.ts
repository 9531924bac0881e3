import { describe, expect, test } from '@jest/globals';
import { emptyConfig, parseConfig } from '../src/config.ts';
import { Refusal } from '../src/refusal.ts';

const full = `
slack:
  mode: socket
  botToken: \${SLACK_BOT_TOKEN}
  appToken: \${SLACK_APP_TOKEN}
redis: { url: redis://127.0.0.1:6379, prefix: quorum }
http: { port: \${PORT}, host: 127.0.0.1 }
etcd:
  clusters:
    prod:
      endpoints: [https://10.0.0.1:2379, https://10.0.0.2:2379]
      tls: { ca: ca.crt, cert: client.crt, key: client.key }
      auth: { username: root, password: \${ETCD_PASSWORD} }
      requestTimeout: 1s
      quotaBytes: 8589934592
kubernetes:
  clusters:
    prod: { kubeconfig: /etc/quorum/kubeconfig, context: prod, namespaces: [] }
access:
  viewers: everyone
  operators: [U01ALICE, S02ONCALL]
  approvers: [U02BOB, S03LEADS]
  approvals: { required: 1, expiresIn: 15m, startWithin: 15m, allowSelfApproval: false, escalate: [{ after: 5m, to: S04SRE }] }
changes: { requireReason: false, startTimeout: 30m, snapshotMaxAge: 24h, allowWithoutPersistence: false }
channels:
  C01GEN: { cluster: prod }
links: { runbook: "https://wiki/etcd/{cause}", dashboard: "https://grafana/d/etcd?from={fromMs}&to={toMs}" }
`;
const environment = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', PORT: '9401', ETCD_PASSWORD: '007' };

function refusal(source: string): Refusal {
  try {
    parseConfig(source, environment, ['slack', 'etcd']);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('the published shape is read, durations in milliseconds, variables filled in', () => {
  const config = parseConfig(full, environment, ['slack', 'etcd']);
  expect(config.slack?.botToken).toBe('xoxb-1');
  expect(config.http.port).toBe(9401);
  expect(config.etcd.clusters.prod?.requestTimeout).toBe(1000);
  expect(config.etcd.clusters.prod?.auth?.password).toBe('007');
  expect(config.access.approvals).toEqual({
    required: 1,
    expiresIn: 900_000,
    startWithin: 900_000,
    allowSelfApproval: false,
    escalate: [{ after: 300_000, to: 'S04SRE' }],
  });
  expect(config.changes.snapshotMaxAge).toBe(86_400_000);
});

test('an empty file is a config with its defaults', () => {
  expect(parseConfig('', {}, [])).toEqual(emptyConfig());
  expect(emptyConfig().redis).toEqual({ url: 'redis://127.0.0.1:6379', prefix: 'quorum' });
});

describe('a mistake is told with its place and the mend', () => {
  test.each([
    [
      'a mistyped key',
      'etcd:\n  clusters:\n    prod:\n      endpoint: [https://a:2379]\n      endpoints: [https://a:2379]',
      'etcd.clusters.prod.endpoint: unknown key; did you mean `endpoints`?',
    ],
    ['a mistyped section', 'slak: {}', 'slak: unknown key; did you mean `slack`?'],
    [
      'a key inside a list',
      'access: { approvals: { escalate: [{ afer: 5m, after: 5m, to: S1 }] } }',
      'access.approvals.escalate.0.afer: unknown key; did you mean `after`?',
    ],
    [
      'a duration without a unit',
      'etcd: { clusters: { p: { endpoints: [https://a:2379], requestTimeout: "5" } } }',
      'etcd.clusters.p.requestTimeout: write a duration such as 500ms, 1s, 15m or 24h',
    ],
    [
      'an endpoint without a scheme',
      'etcd: { clusters: { p: { endpoints: ["10.0.0.1:2379"] } } }',
      'etcd.clusters.p.endpoints.0: write an address that starts with http:// or https://',
    ],
    [
      'no endpoints',
      'etcd: { clusters: { p: { endpoints: [] } } }',
      'etcd.clusters.p.endpoints: name at least one endpoint',
    ],
    ['a list', '- a\n- b', 'The config is a list, not a mapping.'],
    ['a text', 'hello', 'The config is a string, not a mapping.'],
    [
      'a tab',
      'slack:\n\tmode: socket',
      'The config is not YAML: Tabs are not allowed as indentation at line 2, column 1.',
    ],
    ['a key twice', 'http: {}\nhttp: {}', 'The config is not YAML: Map keys must be unique at line 2, column 1.'],
    [
      'a variable that is not set',
      'slack: { botToken: "${NOPE}", appToken: x }',
      'slack.botToken takes ${NOPE}, and that environment variable is not set.',
    ],
    [
      'socket mode without its token',
      'slack: { botToken: x }',
      'slack.appToken: is needed in mode socket (an app-level token, xapp-…)',
    ],
    [
      'a person by name',
      'access: { operators: [ann] }',
      'access.operators.0: write a Slack id of a person (U…) or of a user group (S…)',
    ],
    ['nobody in particular', 'access: { viewers: all }', 'access.viewers: write everyone, or a list of Slack ids'],
    [
      'a duration as a number',
      'etcd: { clusters: { p: { endpoints: [https://a:2379], requestTimeout: 5 } } }',
      'etcd.clusters.p.requestTimeout: write a duration with its unit, such as 5s',
    ],
    [
      'a mistyped key that is needed, once',
      'etcd: { clusters: { p: { endpionts: [https://a:2379] } } }',
      'etcd.clusters.p.endpionts: unknown key; did you mean `endpoints`?',
    ],
    [
      'a channel whose cluster there is not',
      'etcd: { clusters: { prod: { endpoints: [https://a:2379] } } }\nchannels: { C1: { cluster: prdo } }',
      'channels.C1.cluster: there is no cluster `prdo`; did you mean `prod`?',
    ],
    [
      'a pattern for images that is none',
      'jvm: { images: [{ match: "shop/[a-z]+", jdk: 17 }] }',
      'jvm.images.0.match: write the name of an image, such as registry.example/shop/*; only * stands for other characters',
    ],
    [
      'a JDK that is none',
      'jvm: { images: [{ match: "shop/*", jdk: 17.x }] }',
      'jvm.images.0.jdk: write a JDK version such as 8u412, 17 or 17.0.9, as java -version tells it',
    ],
    ['a hint without a JDK', 'jvm: { images: [{ match: "shop/*" }] }', 'jvm.images.0.jdk: is missing'],
    [
      'a vendor that is not known',
      'jvm: { images: [{ match: "shop/*", jdk: 17, vendor: temurin }] }',
      'jvm.images.0.vendor: write hotspot, openj9 or native',
    ],
    [
      'a mistyped key of a hint',
      'jvm: { images: [{ match: "shop/*", jdk: 17, vender: openj9 }] }',
      'jvm.images.0.vender: unknown key; did you mean `vendor`?',
    ],
    [
      'no kubeconfig',
      'kubernetes: { clusters: { p: {} } }',
      'kubernetes.clusters.p.kubeconfig: name a kubeconfig file, or set inCluster: true',
    ],
  ])('%s', (_, source, message) => {
    expect(refusal(source).message).toBe(message);
  });
});

test('a variable of a section that is not needed may be unset: a look in a terminal needs no Slack token', () => {
  expect(() => parseConfig(full, { ETCD_PASSWORD: 'x', PORT: '1' }, ['etcd'])).not.toThrow();
});

describe('snapshots of a cluster', () => {
  const key = Buffer.alloc(32, 7).toString('base64');
  const withSnapshots = (snapshots: string) =>
    `etcd: { clusters: { prod: { endpoints: ["http://10.0.0.1:2379"], snapshots: ${snapshots} } } }`;

  test('what is not said has a default, but for the encryption', () => {
    const source = withSnapshots(`{ to: { directory: /srv/snapshots }, encryption: { key: "${key}" } }`);
    expect(parseConfig(source, {}, ['etcd']).etcd.clusters.prod?.snapshots).toEqual({
      to: { directory: '/srv/snapshots' },
      encryption: { key, oldKeys: [] },
      keep: { last: 7, days: 30 },
      timeZone: 'UTC',
    });
  });

  test.each([
    [
      '{ to: { directory: /srv } }',
      'etcd.clusters.prod.snapshots.encryption: write { key: ${…} }, or none where they shall lie there readable',
    ],
    [
      '{ to: { directory: /srv }, encryption: { key: secret } }',
      'etcd.clusters.prod.snapshots.encryption.key: write 32 bytes in base64 or hex, such as `openssl rand -base64 32` prints',
    ],
    ['{ to: {}, encryption: none }', 'etcd.clusters.prod.snapshots.to: name either directory or s3'],
    [
      '{ to: { directory: /srv }, encryption: none, keep: { last: 0 } }',
      'etcd.clusters.prod.snapshots.keep.last: Too small: expected number to be >=1',
    ],
  ])('%s is refused', (snapshots, message) => {
    expect(refusal(withSnapshots(snapshots)).message).toBe(message);
  });
});
