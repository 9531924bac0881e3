import { describe, expect, test } from '@jest/globals';
import { jcmdTrouble, parseHeapInfo, parseNativeMemory, parseVmFlags } from '../../src/jvm/jcmd-output.ts';
import { asked } from '../support/jvm-container.ts';

const kibi = 1024;
const mebi = 1024 ** 2;
const recorded = ['17', '25'].flatMap((jdk) => ['g1', 'serial', 'parallel', 'z', 'shenandoah'].map((gc) => [jdk, gc]));
const collectors: Readonly<Record<string, string>> = {
  g1: 'G1',
  serial: 'Serial',
  parallel: 'Parallel',
  z: 'Z',
  shenandoah: 'Shenandoah',
};

describe('VM.flags', () => {
  test.each(recorded)('of JDK %s with %s tells the heap that -Xmx64m set, and the collector', (jdk = '', gc = '') => {
    const flags = parseVmFlags(asked(`${jdk}-${gc}.flags`));
    expect(flags).toMatchObject({ maxHeapBytes: 64 * mebi, initialHeapBytes: 64 * mebi, collector: collectors[gc] });
    expect(flags?.reservedCodeCacheBytes).toBe(jdk === '17' ? 251658240 : 251662336);
  });

  test('of JDK 8, 11 and 21 are read as well', () => {
    // As the manuals and public bug reports show them; not recorded here.
    expect(
      parseVmFlags(
        '1:\n-XX:CICompilerCount=2 -XX:InitialHeapSize=132120576 -XX:MaxHeapSize=2088763392 -XX:+UseParallelGC \n',
      ),
    ).toMatchObject({ maxHeapBytes: 2088763392, collector: 'Parallel' });
    expect(
      parseVmFlags(
        '7:\n-XX:MaxDirectMemorySize=16777216 -XX:MaxHeapSize=536870912 -XX:MaxMetaspaceSize=134217728 -XX:+UseG1GC',
      ),
    ).toMatchObject({ maxDirectMemoryBytes: 16777216, maxMetaspaceBytes: 134217728, collector: 'G1' });
  });

  test('what is no list of flags is none', () => {
    for (const text of [
      '',
      '1:\n',
      'Error: Could not create the Java Virtual Machine.',
      '\0\u{1f600}',
      'x'.repeat(100_000),
    ])
      expect(parseVmFlags(text)).toBeUndefined();
  });
});

describe('GC.heap_info', () => {
  test.each([
    ['17-g1', 17700 * kibi, 65536 * kibi],
    ['17-serial', 9947 * kibi, (19648 + 43712) * kibi],
    ['17-parallel', 9830 * kibi, (18944 + 44032) * kibi],
    ['17-z', 18 * mebi, 64 * mebi],
    ['17-shenandoah', 9728 * kibi, 65536 * kibi],
    ['25-g1', 18861 * kibi, 65536 * kibi],
    ['25-serial', (9939 + 1166) * kibi, (19648 + 43712) * kibi],
    ['25-parallel', (9830 + 1166) * kibi, (18944 + 44032) * kibi],
    ['25-z', 24 * mebi, 64 * mebi],
    ['25-shenandoah', 10752 * kibi, 65536 * kibi],
  ])('of %s tells what is in use and what is held', (name, usedBytes, committedBytes) => {
    expect(parseHeapInfo(asked(`${name}.heap`))).toMatchObject({ usedBytes, committedBytes });
  });

  test('tells the metaspace up to 24 or so; 25 does not', () => {
    expect(parseHeapInfo(asked('17-g1.heap'))?.metaspaceUsedBytes).toBe(132 * kibi);
    expect(parseHeapInfo(asked('25-g1.heap'))?.metaspaceUsedBytes).toBeUndefined();
  });

  test('what is no such answer is none', () => {
    for (const text of ['', '1:\njava.lang.IllegalArgumentException: Unknown diagnostic command\n', '\0'])
      expect(parseHeapInfo(text)).toBeUndefined();
  });
});

describe('VM.native_memory', () => {
  test('of 17 tells its areas, the largest first', () => {
    const native = parseNativeMemory(asked('17-g1.nmt'));
    expect(native).toMatchObject({ kind: 'on', reservedBytes: 1505861 * kibi, committedBytes: 128029 * kibi });
    const areas =
      native?.kind === 'on' ? native.areas.map(({ name, committedBytes }) => [name, committedBytes / kibi]) : [];
    expect(areas.slice(0, 4)).toEqual([
      ['Java Heap', 65536],
      ['GC', 39547],
      ['Shared class space', 12060],
      ['Code', 7591],
    ]);
    expect(areas.length).toBe(18);
  });

  test('of 25, which tells peaks too, is read the same way', () => {
    const native = parseNativeMemory(asked('25-g1.nmt'));
    expect(native).toMatchObject({ kind: 'on', committedBytes: 129973 * kibi });
    expect(native?.kind === 'on' && native.areas.find(({ name }) => name === 'Shared class space')).toEqual({
      name: 'Shared class space',
      reservedBytes: 16384 * kibi,
      committedBytes: 13908 * kibi,
    });
  });

  test('that is off is told from one that cannot be read', () => {
    expect(parseNativeMemory(asked('17-serial.nmt'))).toEqual({ kind: 'off' });
    expect(parseNativeMemory('1:\nnothing of the kind')).toBeUndefined();
  });
});

test.each([
  // JDK 8 has no GC.heap_info: as its diagnostic framework words it.
  ['java.lang.IllegalArgumentException: Unknown diagnostic command', 'this JDK has no such command'],
  [
    'com.sun.tools.attach.AttachNotSupportedException: Unable to open socket file /proc/1/root/tmp/.java_pid1: target process 1 doesn’t respond within 10500ms',
    'the JVM lets nobody attach: another user, -XX:+DisableAttachMechanism, or it hangs',
  ],
  ['java.io.IOException: Operation not permitted', 'the user of the container may not attach to it'],
  ['java.io.IOException: Read-only file system', 'its /tmp is read-only, and jcmd attaches by a socket there'],
  ['java.io.IOException: No such process', 'the process is gone'],
  ['Error: Could not create the Java Virtual Machine.', 'jcmd itself could not start'],
  ['something else', undefined],
])('jcmd’s “%s” is told as what it means', (text, told) => {
  expect(jcmdTrouble(text)).toBe(told);
});
