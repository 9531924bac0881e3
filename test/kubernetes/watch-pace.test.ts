import { describe, expect, test } from '@jest/globals';
import { type AttemptEnd, usualTiming, WatchPace } from '../../src/kubernetes/watch-pace.ts';

/** Waits of attempts that end one after another; `+` where the end is told. */
function waits(ends: readonly Partial<AttemptEnd>[], random = 1): string[] {
  const pace = new WatchPace(usualTiming, () => random);
  return ends.map((end) => {
    const { waitMs, isTold } = pace.after({ kind: 'unreachable', wasStable: false, ...end });
    return `${isTold ? '+' : ''}${waitMs}`;
  });
}

const times = <Item>(count: number, item: Item) => Array.from({ length: count }, () => item);

describe('the pace of a watch', () => {
  test.each<[string, readonly Partial<AttemptEnd>[], readonly string[]]>([
    ['doubles up to eight seconds', times(7, {}), ['+500', '+1000', '+2000', '+4000', '+8000', '+8000', '+8000']],
    [
      'doubles up to half a minute where somebody has to mend something',
      times(7, { kind: 'forbidden' }),
      ['+1000', '+2000', '+4000', '+8000', '+16000', '+30000', '+30000'],
    ],
    [
      'begins anew where the other kind of trouble comes',
      [...times(5, {}), { kind: 'forbidden' }, {}],
      ['+500', '+1000', '+2000', '+4000', '+8000', '+1000', '+8000'],
    ],
    [
      'makes a connection anew at once that had worked',
      [{}, {}, { wasStable: true }, {}],
      ['+500', '+1000', '250', '+500'],
    ],
    ['lists twice at once', times(4, { kind: 'expired' }), ['0', '0', '+500', '+1000']],
    ['tries renewed credentials once at once', times(3, { kind: 'unauthorized' }), ['0', '+1000', '+2000']],
    [
      'waits as long as it is asked to, five minutes at most, and never shorter than by itself',
      [10_000, 86_400_000, 0].map((retryAfterMs) => ({ kind: 'throttled', retryAfterMs })),
      ['+10250', '+300250', '+2000'],
    ],
    ['waits as long as it is asked to also where it had worked', [{ wasStable: true, retryAfterMs: 9000 }], ['+9250']],
  ])('%s', (_title, ends, expected) => {
    expect(waits(ends)).toEqual(expected);
  });

  test('is half as long at its shortest, and never before the server’s own time', () => {
    expect(waits(times(3, {}), 0)).toEqual(['+250', '+500', '+1000']);
    expect(waits([{ kind: 'throttled', retryAfterMs: 7000 }], 0)).toEqual(['+7000']);
  });

  test('forgets failures once it works', () => {
    const pace = new WatchPace(usualTiming, () => 1);
    for (const _ of times(5, 0)) pace.after({ kind: 'expired', wasStable: false });
    pace.settle();
    expect(pace.after({ kind: 'expired', wasStable: false })).toEqual({ waitMs: 0, isTold: false });
    expect(pace.after({ kind: 'unreachable', wasStable: false })).toEqual({ waitMs: 500, isTold: true });
  });
});
