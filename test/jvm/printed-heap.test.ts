import { describe, expect, test } from '@jest/globals';
import { printedHeap, printedMemory, seenMemory } from '../../src/jvm/printed-heap.ts';

const mebi = 1024 ** 2;

describe('what a JVM prints of its own heap is taken at its word', () => {
  test.each<[string, number | undefined, number | undefined]>([
    // -XX:+PrintFlagsFinal of 8: := is a flag that was changed.
    ['    uintx MaxHeapSize                              := 2088763392          {product}', 2_088_763_392, undefined],
    [
      '    uintx InitialHeapSize := 8388608 {product}\n    uintx MaxHeapSize := 134217728 {product}',
      134_217_728,
      8_388_608,
    ],
    // Of 9 and later, and in hs_err.
    ['   size_t MaxHeapSize                              = 132120576  {product} {ergonomic}', 132_120_576, undefined],
    // -Xlog:gc+init.
    [
      '[0.005s][info][gc,init] Heap Initial Capacity: 378M\n[0.005s][info][gc,init] Heap Max Capacity: 6028M',
      6028 * mebi,
      378 * mebi,
    ],
    ['[0.005s][info][gc,init] Heap Max Capacity: 2G', 2048 * mebi, undefined],
    // Before rounding: no fact.
    ['-XX:InitialHeapSize=394945344 -XX:MaxHeapSize=6319125504 -XX:+PrintCommandLineFlags', undefined, undefined],
    ['CommandLine flags: -XX:InitialHeapSize=8388608 -XX:MaxHeapSize=130862280 -XX:+PrintGC', undefined, undefined],
    // Less one survivor space: 123.75M means 128.
    ['    Max. Heap Size (Estimated): 123.75M', undefined, undefined],
    ['   size_t SoftMaxHeapSize = 132120576 {manageable} {ergonomic}', undefined, undefined],
    ['Picked up JAVA_TOOL_OPTIONS: -XX:MaxHeapSize=128m', undefined, undefined],
    ['', undefined, undefined],
  ])('%j', (log, max, initial) => {
    const got = printedHeap(log);
    expect([got?.maxHeapBytes, got?.initialHeapBytes]).toEqual([max, initial]);
  });
});

describe('what it prints of the memory it sees tells whether it sees its limit', () => {
  const [limit, node] = [512 * mebi, 25_276_502_016];
  test.each<[string, boolean | undefined]>([
    ['[0.005s][info][gc,init] Memory: 24105M', false],
    ['[0.005s][info][gc,init] Memory: 512M', true],
    ['[0.005s][info][gc,init] Memory: 1024M', undefined],
    ['Memory: 4k page, physical 24684084k(23012000k free), swap 0k(0k free)', false],
    ['Memory: 4k page, physical 524288k(500000k free), swap 0k(0k free)', true],
    ['Memory: a lot', undefined],
  ])('%s: %s', (log, isAware) => {
    expect(seenMemory(log, limit, node)?.isAware).toBe(isAware);
  });

  test('where the limit is the node’s memory it tells nothing', () => {
    expect(printedMemory('[0.005s][info][gc,init] Memory: 512M')?.mebibytes).toBe(512);
    expect(seenMemory('[0.005s][info][gc,init] Memory: 512M', limit, limit)).toBeUndefined();
  });
});
