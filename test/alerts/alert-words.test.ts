import { describe, expect, test } from '@jest/globals';
import type { Alert, AlertGroup } from '../../src/alerts/alert.ts';
import { detailsOf, linksOf, memberLabel, noteOf, titleOf } from '../../src/alerts/alert-words.ts';

type Labels = Readonly<Record<string, string>>;

function alertOf(labels: Labels, annotations: Labels = {}, generatorURL = ''): Alert {
  return { isOn: true, fingerprint: 'f00', labels, annotations, startsAt: 1, endsAt: null, generatorURL };
}
function groupOf(labels: Labels, more: Partial<AlertGroup> = {}): AlertGroup {
  return { receiver: 'quorum', key: '{}', labels, externalURL: '', truncated: 0, ...more };
}

test.each<[Labels, Labels, string]>([
  [{ alertname: 'NodeDown', severity: 'critical' }, { alertname: 'NodeDown' }, 'NodeDown (critical)'],
  [{ alertname: 'NodeDown', zone: 'a' }, { alertname: 'NodeDown', zone: 'a' }, 'NodeDown, a'],
  // Grouped by namespace: many rules in one thread.
  [{ alertname: 'KubePodNotReady', namespace: 'shop' }, { namespace: 'shop' }, 'shop'],
  [{ alertname: 'NodeDown' }, {}, 'NodeDown'],
  [{}, {}, 'Alert without a name'],
  [{ alertname: 'login with password=hunter22' }, {}, 'login with password=***'],
])('a thread of %j in the group %j is called %s', (labels, group, title) => {
  expect(titleOf(alertOf(labels), groupOf(group))).toBe(title);
});

test.each<[string, Labels, Labels, Labels, string]>([
  [
    'its summary',
    { alertname: 'A', instance: 'db-1' },
    { summary: 'It is slow.' },
    { alertname: 'A' },
    'db-1: It is slow.',
  ],
  [
    'a summary that names it',
    { alertname: 'A', instance: 'db-1' },
    { summary: 'db-1 is slow.' },
    { alertname: 'A' },
    'db-1 is slow.',
  ],
  [
    'its description',
    { alertname: 'A', node: 'n1' },
    { description: 'Slow\n  since noon' },
    { alertname: 'A' },
    'n1: Slow since noon',
  ],
  ['the message of older rules', { alertname: 'A' }, { message: 'Slow.' }, { alertname: 'A' }, 'Slow.'],
  [
    'its rule where the group has several',
    { alertname: 'A', namespace: 'shop', pod: 'web-1' },
    { summary: 'Slow.' },
    { namespace: 'shop' },
    'A: shop/web-1: Slow.',
  ],
  ['nothing to say', {}, {}, {}, 'it fires'],
])('an alert in one line: %s', (_name, labels, annotations, group, note) => {
  expect(noteOf(alertOf(labels, annotations), groupOf(group))).toBe(note);
});

test('one alert of a group is told from the others by where it is, else by what it is', () => {
  expect(memberLabel(alertOf({ namespace: 'shop', deployment: 'web', pod: 'ksm-0' }))).toBe('shop/web');
  expect(memberLabel(alertOf({ alertname: 'A' }))).toBe('A');
  expect(memberLabel(alertOf({}))).toBe('f00');
});

describe('the details of an alert', () => {
  test('are its annotations and labels, without secrets and in a length that can be kept', () => {
    const labels = { alertname: 'A', api_token: 'abcdef123456' };
    const annotations = { summary: 'Slow.', runbook_url: 'https://x.example', url: 'postgres://shop:hunter22@db/shop' };
    expect(detailsOf(alertOf(labels, annotations), groupOf({}, { truncated: 7 }), 'No look was done.')).toBe(
      [
        'No look was done.',
        'summary: Slow.',
        'url: postgres://***@db/shop',
        'Labels: alertname=A, api_token=***',
        'Alertmanager left out 7 more of this group (max_alerts); its own page has them.',
      ].join('\n'),
    );
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`note${index}`, 'x'.repeat(1000)]));
    expect(detailsOf(alertOf({}, many), groupOf({}), null).length).toBeLessThanOrEqual(1500);
  });

  test('may be missing', () => {
    expect(detailsOf(alertOf({}), groupOf({}), null)).toBe('It has no labels.');
  });
});

test('links lead to the web, each once, and never carry a secret', () => {
  const annotations = {
    runbook_url: 'https://runbooks.example/a',
    dashboard: 'https://grafana.example/d/1?from=now-1h',
  };
  const group = groupOf({}, { externalURL: 'http://alertmanager.example:9093' });
  expect(
    linksOf(alertOf({}, annotations, 'http://prometheus.example/graph?g0.expr=up%7Bjob%3D%22a%22%7D'), group),
  ).toEqual([
    { title: 'Runbook', url: 'https://runbooks.example/a' },
    { title: 'Dashboard', url: 'https://grafana.example/d/1?from=now-1h' },
    { title: 'Expression', url: 'http://prometheus.example/graph?g0.expr=up%7Bjob%3D%22a%22%7D' },
    { title: 'Alertmanager', url: 'http://alertmanager.example:9093' },
  ]);
  for (const url of [
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'runbooks/a.md',
    'https://',
    'https://ann:hunter22@wiki.example/',
    'https://wiki.example/?access_token=abcdef123456',
    `https://wiki.example/${'x'.repeat(3000)}`,
  ])
    expect([url, linksOf(alertOf({}, { runbook_url: url }), groupOf({}))]).toEqual([url, []]);
});
