import { describe, expect, test } from '@jest/globals';
import { fingerprintOf } from '../../src/alerts/fingerprint.ts';
import { readAlerts } from '../../src/alerts/payload.ts';
import { Refusal } from '../../src/refusal.ts';
import { alertBody, firing, resolved } from '../support/alerts.ts';

function refusalOf(body: string): string {
  try {
    readAlerts(body);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
  return 'taken';
}

describe('the fingerprint of an alert', () => {
  test('is the one that Prometheus gives to its labels', () => {
    // Source: the tests of prometheus/common, model/signature_test.go.
    expect(BigInt(`0x${fingerprintOf({ name: 'garland, briggs', fear: 'love is not enough' })}`)).toBe(
      5799056148416392346n,
    );
    expect(fingerprintOf({})).toBe('cbf29ce484222325');
  });

  test('does not depend on the order of its labels', () => {
    expect(fingerprintOf({ b: '1', a: '2' })).toBe(fingerprintOf({ a: '2', b: '1' }));
  });
});

describe('a body of Alertmanager', () => {
  test('becomes tickets of at most a hundred alerts', () => {
    const alerts = Array.from({ length: 250 }, (_, index) => firing({ alertname: 'Many', pod: `web-${index}` }));
    expect(readAlerts(alertBody(alerts)).map((ticket) => ticket.alerts.length)).toEqual([100, 100, 50]);
  });

  test('makes the same tickets when it is sent again, and when the other Alertmanager of a pair sends it', () => {
    const alerts = [firing({ alertname: 'KubePodCrashLooping', pod: 'web-1' })];
    const ids = (body: string) => readAlerts(body).map(({ id }) => id);
    expect(ids(alertBody(alerts, { externalURL: 'http://am-1:9093' }))).toEqual(
      ids(alertBody(alerts, { externalURL: 'http://am-2:9093' })),
    );
    expect(ids(alertBody(alerts))).not.toEqual(ids(alertBody(alerts.map((alert) => resolved(alert)))));
    expect(ids(alertBody(alerts))[0]).toMatch(/^alerts-[0-9a-f]{32}$/);
  });

  test('without alerts is taken, and is nothing to do', () => {
    expect(readAlerts(alertBody([]))).toEqual([]);
  });

  test('may hold what this version does not know', () => {
    const body = JSON.stringify({ ...JSON.parse(alertBody([firing({ alertname: 'A' })])), notificationReason: 'x' });
    expect(readAlerts(body)[0]?.alerts[0]?.labels).toEqual({ alertname: 'A' });
  });

  test('may have alerts without labels, annotations and fingerprint', () => {
    const bare = { status: 'firing', startsAt: '2026-11-29T02:50:00Z' };
    expect(readAlerts(alertBody([bare]))[0]?.alerts[0]).toEqual({
      isOn: true,
      fingerprint: 'cbf29ce484222325',
      labels: {},
      annotations: {},
      startsAt: Date.parse('2026-11-29T02:50:00Z'),
      endsAt: null,
      generatorURL: '',
    });
  });

  test('is cut to what can be kept, and keeps its fingerprint', () => {
    const labels = { alertname: 'A', text: 'x'.repeat(100_000) };
    const { fingerprint: _, ...alert } = firing(labels, { description: 'y'.repeat(100_000) });
    const read = readAlerts(alertBody([alert]))[0]?.alerts[0];
    expect(read?.fingerprint).toBe(fingerprintOf(labels));
    expect(JSON.stringify(read).length).toBeLessThan(3000);
  });

  test('loses the characters that turn the direction of writing or are not shown', () => {
    const read = readAlerts(alertBody([firing({ alertname: 'A\u202e\u0000B' })]))[0]?.alerts[0];
    expect(read?.labels.alertname).toBe('AB');
  });

  test('that tells no beginning has none', () => {
    const read = readAlerts(alertBody([{ ...firing({ alertname: 'A' }), startsAt: '0001-01-01T00:00:00Z' }]));
    expect(read[0]?.alerts[0]?.startsAt).toBe(0);
  });

  const ok = JSON.parse(alertBody([firing({ alertname: 'A' })]));
  test.each([
    ['nothing', '', 'The body is empty.'],
    ['no JSON', '{"version"', 'The body is not JSON.'],
    ['a form', 'payload=%7B%7D', 'The body is not JSON.'],
    ['a list', '[]', 'The body is no Alertmanager payload: the body: expected object, received array.'],
    ['null', 'null', 'The body is no Alertmanager payload: the body: expected object, received null.'],
    ['an empty object', '{}', 'The body is no Alertmanager payload: version: expected "4".'],
    [
      'an older version',
      JSON.stringify({ ...ok, version: '3' }),
      'The body is no Alertmanager payload: version: expected "4".',
    ],
    [
      'no group',
      JSON.stringify({ ...ok, groupKey: undefined }),
      'The body is no Alertmanager payload: groupKey: expected string, received undefined.',
    ],
    [
      'no alerts',
      JSON.stringify({ ...ok, alerts: undefined }),
      'The body is no Alertmanager payload: alerts: expected array, received undefined.',
    ],
    [
      'a status of its own',
      alertBody([{ ...firing({}), status: 'pending' }]),
      'The body is no Alertmanager payload: alerts.0.status: Invalid option: expected one of "firing"|"resolved".',
    ],
    [
      'a number for a label',
      alertBody([{ ...firing({}), labels: { pod: 7 } }]),
      'The body is no Alertmanager payload: alerts.0.labels.pod: expected string, received number.',
    ],
    [
      'a time that is none',
      alertBody([{ ...firing({}), startsAt: 'yesterday' }]),
      'The body is no Alertmanager payload: alerts.0.startsAt: is no time.',
    ],
  ])('%s is refused, and its field is named', (_name, body, said) => {
    expect(refusalOf(body)).toBe(said);
  });

  test('that is deeply nested is refused like any other', () => {
    expect(refusalOf(`${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}`)).toMatch(/^The body is /);
  });
});
