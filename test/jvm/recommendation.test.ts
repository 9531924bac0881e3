import { describe, expect, test } from '@jest/globals';
import type { Collector } from '../../src/jvm/collector.ts';
import { type RecommendationInput, recommendHeap } from '../../src/jvm/recommendation.ts';
import { requireJdk } from '../../src/jvm/version.ts';

const mebi = 1024 ** 2;

type Given = Partial<Omit<RecommendationInput, 'jdk' | 'limitBytes' | 'gc' | 'peakBytes' | 'heapBytes'>> & {
  readonly jdk?: string | null;
  readonly peak?: number;
  readonly heap?: number;
};

/** Sizes in MiB. */
function recommend(limit: number, gc: Collector, given: Given = {}) {
  const { jdk = '17', peak, heap, ...rest } = given;
  return recommendHeap({
    limitBytes: limit * mebi,
    gc,
    containerAware: true,
    knownFlags: [],
    wasKilled: false,
    ...rest,
    jdk: jdk === null ? null : requireJdk(jdk),
    ...(peak === undefined ? {} : { peakBytes: peak * mebi }),
    ...(heap === undefined ? {} : { heapBytes: heap * mebi }),
  });
}

const set = (text: string, name: string, value: string) => ({ name, value, source: 'command line', text });

describe('the heap that fits into a limit', () => {
  // The published table; where the limit is 250 MiB or more the flag is a percentage.
  test.each<[number, Collector, number, string]>([
    [192, 'Serial', 84, '-Xmx84m'],
    [256, 'Serial', 148, '-XX:MaxRAMPercentage=57.8'],
    [512, 'Serial', 312, '-XX:MaxRAMPercentage=60.9'],
    [1024, 'Serial', 768, '-XX:MaxRAMPercentage=75.0'],
    [2048, 'G1', 1536, '-XX:MaxRAMPercentage=75.0'],
    [8192, 'G1', 6144, '-XX:MaxRAMPercentage=75.0'],
    [256, 'G1', 106, '-Xmx106m'],
    [512, 'G1', 264, '-XX:MaxRAMPercentage=51.5'],
    [1024, 'G1', 732, '-XX:MaxRAMPercentage=71.4'],
  ])('%d MiB with %s: %d MiB, %s', (limit, gc, heap, flag) => {
    const got = recommend(limit, gc);
    expect([got.verdict, got.heapBytes / mebi, got.flags[0], got.neededLimitBytes]).toEqual(['fits', heap, flag, null]);
  });

  // G1's regions are of 16 MiB above 16 GiB, and on kernels with pages of 64 KiB nothing is finer than 32 MiB.
  test.each<[number, Collector, number | undefined, number]>([
    [31_000, 'G1', undefined, 23_248],
    [31_000, 'Parallel', undefined, 23_250],
    [512, 'Serial', 65_536, 288],
    [512, 'Z', 65_536, 248],
  ])('%d MiB with %s and pages of %s bytes: %d MiB, which the JVM does not round up', (limit, gc, pageBytes, heap) => {
    expect(recommend(limit, gc, pageBytes === undefined ? {} : { pageBytes }).heapBytes / mebi).toBe(heap);
  });

  test('the reckoning names every part and adds up to no more than the limit', () => {
    const { arithmetic } = recommend(512, 'Serial');
    expect(arithmetic.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['Limit', 536_870_912],
      ['JVM itself', 41_943_040],
      ['Metaspace', 67_108_864],
      ['Compiled code', 41_943_040],
      ['Threads', 13_107_200],
      ['Direct memory', 16_777_216],
      ['Kept free', 26_843_546],
      ['Serial collector', 1_112_330],
      ['Heap', 327_155_712],
    ]);
  });

  test('flags that bound a part take the place of what is assumed', () => {
    const knownFlags = [
      set('-XX:MaxMetaspaceSize=128m', 'MaxMetaspaceSize', '128m'),
      set('-XX:MaxDirectMemorySize=64m', 'MaxDirectMemorySize', '64m'),
    ];
    const got = recommend(512, 'Serial', { knownFlags });
    expect(got.heapBytes).toBe(200 * mebi);
    expect(got.flags.some((flag) => flag.includes('MaxDirectMemorySize'))).toBe(false);
  });
});

describe('a limit that is too small', () => {
  test.each<[number, Collector, number]>([
    [128, 'Serial', 192],
    [64, 'Serial', 192],
    [192, 'G1', 224],
    [1, 'Serial', 192],
  ])('%d MiB with %s: raise to %d MiB, no flags', (limit, gc, needed) => {
    const got = recommend(limit, gc);
    expect([got.verdict, (got.neededLimitBytes ?? 0) / mebi, got.flags]).toEqual(['limit-too-small', needed, []]);
  });

  test('the heap to set after raising it is told', () => {
    expect(recommend(128, 'Serial').notes).toContain('With a limit of 192 MiB: -Xmx84m.');
  });

  test('an absurd flag ends with an absurd limit, not with an endless search', () => {
    const knownFlags = [set('-XX:MaxMetaspaceSize=1000000g', 'MaxMetaspaceSize', '1000000g')];
    expect(recommend(512, 'Serial', { knownFlags }).neededLimitBytes).toBeGreaterThan(1_000_000 * 1024 ** 3);
  });
});

describe('the verdict', () => {
  test.each<[string, number, Collector, Given, number]>([
    ['A', 512, 'Parallel', { jdk: '8u181', heap: 1992, wasKilled: true, containerAware: false }, 292],
    ['B', 512, 'Serial', { heap: 460 }, 312],
    ['B', 512, 'Serial', { heap: 460, wasKilled: true }, 312],
    // 80% of 2000 MiB and killed: 400 MiB and more were needed beside the heap.
    ['B', 2000, 'G1', { heap: 1600, wasKilled: true }, 1308],
    ['B', 2000, 'G1', { heap: 1600, peak: 1990 }, 1320],
    ['C', 2048, 'G1', { heap: 512, wasKilled: true }, 512],
    ['D', 512, 'Serial', { heap: 128, outOfMemory: 'heap' }, 312],
    ['E', 512, 'Serial', { heap: 312, outOfMemory: 'heap' }, 312],
    ['E', 512, 'Serial', { heap: 312, outOfMemory: 'heap', ranMs: 7_200_000 }, 312],
    ['F', 512, 'Serial', { heap: 312, outOfMemory: 'heap', ranMs: 47_000 }, 312],
    ['D', 512, 'Serial', { heap: 128, outOfMemory: 'heap', ranMs: 47_000 }, 312],
    ['fits', 512, 'Serial', { heap: 128 }, 312],
  ])('%s: %d MiB with %s and %j, heap %d MiB', (verdict, limit, gc, given, heap) => {
    const got = recommend(limit, gc, given);
    expect([got.verdict, got.heapBytes / mebi]).toEqual([verdict, heap]);
  });

  test.each<[string, number, Collector, Given, string]>([
    [
      'A',
      512,
      'Parallel',
      { jdk: '8u181', heap: 1992, wasKilled: true, containerAware: false },
      'The heap may grow to 1992 MiB, past the limit of 512 MiB: what is wrong is how the heap is sized, and the limit may stay.',
    ],
    [
      'B',
      512,
      'Serial',
      { heap: 460, wasKilled: true },
      'A heap of 460 MiB leaves 52 MiB of 512 MiB for everything else, which is reckoned to need 174.1 MiB: lower the heap, or keep it and raise the limit to 672 MiB.',
    ],
    [
      'C',
      2048,
      'G1',
      { heap: 512, wasKilled: true },
      'It is not the heap: with at most 512 MiB of it, 1.5 GiB or more grew beside it. Leave -Xmx as it is.',
    ],
    [
      'D',
      512,
      'Serial',
      { heap: 128, outOfMemory: 'heap' },
      'The heap was full at 128 MiB, and 312 MiB fit into this limit: give it more before the limit is raised.',
    ],
    [
      'E',
      512,
      'Serial',
      { heap: 312, outOfMemory: 'heap' },
      'The heap was full at 312 MiB, and no more than 312 MiB fit into this limit: raise the limit once; if it fills again, it leaks, and a heap dump tells more than memory.',
    ],
    [
      'F',
      512,
      'Serial',
      { heap: 312, outOfMemory: 'heap', ranMs: 47_000 },
      'The heap was full 47 s after the start: that is what its start needs, not a leak. Raise the limit, or load less at the start.',
    ],
  ])('%s has words of its own', (verdict, limit, gc, given, meaning) => {
    expect(recommend(limit, gc, given)).toMatchObject({ verdict, meaning });
  });

  test('who was killed within two minutes is told that it is the start', () => {
    const { meaning } = recommend(512, 'Serial', { heap: 460, wasKilled: true, ranMs: 47_000 });
    expect(meaning).toContain(' It ran for 47 s only: that is what its start needs, and hardly a leak.');
  });

  test('what -XX:+ExitOnOutOfMemoryError changes is said where it is advised', () => {
    const said = (given: Given) =>
      recommend(512, 'Serial', given).notes.some((note) => note.includes('a pod that lived on'));
    const knownFlags = [set('-XX:+ExitOnOutOfMemoryError', 'ExitOnOutOfMemoryError', 'true')];
    expect([said({}), said({ knownFlags })]).toEqual([true, false]);
  });

  test('where the heap is not the trouble it stays, and native memory is tracked', () => {
    expect(recommend(2048, 'G1', { heap: 512, wasKilled: true }).flags).toEqual(['-XX:NativeMemoryTracking=summary']);
  });

  test('a heap that was full at its best gets half as much again, in a larger limit', () => {
    const needed = recommend(512, 'Serial', { heap: 312, outOfMemory: 'heap' }).neededLimitBytes;
    expect((needed ?? 0) / mebi).toBe(704);
  });
});

describe('the flags are in the form that the JVM takes', () => {
  const heapFlag = (given: Given) => recommend(1024, 'Serial', given).flags[0];

  test('a percentage where it sees the limit, -Xmx where it does not or may not', () => {
    expect(heapFlag({})).toBe('-XX:MaxRAMPercentage=75.0');
    expect(heapFlag({ containerAware: false })).toBe('-Xmx768m');
    expect(heapFlag({ containerAware: null })).toBe('-Xmx768m');
    expect(heapFlag({ jdk: null })).toBe('-Xmx768m');
    expect(heapFlag({ jdk: '8u181' })).toBe('-Xmx768m');
  });

  test('-Xmx replaces -Xmx, which would beat any percentage; and a larger -Xms is pointed out', () => {
    const knownFlags = [set('-Xmx1000m', 'MaxHeapSize', '1000m'), set('-Xms1000m', 'InitialHeapSize', '1000m')];
    const got = recommend(1024, 'Serial', { knownFlags });
    expect(got.flags[0]).toBe('-Xmx768m');
    expect(got.flags[1]).toBe('-Xms768m');
    expect(got.replaces).toEqual(['-Xmx1000m (command line)', '-Xms1000m (command line)']);
  });

  test('a larger -Xms alone would raise the heap above any percentage: -Xmx and a lower -Xms are advised', () => {
    const got = recommend(512, 'Serial', { heap: 2048, knownFlags: [set('-Xms2g', 'InitialHeapSize', '2g')] });
    expect(got.flags.slice(0, 2)).toEqual(['-Xmx312m', '-Xms312m']);
    expect(recommend(512, 'Serial', { knownFlags: [set('-Xms64m', 'InitialHeapSize', '64m')] }).flags[0]).toBe(
      '-XX:MaxRAMPercentage=60.9',
    );
  });

  test('a request that is the limit already is not advised again', () => {
    const said = (requestBytes?: number) =>
      recommend(512, 'Serial', requestBytes === undefined ? {} : { requestBytes }).notes.includes(
        'Set the memory request to the limit.',
      );
    expect([said(), said(256 * mebi), said(512 * mebi)]).toEqual([true, true, false]);
  });

  test('what makes the next failure tell its cause is set, where it is not set and this JVM knows it', () => {
    expect(recommend(1024, 'Serial').flags).toEqual([
      '-XX:MaxRAMPercentage=75.0',
      '-XX:MaxDirectMemorySize=16m',
      '-XX:+ExitOnOutOfMemoryError',
    ]);
    expect(recommend(1024, 'Serial', { jdk: '8u91', containerAware: false }).flags).not.toContain(
      '-XX:+ExitOnOutOfMemoryError',
    );
    const knownFlags = [set('-XX:+ExitOnOutOfMemoryError', 'ExitOnOutOfMemoryError', 'true')];
    expect(recommend(1024, 'Serial', { knownFlags }).flags).not.toContain('-XX:+ExitOnOutOfMemoryError');
  });
});
