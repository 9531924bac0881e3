import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type HeapInput, predictHeap } from '../../src/jvm/heap.ts';
import { recommendHeap } from '../../src/jvm/recommendation.ts';
import {
  findJava,
  machineBytes,
  makeMemoryCgroup,
  type PrintedFlags,
  printFlags,
  runProgram,
} from '../support/java.ts';
import { randomFlags } from './random-flags.ts';
import { randomLaunches } from './random-launches.ts';

const mebi = 1024 ** 2;
const java = findJava().find(({ jdk }) => jdk.major >= 11);
const probe = makeMemoryCgroup(512 * mebi);
probe?.remove();
const missing =
  java === undefined
    ? ' (skipped: no Java 11 or later)'
    : probe === undefined
      ? ' (skipped: no cgroup may be made)'
      : '';
const testWhere = missing === '' ? test : test.skip;

/** Threads and direct memory of the profile, less what the launcher of a source file takes of the latter. */
const profiles = { small: ['25', '3'], standard: ['50', '15'] } as const;

type Case = [limitMebi: number, end: 'OutOfMemoryError' | 'killed', flags: 'recommended' | readonly string[]];

testWhere.each<Case>([
  [192, 'OutOfMemoryError', 'recommended'],
  [256, 'OutOfMemoryError', 'recommended'],
  [512, 'OutOfMemoryError', 'recommended'],
  [1024, 'OutOfMemoryError', 'recommended'],
  [2048, 'OutOfMemoryError', 'recommended'],
  // What the recommendation is there to prevent: a JVM that takes its heap from the node, as 8u181 does.
  [256, 'killed', ['-XX:-UseContainerSupport']],
  [512, 'killed', ['-XX:-UseContainerSupport']],
])(
  `a program that leaks in %d MiB ends by %s under %s flags${missing}`,
  (limitMebi, end, given) => {
    if (java === undefined) return;
    const limitBytes = limitMebi * mebi;
    const { gc } = predictHeap({
      jdk: java.jdk,
      limitBytes,
      nodeBytes: machineBytes(),
      cpus: 2,
      architecture: 'amd64',
      cgroup: 'v1',
      kernel: null,
      args: [],
      env: {},
    });
    if (gc === 'Gencon') throw new Error('OpenJ9 has other rules');
    const recommended = recommendHeap({
      jdk: java.jdk,
      limitBytes,
      gc,
      containerAware: true,
      knownFlags: [],
      wasKilled: false,
    });
    const cgroup = makeMemoryCgroup(limitBytes);
    if (cgroup === undefined) throw new Error('no cgroup');
    try {
      const flags = given === 'recommended' ? recommended.flags : given;
      const words = [join(import.meta.dirname, 'Leak.java'), ...profiles[limitMebi <= 256 ? 'small' : 'standard']];
      const { exitCode, signal, output } = runProgram(java, flags, words, cgroup);
      expect(output).toContain('warm');
      if (end === 'killed') {
        expect([exitCode, signal]).toEqual([null, 'SIGKILL']);
        expect(cgroup.peakBytes()).toBeGreaterThanOrEqual(limitBytes - mebi);
        return;
      }
      // -XX:+ExitOnOutOfMemoryError ends it with 3.
      expect(output).toContain('Terminating due to java.lang.OutOfMemoryError: Java heap space');
      expect([exitCode, signal]).toEqual([3, null]);
      // Measured: 63 to 78%.
      expect(cgroup.peakBytes()).toBeLessThan(0.9 * limitBytes);
    } finally {
      cgroup.remove();
    }
  },
  180_000,
);

/** What is predicted wrongly of a JVM in a cgroup of 4 GiB; undefined where all of it is right, or the machine is too small. */
function mismatch(printed: PrintedFlags, given: Pick<HeapInput, 'jdk' | 'limitBytes' | 'args' | 'env' | 'files'>) {
  if (printed.exitCode !== 0 && /Could not reserve|commit_memory|Failed to reserve/.test(printed.output))
    return undefined;
  const { fatal, initialHeapBytes, maxHeapBytes, gc, compressedOops } = predictHeap({
    ...given,
    nodeBytes: machineBytes(),
    cpus: 2,
    architecture: 'amd64',
    cgroup: 'v1',
    kernel: null,
  });
  const isRight =
    fatal === null
      ? printed.exitCode === 0 &&
        printed.initialHeapBytes === initialHeapBytes &&
        printed.maxHeapBytes === maxHeapBytes &&
        printed.gc === gc &&
        printed.compressedOops === compressedOops
      : printed.exitCode === 1 && printed.output.includes(fatal.replace(/^Error: /, ''));
  return isRight ? undefined : { ...given, printed: printed.maxHeapBytes, maxHeapBytes, fatal };
}

testWhere(
  `500 random sets of flags come out to the byte${missing}`,
  () => {
    if (java === undefined) return;
    const limitBytes = 4096 * mebi;
    const cgroup = makeMemoryCgroup(limitBytes);
    if (cgroup === undefined) throw new Error('no cgroup');
    const { jdk } = java;
    const wrong = randomFlags({ major: jdk.major, seed: 4711, count: 500 }).flatMap(
      (args) => mismatch(printFlags(java, args, cgroup), { jdk, limitBytes, args, env: {} }) ?? [],
    );
    cgroup.remove();
    expect(wrong).toEqual([]);
  },
  600_000,
);

testWhere(
  `300 random launches, with flags in variables, argument files and VM options files, come out to the byte${missing}`,
  () => {
    if (java === undefined) return;
    const limitBytes = 4096 * mebi;
    const cgroup = makeMemoryCgroup(limitBytes);
    if (cgroup === undefined) throw new Error('no cgroup');
    const folder = mkdtempSync(join(tmpdir(), 'quorum-launches-'));
    const { jdk } = java;
    const wrong = randomLaunches({ major: jdk.major, seed: 4712, count: 300, folder }).flatMap((launch) => {
      for (const [path, content] of Object.entries(launch.files)) writeFileSync(path, content);
      return mismatch(printFlags(java, launch.args, cgroup, launch.env), { jdk, limitBytes, ...launch }) ?? [];
    });
    cgroup.remove();
    rmSync(folder, { recursive: true });
    expect(wrong).toEqual([]);
  },
  600_000,
);
