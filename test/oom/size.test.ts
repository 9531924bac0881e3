import { describe, expect, test } from '@jest/globals';
import { answer, refusal } from '../support/oom-line.ts';

describe('/oom size', () => {
  test('recommends a heap for a limit, with the reckoning and the flags', async () => {
    const report = await answer('/oom size --limit 512Mi --jdk 17');
    expect([report.verdict, report.summary]).toEqual([
      'ok',
      'JDK 17 in 512Mi: set -XX:MaxRAMPercentage=60.9, a heap of 312 MiB (61%)',
    ]);
    expect(report.data).toMatchObject({
      limitBytes: 536_870_912,
      heapBytes: 327_155_712,
      flags: ['-XX:MaxRAMPercentage=60.9', '-XX:MaxDirectMemorySize=16m', '-XX:+ExitOnOutOfMemoryError'],
      verdict: 'fits',
      gc: 'Serial',
    });
  });

  test('says that a limit is too small, and which is not', async () => {
    const report = await answer('/oom size --limit 128Mi --jdk 17');
    expect([report.verdict, report.summary]).toEqual([
      'findings',
      'JDK 17 in 128Mi: too small a limit; raise it to 192Mi',
    ]);
    expect(report.data).toMatchObject({ verdict: 'limit-too-small', flags: [], neededLimitBytes: 201_326_592 });
  });

  test('reckons with what was seen', async () => {
    const report = await answer('/oom size --limit 1Gi --jdk 17 --peak 900Mi --heap 512Mi --gc g1');
    expect(report.data).toMatchObject({ verdict: 'B', heapBytes: 452_984_832, gc: 'G1' });
  });

  test('gives -Xmx to a JVM that knows no percentages', async () => {
    const report = await answer('/oom size --limit 1Gi --jdk 8u181 --gc parallel');
    expect(report.data.flags).toMatchObject(['-Xmx762m', '-XX:MaxDirectMemorySize=16m', '-XX:+ExitOnOutOfMemoryError']);
  });

  test('says that a heap is past the limit', async () => {
    const report = await answer('/oom size --limit 512Mi --jdk 8u181 --heap 1992Mi');
    expect([report.verdict, report.data.verdict]).toEqual(['findings', 'A']);
    expect(report.findings).toMatchObject([{ severity: 'critical', claim: 'The heap may grow past the limit.' }]);
  });

  test.each([
    ['Serial', 'UseSerialGC'],
    ['Z', 'zgc'],
    ['CMS', 'UseConcMarkSweepGC'],
    ['Shenandoah', '-XX:+UseShenandoahGC'],
  ])('%s may be named %s', async (gc, name) => {
    expect((await answer(`/oom size --limit 1Gi --jdk 11 --gc=${name}`)).data.gc).toBe(gc);
  });
});

describe('/oom size refuses, and says what to do', () => {
  test.each([
    ['--jdk 17', '--limit is missing.'],
    ['--limit 1Gi', '--jdk is missing.'],
    ['--limit 1Gi --jdk banana', '"banana" is not a JDK version.'],
    ['--limit 1Gi --jdk 7', 'JDK 7 is not modelled yet; 8 to 27 are.'],
    [
      '--limit 1Gi --jdk openj9-17',
      'What OpenJ9 needs beside its heap was not measured, so no size is reckoned for it.',
    ],
    [
      '--limit 1Gi --jdk graalvm-native-21',
      'What a native image needs beside its heap was not measured, so no size is reckoned for it.',
    ],
    ['--limit 0 --jdk 17', '--limit 0 is not more than nothing.'],
    ['--limit lots --jdk 17', '--limit "lots" is not a size.'],
    ['--limit 1Gi --jdk 17 --peak 0', '--peak 0 is not more than nothing.'],
    ['--limit 1Gi --jdk 17 --heap x', '--heap "x" is not a size.'],
    ['--limit 1Gi --jdk 17 --gc mark', 'There is no collector "mark".'],
    ['--limit 1Gi --jdk 17 pod-x', '"pod-x" is not expected here.'],
    ['--limit 1Gi --jdk 17 -- -Xmx1g', '"-Xmx1g" is not expected here.'],
  ])('%s', async (words, message) => {
    const refused = await refusal(`/oom size ${words}`);
    expect(refused.message).toBe(message);
    expect(refused.advice).not.toBe('');
  });
});
