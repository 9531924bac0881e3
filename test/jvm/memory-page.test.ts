import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Collector } from '../../src/jvm/collector.ts';
import { type HeapInput, predictHeap } from '../../src/jvm/heap.ts';
import { recommendHeap } from '../../src/jvm/recommendation.ts';
import { requireJdk } from '../../src/jvm/version.ts';

/** docs/jvm-memory.md against the code: what the page says is read, and reckoned again. */

const mebi = 1024 ** 2;
const page = readFileSync(new URL('../../docs/jvm-memory.md', import.meta.url), 'utf8');

/** The cells of a table between its marks, without its head. */
function rowsOf(mark: string): string[][] {
  const table = page.split(`<!-- ${mark} -->`)[1]?.split(`<!-- /${mark} -->`)[0] ?? '';
  const rows = table.trim().split('\n').slice(2);
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

function heap(version: string, more: Partial<HeapInput>) {
  return predictHeap({
    jdk: requireJdk(version),
    limitBytes: null,
    nodeBytes: 16 * 1024 * mebi,
    cpus: 2,
    architecture: 'amd64',
    cgroup: 'v1',
    kernel: null,
    args: [],
    env: {},
    ...more,
  });
}

const tenth = (bytes: number) => Number((bytes / mebi).toFixed(1));

test.each(rowsOf('table'))('the worked table: %s MiB with %s', (...row) => {
  const [limit = '', gc = '', n, s, gcCost, left, cap, heapMebi = '', share, rest, flag] = row;
  const limitBytes = Number(limit) * mebi;
  const version = gc === 'G1' && Number(limit) < 1792 ? '27' : '17';
  const got = recommendHeap({
    jdk: requireJdk(version),
    limitBytes,
    gc: gc as Collector,
    containerAware: true,
    knownFlags: [],
    wasKilled: false,
  });
  const sizeOf = (name: string) => got.arithmetic.find((line) => line.name === name)?.bytes ?? 0;
  const fixed = { Serial: [0, 0.0034], G1: [38, 0.04] }[gc] ?? [];
  const [fixedMebi = 0, perHeap = 0] = fixed;
  const beside = ['JVM itself', 'Metaspace', 'Compiled code', 'Threads', 'Direct memory'].reduce(
    (sum, name) => sum + sizeOf(name),
    0,
  );
  const room = (limitBytes - beside - sizeOf('Kept free') - fixedMebi * mebi) / (1 + perHeap);
  expect([n, s, left, cap].map(Number)).toEqual([
    beside / mebi,
    tenth(sizeOf('Kept free')),
    tenth(room),
    (0.75 * limitBytes) / mebi,
  ]);
  if (heapMebi.startsWith('none')) {
    expect(heapMebi).toBe(`none: raise the limit to ${(got.neededLimitBytes ?? 0) / mebi}`);
    expect(got.flags).toEqual([]);
    return;
  }
  expect([heapMebi, share, rest, flag]).toEqual([
    String(got.heapBytes / mebi),
    `${((100 * got.heapBytes) / limitBytes).toFixed(1)}%`,
    String((limitBytes - got.heapBytes) / mebi),
    `\`${got.flags[0]}\``,
  ]);
  expect(Number(gcCost)).toBe(tenth(sizeOf(`${gc} collector`)));
});

test.each(rowsOf('heaps'))('the heap without flags in %s is %s', (limit = '', max, initial, initialNew) => {
  const limitBytes = Number.parseInt(limit, 10) * mebi;
  const written = (bytes: number) => `${bytes / mebi} MiB`;
  for (const version of ['8u504', '11.0.24', '17.0.15', '21.0.12', '25.0.3', '26', '27']) {
    const got = heap(version, { limitBytes });
    const isNew = version === '26' || version === '27';
    expect([version, written(got.maxHeapBytes), written(got.initialHeapBytes)]).toEqual([
      version,
      max,
      isNew ? initialNew : initial,
    ]);
  }
});

test.each(rowsOf('published'))('the published case %s', (jvm = '', sees, initial, max) => {
  const [version = '', flags = ''] = jvm.replaceAll('`', '').split(', ');
  const args = flags === 'no flags' ? [] : flags.split(' ');
  const got = heap(version, { limitBytes: 512 * mebi, nodeBytes: 8_155_000 * 1024, args });
  expect([sees, initial, max]).toEqual([
    `${got.physicalBytes} bytes`,
    `${got.initialHeapBytes} bytes`,
    `${got.maxHeapBytes} bytes (${got.maxHeapBytes / mebi} MiB)`,
  ]);
});

test('the worked case of a pod killed at 80%', () => {
  const got = recommendHeap({
    jdk: requireJdk('17'),
    limitBytes: 2000 * mebi,
    gc: 'G1',
    containerAware: true,
    knownFlags: [],
    heapBytes: 1600 * mebi,
    wasKilled: true,
  });
  expect(page).toContain(`a heap of **${got.heapBytes / mebi} MiB**, 65%`);
  expect(got.arithmetic.find(({ name }) => name === 'Beside the heap')?.bytes).toBe(500 * mebi);
});
