import { describe, expect, test } from '@jest/globals';
import { type Heap, predictHeap } from '../../src/jvm/heap.ts';
import { recommendHeap } from '../../src/jvm/recommendation.ts';
import { findJava, type Java, machineBytes, makeMemoryCgroup, type PrintedFlags, printFlags } from '../support/java.ts';
import { randomFlags } from './random-flags.ts';

const mebi = 1024 ** 2;
const javas = findJava();
const java = javas.find(({ jdk }) => jdk.major >= 11);
const title = 'a real JVM takes the heap that the bot predicts';
/** Said in the name of what is skipped. */
const here = java === undefined ? `${title} (skipped: no Java 11 or later on PATH or in JAVA_HOME)` : title;

/** The limit that every JVM here is given, so that no prediction depends on what else the machine runs in. */
const roomBytes = 4096 * mebi;

function predict({ jdk }: Java, flags: readonly string[], limitBytes: number | null): Heap {
  return predictHeap({
    jdk,
    limitBytes,
    nodeBytes: machineBytes(),
    cpus: 2,
    architecture: 'amd64',
    cgroup: 'v1',
    kernel: null,
    args: flags,
    env: {},
  });
}

function said(heap: Heap | PrintedFlags) {
  const { initialHeapBytes, maxHeapBytes, gc, compressedOops } = heap;
  return { initialHeapBytes, maxHeapBytes, gc, compressedOops };
}

const limits = [192, 256, 512, 1024, 2048];
const inCgroup = makeMemoryCgroup(roomBytes);
inCgroup?.remove();

describe(here, () => {
  const testWhere = java === undefined || process.arch !== 'x64' ? test.skip : test;
  testWhere.each(limits)('under the flags recommended for %d MiB', (limitMebi) => {
    if (java === undefined) return;
    const limitBytes = limitMebi * mebi;
    const { gc } = predict(java, [], limitBytes);
    if (gc === 'Gencon') throw new Error('OpenJ9 has other rules');
    const { flags, heapBytes } = recommendHeap({
      jdk: java.jdk,
      limitBytes,
      gc,
      containerAware: true,
      knownFlags: [],
      wasKilled: false,
    });
    const cgroup = makeMemoryCgroup(limitBytes);
    // Where no cgroup can be made -XX:MaxRAM stands for the limit, and the collector has to be named.
    const given = cgroup === undefined ? [`-XX:MaxRAM=${limitBytes}`, `-XX:+Use${gc}GC`, ...flags] : flags;
    try {
      const printed = printFlags(java, given, cgroup);
      expect(printed.exitCode).toBe(0);
      expect(said(printed)).toEqual(said(predict(java, given, cgroup === undefined ? null : limitBytes)));
      // Rounded down to a tenth of a percent, up to 2 MiB: never above what was reckoned.
      expect(printed.maxHeapBytes).toBeLessThanOrEqual(heapBytes);
      expect(printed.maxHeapBytes).toBeGreaterThan(heapBytes - 4 * mebi);
    } finally {
      cgroup?.remove();
    }
  });

  // Each in a room of 4 GiB, so that a heap which the JVM commits at once cannot hurt the machine.
  const testRandom = inCgroup === undefined ? test.skip : testWhere;
  testRandom(
    'under 10 random sets of flags, or refuses with the message that the bot predicts',
    () => {
      if (java === undefined) return;
      const cgroup = makeMemoryCgroup(roomBytes);
      const wrong: unknown[] = [];
      for (const flags of randomFlags({ major: java.jdk.major, seed: 2026, count: 10 })) {
        const printed = printFlags(java, flags, cgroup);
        const predicted = predict(java, flags, roomBytes);
        // A machine that does not overcommit refuses what a Kubernetes node would let it reserve.
        if (printed.exitCode !== 0 && /Could not reserve|commit_memory|Failed to reserve/.test(printed.output))
          continue;
        const isRight =
          predicted.fatal === null
            ? printed.exitCode === 0 && JSON.stringify(said(printed)) === JSON.stringify(said(predicted))
            : printed.exitCode === 1 && printed.output.includes(predicted.fatal.replace(/^Error: /, ''));
        if (!isRight) wrong.push({ flags, printed: said(printed), predicted: said(predicted), fatal: predicted.fatal });
      }
      cgroup?.remove();
      expect(wrong).toEqual([]);
    },
    60_000,
  );
});
