import { expect, test } from '@jest/globals';
import { burstHeadline, burstThread } from '../../src/incident/burst-thread.ts';
import type { Incident } from '../../src/incident/incident.ts';
import type { Occurrence } from '../../src/incident/occurrence.ts';
import { opened, openedBurst } from '../../src/incident/transitions.ts';

const now = Date.parse('2026-11-29T10:00:00Z');
const opening = { channelId: 'C0OPS', mention: null, dueAt: now, burstId: 'b' };

function happened(subject: string, more: Partial<Occurrence>): Occurrence {
  return {
    key: `${subject} ${JSON.stringify(more.member ?? '')}`,
    source: 'watch',
    cluster: 'prod',
    subject,
    title: subject,
    at: now,
    note: 'it fires',
    line: null,
    isSuspected: false,
    isMissed: false,
    namespace: null,
    node: null,
    member: null,
    details: null,
    ...more,
  };
}

/** A group of alerts of which so many are on. */
function group(subject: string, on: number, known: number): Incident {
  const [first, ...others] = Array.from({ length: known }, (_, index) =>
    happened(subject, { source: 'alert', member: { id: `${index}`, label: `${index}`, isOn: index < on } }),
  );
  if (first === undefined) throw new Error('a group has alerts');
  return opened([first, ...others], opening, now);
}

test('many groups of alerts are called groups, with all of their alerts', () => {
  expect(burstHeadline([group('a', 3, 3), group('b', 1000, 1000)])).toBe('Many at once: 1,003 alerts in 2 groups');
  expect(burstHeadline([group('a', 1, 3), group('b', 0, 2)])).toBe('Many at once: 5 alerts in 2 groups; 1 still on');
  expect(burstHeadline([group('a', 0, 3)])).toBe('Many at once: 3 alerts in 1 group; all over');
});

test('deaths and alerts in one channel are counted each as what they are', () => {
  const dead = opened([happened('shop/web', {})], opening, now);
  expect(burstHeadline([dead, group('a', 2, 2)])).toBe(
    'Many at once: 1 workload died, 1 time in all and 2 alerts in 1 group',
  );
});

test('the thread of many groups has those of which most are on first, and names the others', () => {
  const groups = Array.from({ length: 25 }, (_, index) => group(`rule ${index}`, index % 5, 5));
  const { details } = burstThread(openedBurst('C0OPS', null, now, now), groups, now);
  const shown = JSON.stringify(details?.blocks);
  expect(shown).toContain('The 20 largest of 25');
  expect(shown.indexOf('rule 4')).toBeLessThan(shown.indexOf('rule 3'));
  expect(shown).toContain('"4 of 5"');
  expect(shown).toContain('rule 0, rule 5, rule 10, rule 15, rule 20');
  expect(shown).not.toMatch(/died|\/oom list/);
});
