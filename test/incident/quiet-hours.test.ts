import { describe, expect, test } from '@jest/globals';
import { quietUntil, tomorrowMorning } from '../../src/incident/quiet-hours.ts';

const at = (iso: string) => Date.parse(iso);
const until = (quiet: { from: string; to: string; timeZone: string }, iso: string) => {
  const end = quietUntil(quiet, at(iso));
  return end === undefined ? undefined : new Date(end).toISOString();
};

describe('quiet hours', () => {
  const night = { from: '22:00', to: '07:00', timeZone: 'UTC' };

  test.each([
    ['2026-11-29T21:59:59Z', undefined],
    ['2026-11-29T22:00:00Z', '2026-11-30T07:00:00.000Z'],
    ['2026-11-29T23:30:12Z', '2026-11-30T07:00:00.000Z'],
    ['2026-11-30T00:00:00Z', '2026-11-30T07:00:00.000Z'],
    ['2026-11-30T06:59:59Z', '2026-11-30T07:00:00.000Z'],
    ['2026-11-30T07:00:00Z', undefined],
  ])('over midnight: at %s until %s', (now, end) => {
    expect(until(night, now)).toBe(end);
  });

  test.each([
    ['2026-11-29T11:59:00Z', undefined],
    ['2026-11-29T12:00:00Z', '2026-11-29T13:30:00.000Z'],
    ['2026-11-29T13:30:00Z', undefined],
  ])('within a day: at %s until %s', (now, end) => {
    expect(until({ from: '12:00', to: '13:30', timeZone: 'UTC' }, now)).toBe(end);
  });

  test('in a zone with an offset of half an hour', () => {
    // 23:00 in Kolkata (+05:30).
    expect(until({ ...night, timeZone: 'Asia/Kolkata' }, '2026-11-29T17:30:00Z')).toBe('2026-11-30T01:30:00.000Z');
  });

  test.each([
    // The clocks go back at 03:00 on 25 October 2026 in Berlin, and forward at 02:00 on 29 March.
    ['2026-10-24T21:00:00Z', '2026-10-25T06:00:00.000Z'],
    ['2026-03-28T22:00:00Z', '2026-03-29T05:00:00.000Z'],
  ])('they end at 07:00 as the clocks show it, also in the night in which they are changed: from %s', (now, end) => {
    expect(until({ ...night, timeZone: 'Europe/Berlin' }, now)).toBe(end);
  });

  test('a time that the clocks leave out ends when they have been put forward', () => {
    const end = until({ from: '01:00', to: '02:30', timeZone: 'Europe/Berlin' }, '2026-03-29T00:30:00Z');
    expect(at(end ?? '')).toBeGreaterThanOrEqual(at('2026-03-29T01:00:00Z'));
    expect(at(end ?? '')).toBeLessThanOrEqual(at('2026-03-29T02:00:00Z'));
  });
});

test.each([
  ['2026-11-29T21:00:00Z', '2026-11-30T08:00:00.000Z'],
  ['2026-11-30T03:00:00Z', '2026-11-30T08:00:00.000Z'],
  ['2026-11-30T08:00:00Z', '2026-12-01T08:00:00.000Z'],
])('until tomorrow, said at %s, is the next morning: %s', (now, morning) => {
  expect(new Date(tomorrowMorning('UTC', at(now))).toISOString()).toBe(morning);
});
