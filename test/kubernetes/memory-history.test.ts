import { describe, expect, test } from '@jest/globals';
import {
  cleaned,
  memoryRange,
  peakOf,
  type Sample,
  splitIntoRuns,
  thinned,
} from '../../src/kubernetes/memory-history.ts';
import { rise } from '../support/memory-shapes.ts';

const at = (time: string) => Date.parse(`2026-11-${time}Z`);
const minute = 60_000;
const shown = ({ fromMs, toMs, stepMs }: ReturnType<typeof memoryRange>) =>
  [new Date(fromMs).toISOString().slice(8, 19), new Date(toMs).toISOString().slice(8, 19), stepMs / 1000].join(' ');

describe('the range of time that is looked at', () => {
  const now = at('03T10:00:00');
  test.each([
    [
      'an hour where runs are short',
      at('03T09:58:20'),
      at('03T09:58:00'),
      at('03T09:57:13'),
      '03T09:00:00 03T10:00:00 15',
    ],
    [
      'four runs where they are longer',
      at('03T09:58:00'),
      at('03T09:57:00'),
      at('03T06:57:00'),
      '02T21:40:00 03T10:00:00 300',
    ],
    ['since the start where it never ended', at('02T04:00:00'), undefined, undefined, '02T04:00:00 03T10:00:00 300'],
    ['an hour where nothing is known', undefined, undefined, undefined, '03T09:00:00 03T10:00:00 15'],
    ['a week at most', at('01T00:00:00') - 90 * 24 * 60 * minute, undefined, undefined, '27T10:00:00 03T10:00:00 1800'],
    [
      'around an end of long ago',
      at('01T12:00:10'),
      at('01T12:00:00'),
      at('01T11:58:00'),
      '01T11:15:00 01T12:15:00 15',
    ],
    [
      'up to an end that another clock tells later',
      at('03T09:59:00'),
      at('03T10:02:00'),
      at('03T10:01:00'),
      '03T09:03:00 03T10:03:00 15',
    ],
  ])('is %s', (_, startedMs, endedMs, endedRunStartedMs, expected) => {
    expect(shown(memoryRange({ startedMs, endedMs, endedRunStartedMs }, now))).toBe(expected);
  });
});

describe('values of a container', () => {
  const samples = (...sizes: number[]): Sample[] => sizes.map((size, index) => [index * 1000, size]);
  const times = (runs: readonly (readonly Sample[])[]) => runs.map((run) => run.map(([ms]) => ms / 1000));

  test('are taken apart at starts that are known', () => {
    const { runs, endsMs } = splitIntoRuns(samples(5, 6, 5, 6), 1000, { startsMs: [1500], restarts: 0 });
    expect(times(runs)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(endsMs).toEqual([1000]);
  });

  test('are taken apart where some are missing, which is no end of a run', () => {
    const { runs, endsMs } = splitIntoRuns([...samples(5, 6), [9000, 7], [10_000, 7]], 1000, {
      startsMs: [],
      restarts: 3,
    });
    expect(times(runs)).toEqual([
      [0, 1],
      [9, 10],
    ]);
    expect(endsMs).toEqual([]);
  });

  test('are taken apart at the deepest falls, as often as the container was restarted and no more', () => {
    const fallen = samples(9, 4, 9, 1, 9, 3);
    expect(times(splitIntoRuns(fallen, 1000, { startsMs: [], restarts: 2 }).runs)).toEqual([[0, 1, 2], [3, 4], [5]]);
    expect(times(splitIntoRuns(fallen, 1000, { startsMs: [], restarts: 0 }).runs)).toEqual([[0, 1, 2, 3, 4, 5]]);
    expect(times(splitIntoRuns(samples(9, 5, 9, 5), 1000, { startsMs: [], restarts: 5 }).runs)).toEqual([[0, 1, 2, 3]]);
  });

  test('count where they are sizes within the range, the larger of two at one moment, in order of time', () => {
    const odd: Sample[] = [
      [3, 7],
      [1, Number.NaN],
      [2, Number.POSITIVE_INFINITY],
      [1, -1],
      [1, 4],
      [1, 5],
      [99, 8],
      [-1, 8],
    ];
    expect(cleaned(odd, { fromMs: 0, toMs: 10 })).toEqual([
      [1, 5],
      [3, 7],
    ]);
  });

  test('are thinned out to so many, and never lose their peak nor their ends', () => {
    const many = rise({ fromMs: 0, toMs: 10_000_000, everyMs: 1000 }, { from: 100, to: 400, unrestMiB: 90 });
    const few = thinned(many, 500);
    expect(many).toHaveLength(10_001);
    expect(few.length).toBeLessThanOrEqual(500);
    expect(few.length).toBeGreaterThan(450);
    expect(peakOf({ runs: [few] })).toEqual(peakOf({ runs: [many] }));
    expect([few[0], few.at(-1)]).toEqual([many[0], many.at(-1)]);
    expect(thinned(samples(1, 2, 3), 3)).toEqual(samples(1, 2, 3));
  });
});
