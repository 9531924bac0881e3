import { describe, expect, test } from '@jest/globals';
import { mergeOptions } from '../../src/jvm/merge-options.ts';

describe('new flags go behind what a variable holds', () => {
  test.each<[string, readonly string[], string, readonly string[]]>([
    ['', ['-Xmx300m'], '-Xmx300m', []],
    ['-Dx=y', ['-Xmx300m'], '-Dx=y -Xmx300m', []],
    ['-Xmx2g -Dx=y', ['-Xmx300m'], '-Dx=y -Xmx300m', ['-Xmx2g']],
    ['-XX:MaxHeapSize=2g', ['-Xmx300m'], '-Xmx300m', ['-XX:MaxHeapSize=2g']],
    ['-XX:MaxRAMPercentage=80', ['-Xmx300m'], '-Xmx300m', ['-XX:MaxRAMPercentage=80']],
    ['-XX:MaxRAMFraction=1', ['-XX:MaxRAMPercentage=60.9'], '-XX:MaxRAMPercentage=60.9', ['-XX:MaxRAMFraction=1']],
    ['-mx2g', ['-Xmx300m'], '-Xmx300m', ['-mx2g']],
    // Another flag, though of the heap too: it is nobody's to take away.
    ['-Xms64m -XX:InitialRAMPercentage=10', ['-Xmx300m'], '-Xms64m -XX:InitialRAMPercentage=10 -Xmx300m', []],
    ['-Xms1g', ['-Xmx300m', '-Xms300m'], '-Xmx300m -Xms300m', ['-Xms1g']],
    [
      '-XX:-ExitOnOutOfMemoryError',
      ['-XX:+ExitOnOutOfMemoryError'],
      '-XX:+ExitOnOutOfMemoryError',
      ['-XX:-ExitOnOutOfMemoryError'],
    ],
    ['"-Dgreeting=good day"  -Xmx2g', ['-Xmx300m'], '"-Dgreeting=good day" -Xmx300m', ['-Xmx2g']],
    [`-Dx='a "b"' '-Xmx2g'`, ['-Xmx300m'], `-Dx='a "b"' -Xmx300m`, [`'-Xmx2g'`]],
    ['$(OTHER) -Xmxfoo', ['-Xmx300m'], '$(OTHER) -Xmxfoo -Xmx300m', []],
    ['\n-Dx=y\t-Dz\n', ['-Xmx300m'], '-Dx=y -Dz -Xmx300m', []],
  ])('%j with %j is %j', (present, flags, value, replaced) => {
    const merged = mergeOptions(present, flags);
    expect([merged.value, merged.replaced]).toEqual([value, replaced]);
    // What was set once is set: the second time changes nothing.
    expect(mergeOptions(merged.value, flags).value).toBe(value);
  });

  test('a quote that is never closed is told', () => {
    expect(mergeOptions('-Dx="a', ['-Xmx1g']).unmatchedQuote).toBe(true);
    expect(mergeOptions('-Dx="a"', ['-Xmx1g']).unmatchedQuote).toBe(false);
  });
});
