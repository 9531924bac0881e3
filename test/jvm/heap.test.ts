import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { type Heap, type HeapInput, predictHeap } from '../../src/jvm/heap.ts';
import type { JdkVersion } from '../../src/jvm/version.ts';
import { parseJdkVersion } from '../../src/jvm/version.ts';

type ErgonomicsRow = {
  args: string[];
  initialHeapSize: number | null;
  maxHeapSize: number | null;
  gc: string | null;
  compressedOops?: boolean;
  exit: number;
  cgroupLimit?: number;
  hostMemory?: number;
};
type PrecedenceRow = {
  test: string;
  jdk: string;
  args: string[];
  env: Record<string, string>;
  maxMiB: number | null;
  initMiB: number | null;
  rc: number;
  msg: string[];
};

const fixtures = new URL('../fixtures/jvm/', import.meta.url);
const ergonomics: ErgonomicsRow[] = JSON.parse(readFileSync(new URL('jvm-ergonomics-jdk17.json', fixtures), 'utf8'));
const precedence: PrecedenceRow[] = JSON.parse(readFileSync(new URL('jvm-flag-precedence.json', fixtures), 'utf8'));

const mebi = 1024 ** 2;
const recordedNodeBytes = 25_276_502_016;

function jdk(text: string): JdkVersion {
  const version = parseJdkVersion(text);
  if (!version) throw new Error(`no version: ${text}`);
  return version;
}

function heap(text: string, input: Partial<Omit<HeapInput, 'jdk'>> = {}): Heap {
  return predictHeap({
    jdk: jdk(text),
    limitBytes: null,
    nodeBytes: recordedNodeBytes,
    cpus: 2,
    architecture: 'amd64',
    cgroup: 'v1',
    kernel: null,
    args: [],
    env: {},
    ...input,
  });
}

describe('the three published cases', () => {
  const published = { limitBytes: 512 * mebi, nodeBytes: 8_155_000 * 1024, cgroup: 'v1', cpus: 2 } as const;

  test('JDK 8u181 without flags takes a heap by the node, far past the limit', () => {
    expect(heap('8u181', published)).toMatchObject({
      containerAware: false,
      physicalBytes: 8_350_720_000,
      initialHeapBytes: 132_120_576,
      maxHeapBytes: 2_088_763_392,
      gc: 'Parallel',
      compressedOops: true,
      fatal: null,
    });
  });

  test('JDK 8u212 without flags takes a quarter of the limit', () => {
    expect(heap('8u212', published)).toMatchObject({
      containerAware: true,
      physicalBytes: 536_870_912,
      initialHeapBytes: 8_388_608,
      maxHeapBytes: 134_217_728,
      gc: 'Serial',
    });
  });

  test('JDK 8u181 with -Xms8m -Xmx128m takes what it is given', () => {
    expect(heap('8u181', { ...published, args: ['-Xms8m', '-Xmx128m'] })).toMatchObject({
      initialHeapBytes: 8_388_608,
      maxHeapBytes: 134_217_728,
      gc: 'Parallel',
    });
  });
});

test('all 544 recorded runs of JDK 17 come out to the byte, with collector and compressed pointers', () => {
  const wrong = ergonomics.flatMap((row) => {
    const { args, cgroupLimit, hostMemory } = row;
    const got = heap('17.0.15+6', {
      args,
      limitBytes: cgroupLimit ?? null,
      nodeBytes: hostMemory ?? recordedNodeBytes,
    });
    const isRight =
      row.exit !== 0
        ? got.fatal === 'Initial heap size set to a larger value than the maximum heap size'
        : got.fatal === null &&
          got.initialHeapBytes === row.initialHeapSize &&
          got.maxHeapBytes === row.maxHeapSize &&
          got.gc === row.gc &&
          (row.compressedOops === undefined || got.compressedOops === row.compressedOops);
    return isRight ? [] : [{ row, got }];
  });
  expect(ergonomics).toHaveLength(544);
  expect(wrong).toEqual([]);
});

test('all 96 recorded runs of flags from several places come out, refusals with their message', () => {
  const content = '-Xmx123m';
  const wrong = precedence.flatMap((row) => {
    const got = heap(row.jdk === '8' ? '8u504' : '17.0.15', {
      args: row.args,
      env: row.env,
      files: { '{D}/args': content, '{D}/vmo': content },
    });
    const sizes =
      row.maxMiB !== null &&
      (got.maxHeapBytes !== row.maxMiB * mebi || got.initialHeapBytes !== (row.initMiB ?? 0) * mebi);
    // Recorded where the kernel refuses to promise more than it has; Kubernetes nodes do not (vm.overcommit_memory=1).
    const isHosts = row.msg.some((line) => line.includes('os::commit_memory'));
    const exit = (got.fatal === null ? 0 : 1) !== (isHosts ? 0 : row.rc);
    return sizes || exit
      ? [{ row, max: got.maxHeapBytes / mebi, initial: got.initialHeapBytes / mebi, fatal: got.fatal }]
      : [];
  });
  expect(precedence).toHaveLength(96);
  expect(wrong).toEqual([]);
});

/** Literal figures: recorded on real JDKs (default heap by limit), or worked out by hand from the rules. MiB. */
describe('the heap by version, limit and flags', () => {
  const unlimited = { limitBytes: null } as const;
  const at = (limitMebi: number) => ({ limitBytes: limitMebi * mebi });

  test.each([
    [128, 8, 64],
    [256, 8, 126],
    [384, 8, 126],
    [512, 8, 128],
    [1024, 16, 256],
    [2048, 32, 512],
    [8192, 128, 2048],
  ])('a limit of %d MiB without flags: %d and %d on 8 to 25, 8 and the same on 26 and 27', (limit, initial, max) => {
    for (const version of ['8u504', '11.0.24', '17.0.15', '21.0.12.1', '25.0.3', '26', '27']) {
      const got = heap(version, at(limit));
      const isNew = version === '26' || version === '27';
      expect([version, got.initialHeapBytes / mebi, got.maxHeapBytes / mebi]).toEqual([
        version,
        isNew ? 8 : initial,
        max,
      ]);
    }
  });

  test.each<[string, Partial<Omit<HeapInput, 'jdk'>>, Heap['gc']]>([
    ['8u504', at(1791), 'Serial'],
    ['8u504', at(1792), 'Parallel'],
    ['17', at(1791), 'Serial'],
    ['17', at(1792), 'G1'],
    ['26', at(1791), 'Serial'],
    ['27', at(128), 'G1'],
    ['17', { ...at(4096), cpus: 1 }, 'Serial'],
    ['27', { ...at(4096), cpus: 1 }, 'G1'],
    ['17', { ...at(4096), args: ['-XX:ActiveProcessorCount=1'] }, 'Serial'],
    ['17', { ...at(4096), cpus: 1, args: ['-XX:ActiveProcessorCount=2'] }, 'G1'],
    // -XX:MaxRAM sizes the heap, it does not make the machine small.
    ['17', { ...unlimited, args: ['-XX:MaxRAM=512m'] }, 'G1'],
    ['17', { ...at(512), args: ['-XX:MaxRAM=8g'] }, 'Serial'],
    ['8u504', { ...at(4096), args: ['-XX:+UseConcMarkSweepGC'] }, 'CMS'],
    ['8u504', { ...at(4096), args: ['-XX:+UseParallelOldGC'] }, 'Parallel'],
    ['14.0.2', { ...at(4096), cgroup: 'v1', args: ['-XX:+UseConcMarkSweepGC'] }, 'G1'],
    ['17', { ...at(4096), args: ['-XX:+UseZGC'] }, 'Z'],
    [
      '8u181',
      { ...at(512), args: ['-XX:+UnlockExperimentalVMOptions', '-XX:+UseCGroupMemoryLimitForHeap'] },
      'Parallel',
    ],
  ])('the collector of JDK %s with %j is %s', (version, input, gc) => {
    expect(heap(version, input).gc).toBe(gc);
  });

  test.each<[string, Partial<Omit<HeapInput, 'jdk'>>, number, number]>([
    // 192 MiB: half of it, whatever -XX:MaxRAMPercentage says.
    ['17', { ...at(192), args: ['-XX:MaxRAMPercentage=90'] }, 8, 96],
    ['8u181', { ...at(512), args: ['-XX:+UnlockExperimentalVMOptions', '-XX:+UseCGroupMemoryLimitForHeap'] }, 8, 128],
    ['8u212', { ...at(512), args: ['-XX:-UseContainerSupport'] }, 378, 6028],
    ['17', { ...at(512), args: ['-XX:MaxRAM=1g'] }, 16, 256],
    // JDK 27 takes no notice of -XX:MaxRAM.
    ['27', { ...at(512), args: ['-XX:MaxRAM=1g'] }, 8, 128],
    ['25', { ...at(512), args: ['-XX:MaxRAM=1g'] }, 16, 256],
    ['26', { ...at(512), args: ['-XX:MaxRAM=1g'] }, 8, 256],
    // G1 rounds to its regions: down from the mean before 15, up from the maximum since. 5000 MiB: 2 MiB and 4 MiB.
    ['11.0.24', { ...unlimited, args: ['-Xmx5001m', '-Xms8m'] }, 8, 5002],
    ['17', { ...unlimited, args: ['-Xmx5001m', '-Xms8m'] }, 8, 5004],
    ['17', { ...unlimited, args: ['-Xmx5001m', '-Xms8m', '-XX:+UseSerialGC'] }, 8, 5002],
    ['17', { ...unlimited, args: ['-XX:G1HeapRegionSize=32m', '-XX:MaxRAM=1g'] }, 32, 256],
    ['8u504', { ...at(1024), args: ['-XX:MaxRAMFraction=2'] }, 16, 512],
    ['8u181', { ...unlimited, nodeBytes: 1024 * mebi, args: ['-XX:MaxRAMFraction=3'] }, 16, 342],
    ['17', { ...at(1024), args: ['-XX:MaxRAMPercentage=75', '-XX:MaxRAMFraction=2'] }, 16, 768],
    ['17', { ...at(1024), args: ['-XX:InitialRAMPercentage=50', '-XX:MaxRAMPercentage=50'] }, 512, 512],
    ['26', { ...at(1024), args: ['-XX:InitialRAMPercentage=50', '-XX:MaxRAMPercentage=50'] }, 512, 512],
    ['17', { ...at(1024), args: ['-Xms500m'] }, 500, 500],
    ['17', { ...unlimited, args: ['-Xms0'] }, 380, 6028],
    // -XX:InitialHeapSize in a variable raises the maximum; -Xms there does not.
    ['17', { ...unlimited, args: ['-Xmx100m'], env: { JAVA_TOOL_OPTIONS: '-XX:InitialHeapSize=200m' } }, 200, 200],
    ['17', { ...unlimited, args: ['-XX:+AggressiveHeap', '-Xmx100m'] }, 100, 100],
    ['17', { ...unlimited, args: ['-XX:+AggressiveHeap', '-Xmx3g'] }, 1158, 3072],
    // The smallest first heap holds the young generation that was asked for.
    ['17', { ...unlimited, args: ['-Xmn100m', '-XX:MaxRAM=1g'] }, 106, 256],
    // Both generations have to fit, where -Xmx does not forbid it.
    ['17', { ...unlimited, args: ['-XX:+UseSerialGC', '-XX:MaxRAM=10m'] }, 6, 8],
    ['17', { ...unlimited, args: ['-XX:+UseParallelGC', '-XX:MaxRAM=1g', '-Xmn300m'] }, 256, 262],
  ])('JDK %s with %j: %d and %d MiB', (version, input, initial, max) => {
    const got = heap(version, input);
    expect([got.fatal, got.initialHeapBytes / mebi, got.maxHeapBytes / mebi]).toEqual([null, initial, max]);
  });

  test.each<[string, string[], number, boolean]>([
    // On a node of 256 GiB: bounded to 128 GiB of memory up to 25, and a quarter of that is past compressed pointers.
    ['8u504', [], 32_210_157_568, true],
    ['17', [], 32_178_700_288, true],
    ['17', ['-XX:+UseSerialGC'], 32_210_157_568, true],
    ['26', [], 32_178_700_288, true],
    ['8u504', ['-XX:MaxRAMPercentage=50.0'], 32_210_157_568, true],
    // From 13 on a share that was asked for is kept, and compressed pointers are given up for it.
    ['17', ['-XX:MaxRAMPercentage=50.0'], 137_438_953_472, false],
    ['26', ['-XX:MaxRAMPercentage=50.0'], 137_438_953_472, false],
    ['17', ['-XX:MaxRAMPercentage=50.0', '-XX:+UseCompressedOops'], 32_178_700_288, true],
    ['17', ['-XX:-UseCompressedOops'], 34_359_738_368, false],
    ['26', ['-XX:-UseCompressedOops'], 68_719_476_736, false],
    ['17', ['-Xmx32735m'], 34_326_183_936, true],
    ['17', ['-Xmx32737m'], 34_342_961_152, false],
    ['17', ['-XX:+UseSerialGC', '-Xmx32766m'], 34_357_641_216, true],
    ['17', ['-XX:+UseSerialGC', '-Xmx32767m'], 34_359_738_368, false],
    ['17', ['-XX:+UseZGC', '-Xmx1g'], 1_073_741_824, false],
  ])('on a node of 256 GiB, JDK %s %j: %d bytes, compressed pointers %s', (version, args, max, compressedOops) => {
    expect(heap(version, { nodeBytes: 256 * 1024 * mebi, args })).toMatchObject({
      maxHeapBytes: max,
      compressedOops,
      fatal: null,
    });
  });

  test.each<[string, string[], string]>([
    ['17', ['-Xms300m', '-Xmx200m'], 'Initial heap size set to a larger value than the maximum heap size'],
    ['8u504', ['-Xms300m', '-Xmx200m'], 'Initial heap size set to a larger value than the maximum heap size'],
    ['17', ['-Xmx1m'], 'Too small maximum heap'],
    [
      '17',
      ['-XX:G1HeapRegionSize=8m', '-Xmx16m'],
      'GC triggered before VM initialization completed. Try increasing NewSize, current value 1331K.',
    ],
    ['17', ['-Xms500k'], 'Too small initial heap'],
    ['17', ['-Xms100m', '-XX:MinHeapSize=200m'], 'Incompatible minimum and initial heap sizes specified'],
    ['17', ['-XX:MaxRAMPercentage=75.'], "Improperly specified VM option 'MaxRAMPercentage=75.'"],
    ['17', ['-XX:MaxRAMPercentage=1e1'], "Improperly specified VM option 'MaxRAMPercentage=1e1'"],
    ['25', ['-XX:MaxRAMPercentage=75%'], "Improperly specified VM option 'MaxRAMPercentage=75%'"],
    ['25', ['-XX:OldSize=100m'], "Unrecognized VM option 'OldSize=100m'"],
    ['11', ['-XX:MinHeapSize=100m'], "Unrecognized VM option 'MinHeapSize=100m'"],
    [
      '17',
      ['-Xmx200000001', '-XX:SoftMaxHeapSize=201326593'],
      'SoftMaxHeapSize must be less than or equal to the maximum heap size',
    ],
    ['17', ['-XX:-UseG1GC'], 'Garbage collector not selected (default collector explicitly disabled)'],
    ['17', ['-XX:+AggressiveHeap', '-XX:+UseG1GC'], 'Multiple garbage collectors selected'],
  ])('JDK %s with %j refuses to start: %s', (version, args, fatal) => {
    expect(heap(version, { args })).toMatchObject({ fatal, initialHeapBytes: 0, maxHeapBytes: 0 });
  });

  test.each<[string, string[], number]>([
    ['17', ['-Xms33g'], 35_433_480_192],
    ['17', ['-XX:+UseParallelGC', '-Xmx400g'], 429_496_729_600],
  ])('JDK %s with %j starts on a Kubernetes node, which lets it reserve more than there is', (version, args, max) => {
    const got = heap(version, { args });
    expect(got).toMatchObject({ fatal: null, maxHeapBytes: max });
    expect(got.notes).toContain(
      'The heap may grow past the node’s memory: a Kubernetes node lets it reserve that much, and the container dies as it fills.',
    );
  });

  test('where it is not known whether the limit is seen, the other heap is told too', () => {
    expect(heap('17.0.17', { ...at(512), cgroup: 'v2', kernel: '6.18' })).toMatchObject({
      containerAware: null,
      maxHeapBytes: 6028 * mebi,
      otherwiseMaxHeapBytes: 128 * mebi,
    });
  });

  test('a limit above the memory of the node does not count', () => {
    expect(heap('17', { limitBytes: 8192 * mebi, nodeBytes: 2048 * mebi }).maxHeapBytes).toBe(512 * mebi);
  });

  // 512 bytes a card: with 64 KiB pages both sizes are rounded up to 32 MiB; Z and Shenandoah do not go by the pages.
  test.each<[string, string[], number, number]>([
    ['17', [], 32, 128],
    ['17', ['-XX:+UseG1GC', '-Xmx100m', '-Xms40m'], 64, 128],
    ['8u504', ['-Xmx300m'], 32, 320],
    ['17', ['-XX:+UseZGC', '-Xmx100m'], 8, 100],
    ['17', ['-XX:+UseShenandoahGC', '-Xmx100m'], 8, 100],
    ['27', [], 32, 128],
  ])('with pages of 64 KiB JDK %s with %j takes %d and %d MiB in 512 MiB', (version, args, initial, max) => {
    const got = heap(version, { ...at(512), architecture: 'arm64', pageBytes: 65_536, args });
    expect([got.initialHeapBytes / mebi, got.maxHeapBytes / mebi]).toEqual([initial, max]);
  });

  test('where the pages of an arm64 kernel are not known, both heaps are told', () => {
    const at384 = { ...at(384), architecture: 'arm64' };
    const got = heap('17', at384);
    expect(got).toMatchObject({
      maxHeapBytes: 126 * mebi,
      withLargePages: { initialHeapBytes: 32 * mebi, maxHeapBytes: 128 * mebi },
    });
    expect(got.notes.join(' ')).toContain('64 KiB pages');
    expect(heap('17', { ...at384, pageBytes: 4096 }).withLargePages).toBeNull();
    expect(heap('17', at(384)).withLargePages).toBeNull();
  });

  // Run on 17.0.15 and 25.0.3: where they differ, both are held.
  test.each<[string, string[], number, boolean]>([
    ['17', ['-XX:+UseSerialGC', '-Xms31g', '-XX:MinRAMPercentage=70.8'], 33_285_996_544, true],
    ['25', ['-XX:+UseSerialGC', '-Xms31g', '-XX:MinRAMPercentage=70.8'], 33_285_996_544, false],
    ['17', ['-XX:+UseSerialGC', '-XX:MinHeapSize=31g'], 33_285_996_544, true],
    ['25', ['-XX:+UseSerialGC', '-XX:MinHeapSize=31g'], 32_210_157_568, true],
    ['25', ['-XX:+UseSerialGC', '-XX:MaxRAM=100g', '-XX:HeapBaseMinAddress=16g'], 26_843_545_600, false],
    ['25', ['-XX:MaxRAM=100g', '-XX:HeapBaseMinAddress=32g', '-XX:MaxRAMPercentage=28.0'], 30_064_771_072, true],
    ['17', ['-XX:+UseParallelGC', '-XX:MaxRAM=213940942', '-Xmn255662768'], 115_343_360, true],
    ['25', ['-XX:+UseParallelGC', '-XX:MaxRAM=213940942', '-Xmn255662768'], 109_051_904, true],
    ['25', ['-XX:MaxRAM=1g', '-XX:MaxRAMPercentage=75.'], 805_306_368, true],
    ['25', ['-XX:G1HeapRegionSize=8m', '-Xmx16m'], 16_777_216, true],
    ['17', ['-Xmx200000001', '-XX:SoftMaxHeapSize=201326592'], 201_326_592, true],
  ])('JDK %s with %j takes %d bytes, compressed pointers %s', (version, args, maxHeapBytes, compressedOops) => {
    expect(heap(version, { args })).toMatchObject({ fatal: null, maxHeapBytes, compressedOops });
  });

  test.each<[string, Partial<Omit<HeapInput, 'jdk'>>]>([
    ['7u80', {}],
    ['28', {}],
    ['17', { architecture: 'ppc64le' }],
    ['17', { args: ['-XX:+UnlockExperimentalVMOptions', '-XX:+UseEpsilonGC'] }],
    ['8u504', { args: ['-XX:+UnlockExperimentalVMOptions', '-XX:+UseShenandoahGC'] }],
  ])('JDK %s with %j is said not to be modelled yet', (version, input) => {
    expect(() => heap(version, input)).toThrow(/not modelled yet/);
  });
});

/** As documented; neither was run here. MiB. */
describe('VMs with other rules than HotSpot', () => {
  test.each<[string, number | null, string[], number, string]>([
    ['openj9-17.0.9', 512, [], 256, 'Gencon'],
    ['openj9-17.0.9', 1023, [], 511.5, 'Gencon'],
    ['openj9-17.0.9', 1024, [], 512, 'Gencon'],
    ['openj9-17.0.9', 1536, [], 1024, 'Gencon'],
    ['openj9-17.0.9', 2048, [], 1536, 'Gencon'],
    ['openj9-17.0.9', 4096, [], 3072, 'Gencon'],
    ['openj9-17.0.9', 65_536, [], 25_600, 'Gencon'],
    ['openj9-17.0.9', null, [], 25_600, 'Gencon'],
    ['openj9-17.0.9', 512, ['-Xmx100m'], 100, 'Gencon'],
    ['openj9-17.0.9', 1024, ['-XX:MaxRAMPercentage=75'], 768, 'Gencon'],
    // Below 249.6 MiB HotSpot would go by another share; OpenJ9 has no such rule.
    ['openj9-17.0.9', 200, ['-XX:MaxRAMPercentage=75'], 150, 'Gencon'],
    ['graalvm-native-21', 1000, [], 800, 'Serial'],
    ['graalvm-native-21', 1000, ['-Xmx256m'], 256, 'Serial'],
    ['graalvm-native-21', 1000, ['-XX:MaxRAMPercentage=50'], 500, 'Serial'],
  ])('%s in %s MiB with %j: %d MiB, %s, and only inferred', (version, limit, args, max, gc) => {
    const got = heap(version, {
      limitBytes: limit === null ? null : limit * mebi,
      nodeBytes: 131_072 * mebi,
      cgroup: 'v2',
      args,
    });
    expect([got.maxHeapBytes / mebi, got.gc, got.fatal, got.awareness.grade]).toEqual([max, gc, null, 'inferred']);
  });

  test('a native image reads no JAVA_TOOL_OPTIONS', () => {
    const env = { JAVA_TOOL_OPTIONS: '-Xmx100m' };
    expect(heap('graalvm-native-21', { limitBytes: 1000 * mebi, env }).maxHeapBytes).toBe(800 * mebi);
    expect(heap('openj9-17.0.9', { limitBytes: 1000 * mebi, env }).maxHeapBytes).toBe(100 * mebi);
  });
});
