import { describe, expect, test } from '@jest/globals';
import { alertsLines } from '../../src/alerts/check-lines.ts';
import { parseConfig } from '../../src/config.ts';
import { Refusal } from '../../src/refusal.ts';

const everywhere = '\nwatch:\n  - { channel: C0OPS }\n';

function parsed(source: string) {
  return parseConfig(source, { TOKEN: 'a-token-of-enough-characters' }, ['alerts']);
}

function refusalOf(source: string): [string, string] {
  try {
    parsed(source);
  } catch (error) {
    if (error instanceof Refusal) return [error.message, error.advice];
    throw error;
  }
  return ['taken', ''];
}

describe('the config of alerts', () => {
  test('is a token, a label and the rules of one’s own', () => {
    const source = 'alerts:\n  token: ${TOKEN}\n  rules: { MyPodDies: "oom why", MyStore: etcd space, Noise: none }';
    expect(parsed(source + everywhere).alerts).toEqual({
      token: 'a-token-of-enough-characters',
      clusterLabel: 'cluster',
      rules: { MyPodDies: 'oom why', MyStore: 'etcd space', Noise: 'none' },
    });
    expect(parsed(everywhere).alerts).toBeUndefined();
  });

  test('is never open to everybody', () => {
    const said = 'alerts: anybody could post alerts: there is neither alerts.token nor http.tls.clientCa.';
    const advice = 'Add `token: ${QUORUM_ALERTS_TOKEN}` under `alerts:`, or http.tls with cert, key and clientCa.';
    expect(refusalOf(`alerts: {}${everywhere}`)).toEqual([said, advice]);
    // Certificates of the server's alone let everybody in.
    expect(refusalOf(`alerts: {}\nhttp: { tls: { cert: a, key: b } }${everywhere}`)).toEqual([said, advice]);
    expect(refusalOf(`alerts: { token: "" }${everywhere}`)[0]).toBe('alerts.token: is empty');
    expect(refusalOf(`alerts: {}\nhttp: { tls: { cert: a, key: b, clientCa: c } }${everywhere}`)[0]).toBe('taken');
  });

  test.each([
    ['no rule', ''],
    ['rules that fit some', '\nwatch:\n  - { namespaces: [shop], channel: C0SHOP }\n'],
  ])('needs a channel for all the others: %s', (_name, watch) => {
    expect(refusalOf(`alerts: { token: x }${watch}`)).toEqual([
      'alerts: there is no channel for alerts that no rule of `watch:` fits.',
      'Add a rule with a channel alone at the end of `watch:`, such as `- channel: C0123456789`.',
    ]);
  });

  test('names the mistake in a rule, in a key and in a label', () => {
    expect(refusalOf(`alerts: { token: x, rules: { Mine: etcd remove } }${everywhere}`)[0]).toBe(
      'alerts.rules.Mine: write oom why, oom list, etcd health, etcd space, etcd certs, etcd members, etcd alarms, etcd config, or none for no look at all',
    );
    expect(refusalOf(`alerts: { tokn: x }${everywhere}`)[0]).toBe('alerts.tokn: unknown key; did you mean `token`?');
    expect(refusalOf(`alerts: { token: x, clusterLabel: k8s-cluster }${everywhere}`)[0]).toBe(
      'alerts.clusterLabel: use the name of a label',
    );
  });
});

describe('quorum check says of alerts', () => {
  const linesOf = (source: string) =>
    alertsLines(parsed(source + everywhere)).map(({ status, seen }) => [status, seen]);

  test('nothing where there are none', () => {
    expect(linesOf('')).toEqual([]);
  });

  test('where they are posted, and who hears of them', () => {
    expect(
      linesOf('alerts: { token: "${TOKEN}", rules: { A: none } }\nhttp: { host: 10.0.0.1, tls: { cert: a, key: b } }'),
    ).toEqual([
      [
        'ok',
        'POST https://10.0.0.1:9400/alerts, with the token; the usual rules and 1 own one; what no rule of watch fits goes to C0OPS',
      ],
    ]);
  });

  test('what is weak about it', () => {
    expect(linesOf('alerts: { token: short }')).toEqual([
      ['ok', expect.stringContaining('with the token')],
      ['warning', 'alerts.token has 5 characters'],
      ['warning', 'only this machine reaches 127.0.0.1'],
    ]);
    expect(linesOf('alerts: { token: "${TOKEN}" }\nhttp: { host: 0.0.0.0 }')).toEqual([
      ['ok', expect.stringContaining('with the token')],
      ['warning', 'the token and the alerts travel unencrypted'],
    ]);
  });
});
