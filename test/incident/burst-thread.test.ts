import { describe, expect, test } from '@jest/globals';
import { burstHeadline, burstThread, inCommon } from '../../src/incident/burst-thread.ts';
import type { Incident } from '../../src/incident/incident.ts';
import type { Occurrence } from '../../src/incident/occurrence.ts';
import { continued, opened, openedBurst, resolved } from '../../src/incident/transitions.ts';

const now = Date.parse('2026-11-29T10:00:00Z');

function died(subject: string, more: Partial<Occurrence> = {}): Incident {
  const occurrence: Occurrence = {
    key: subject,
    source: 'watch',
    cluster: 'prod',
    subject,
    title: subject,
    at: now,
    note: 'OOM-killed',
    line: `oom why ${subject}`,
    isSuspected: false,
    isMissed: false,
    namespace: 'shop',
    node: 'node-a',
    member: null,
    details: null,
    ...more,
  };
  return opened([occurrence], { channelId: 'C1', mention: null, dueAt: now, burstId: 'i-burst' }, now);
}

const over = (incident: Incident) => resolved(incident, now) ?? incident;

describe('many at once in one line', () => {
  test.each<[string, readonly Incident[]]>([
    ['One more: shop/a: OOM-killed', [died('shop/a')]],
    ['One more: shop/a: OOM-killed; over', [over(died('shop/a'))]],
    [
      'Many at once: 2 workloads died, 2 times in all; all on node node-a: look at that node first',
      [died('a'), died('b')],
    ],
    [
      'Many at once: 3 workloads died, 3 times in all; all in namespace shop',
      [died('a', { node: 'n1' }), died('b', { node: 'n2' }), died('c', { node: 'n3' })],
    ],
    [
      'Many at once: 2 workloads died, 2 times in all; 1 still on',
      [died('a', { node: 'n1', namespace: 'x' }), over(died('b', { node: 'n2', namespace: 'y' }))],
    ],
    [
      'Many at once: 2 workloads died, 2 times in all; all over',
      [over(died('a', { node: 'n1', namespace: 'x' })), over(died('b', { node: null, namespace: 'y' }))],
    ],
  ])('%s', (line, children) => {
    expect(burstHeadline(children)).toBe(line);
  });

  test('names what most of them share, and nothing that only some do', () => {
    const five = (nodes: readonly string[]) =>
      nodes.map((node, index) => died(String(index), { node, namespace: node }));
    expect(inCommon(five(['a', 'a', 'a', 'b', 'c']))).toBe('3 of 5 on node a: look at that node first');
    expect(inCommon(five(['a', 'a', 'b', 'b', 'c']))).toBeUndefined();
  });
});

test('the thread lists whoever died most first, at most twenty in a table and the names of the others', () => {
  const children = Array.from({ length: 30 }, (_, index) => died(`shop/app-${index}`));
  const worst = continued(
    children[7] as Incident,
    [7, 8, 9].map((key) => ({ ...again('shop/app-7'), key: `k${key}` })),
    new Map(),
    now,
  );
  const { root, details } = burstThread(openedBurst('C1', 'S1', now, now), [...children, worst], now);
  expect(root.text).toBe(
    '<!subteam^S1> Many at once: 31 workloads died, 34 times in all; all on node node-a: look at that node first',
  );
  const shown = JSON.stringify(details?.blocks);
  expect(shown.indexOf('shop/app-7')).toBeLessThan(shown.indexOf('shop/app-0'));
  expect(shown).toContain('shop/app-29');
  expect(shown).toContain('The 20 that died most of 31 (prod)');
});

function again(subject: string): Occurrence {
  return {
    key: '',
    source: 'watch',
    cluster: 'prod',
    subject,
    title: subject,
    at: now + 60_000,
    note: 'OOM-killed',
    line: null,
    isSuspected: false,
    isMissed: false,
    namespace: 'shop',
    node: 'node-a',
    member: null,
    details: null,
  };
}
