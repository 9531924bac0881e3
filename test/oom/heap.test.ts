import { describe, expect, test } from '@jest/globals';
import { oomHeap } from '../../commands/oom/heap.ts';
import { usageOf } from '../../src/grammar.ts';
import { answer, refusal } from '../support/oom-line.ts';

describe('/oom heap answers the three published cases', () => {
  const published = '--limit 512Mi --node 8155000Ki --cgroup v1 --cpus 2';

  test('JDK 8u181 without flags: past the limit', async () => {
    const report = await answer(`/oom heap --jdk 8u181 ${published}`);
    expect(report.verdict).toBe('findings');
    expect(report.summary).toBe('JDK 8u181 in 512Mi takes a heap of up to 1992 MiB: past the limit; set -Xmx');
    expect(report.findings).toMatchObject([
      {
        severity: 'critical',
        grade: 'fact',
        claim: 'The heap may grow to 1992 MiB, past the limit of 512Mi.',
        advice: 'Set -Xmx292m. Upgrade to 8u191 or later.',
      },
    ]);
    expect(report.data).toMatchObject({
      jdk: '8u181',
      containerAware: false,
      physicalBytes: 8_350_720_000,
      initialHeapBytes: 132_120_576,
      maxHeapBytes: 2_088_763_392,
      gc: 'Parallel',
      compressedOops: true,
      fatal: null,
      flags: [],
    });
  });

  test('JDK 8u212 without flags: within the limit', async () => {
    const report = await answer(`/oom heap --jdk 8u212 ${published}`);
    expect(report.verdict).toBe('ok');
    expect(report.data).toMatchObject({
      initialHeapBytes: 8_388_608,
      maxHeapBytes: 134_217_728,
      gc: 'Serial',
      containerAware: true,
    });
  });

  test('JDK 8u181 with -Xms8m -Xmx128m: as given', async () => {
    const report = await answer(`/oom heap --jdk 8u181 ${published} -- -Xms8m -Xmx128m`);
    expect(report.verdict).toBe('ok');
    expect(report.data).toMatchObject({
      initialHeapBytes: 8_388_608,
      maxHeapBytes: 134_217_728,
      flags: [
        { name: 'InitialHeapSize', value: '8m', source: 'command line' },
        { name: 'MaxHeapSize', value: '128m', source: 'command line' },
      ],
    });
  });
});

describe('/oom heap', () => {
  test('says what it assumed', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 512Mi --node 16Gi');
    const assumed = report.sections.find((section) => section.kind === 'text');
    expect(assumed).toMatchObject({
      text: expect.stringContaining(
        'cgroup v2 assumed: --cgroup was not given.\n2 CPUs assumed: --cpus was not given.',
      ),
    });
    expect(report.data).toMatchObject({ cgroup: 'v2', cpus: 2, maxHeapBytes: 134_217_728 });
  });

  test('rounds by the pages of the kernel, and tells both heaps where an arm64 kernel may have either', async () => {
    const line = '/oom heap --jdk 17 --limit 384Mi --node 16Gi --arch arm64';
    const unknown = await answer(line);
    expect(unknown.data).toMatchObject({
      maxHeapBytes: 132_120_576,
      withLargePages: { initialHeapBytes: 33_554_432, maxHeapBytes: 134_217_728 },
    });
    expect(unknown.findings[0]?.claim).toBe('On a kernel with 64 KiB pages the heap may grow to 128 MiB.');
    const large = await answer(`${line} --page-size 64Ki`);
    expect(large.data).toMatchObject({ maxHeapBytes: 134_217_728, withLargePages: null });
    expect(large.findings).toEqual([]);
  });

  test('reckons OpenJ9 and native images by their own rules, and advises no flags of HotSpot', async () => {
    const semeru = await answer('/oom heap --jdk openj9-17.0.9 --limit 512Mi --node 16Gi');
    expect(semeru.data).toMatchObject({ maxHeapBytes: 268_435_456, gc: 'Gencon', recommendedFlags: [] });
    const native = await answer('/oom heap --jdk graalvm-native-21 --limit 1000Mi --node 16Gi');
    expect(native.data).toMatchObject({ maxHeapBytes: 838_860_800, gc: 'Serial', recommendedFlags: [] });
  });

  test('counts the kernel with cgroup v2 only', async () => {
    const v2 = await answer('/oom heap --jdk 17.0.12 --limit 512Mi --node 16Gi --kernel 6.18');
    const v1 = await answer('/oom heap --jdk 17.0.12 --limit 512Mi --node 16Gi --kernel 6.18 --cgroup v1');
    expect([v2.data.containerAware, v2.data.maxHeapBytes]).toEqual([false, 4_294_967_296]);
    expect([v1.data.containerAware, v1.data.maxHeapBytes]).toEqual([true, 134_217_728]);
  });

  test('tells both heaps where it is not known whether the limit is seen', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 512Mi --node 16Gi --kernel 6.18');
    expect(report.verdict).toBe('unknown');
    expect(report.summary).toBe(
      'JDK 17 in 512Mi takes a heap of up to 128 MiB, or 4 GiB: it is not known whether it sees the limit; set -Xmx',
    );
  });

  test('says that a JVM would refuse to start, with its message', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 512Mi --node 16Gi -- -XX:+UseConcMarkSweepGC');
    expect(report.verdict).toBe('findings');
    expect(report.summary).toBe(
      "JDK 17 refuses to start with these flags: Unrecognized VM option 'UseConcMarkSweepGC'",
    );
    expect(report.data).toMatchObject({ fatal: "Unrecognized VM option 'UseConcMarkSweepGC'", maxHeapBytes: 0 });
    expect(report.findings).toMatchObject([
      { advice: 'Remove the flags of CMS: it went with JDK 14. -XX:+UseG1GC takes its place.' },
    ]);
  });

  test('reads variables as the JVM does, and says which do not count', async () => {
    const report = await answer(
      '/oom heap --jdk 17 --limit 1Gi --node 16Gi --env "JAVA_TOOL_OPTIONS=-Xmx600m -Dpassword=hunter2" --env JAVA_OPTS=-Xmx100m',
    );
    expect(report.data).toMatchObject({
      maxHeapBytes: 629_145_600,
      flags: [{ name: 'MaxHeapSize', value: '600m', source: 'JAVA_TOOL_OPTIONS' }],
    });
    expect(report.findings.map(({ claim }) => claim)).toContain('JAVA_OPTS does not count.');
    expect(JSON.stringify(report)).not.toContain('hunter2');
  });

  test('warns of a heap that leaves too little for the rest', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 512Mi --node 16Gi -- -XX:MaxRAMPercentage=90.0');
    expect(report.verdict).toBe('findings');
    expect(report.summary).toBe(
      'JDK 17 in 512Mi takes a heap of up to 462 MiB: only 50 MiB left for the rest of the JVM; lower -Xmx or raise the limit',
    );
  });

  test('points out a percentage that does nothing', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 192Mi --node 16Gi -- -XX:MaxRAMPercentage=90.0');
    expect(report.data.maxHeapBytes).toBe(100_663_296);
    expect(report.findings.map(({ claim }) => claim)).toContain('-XX:MaxRAMPercentage=90.0 does nothing here.');
  });

  test('answers without a limit', async () => {
    const report = await answer('/oom heap --jdk 17 --node 8155000Ki');
    expect([report.verdict, report.summary]).toEqual([
      'ok',
      'JDK 17 without a limit takes a heap of up to 1992 MiB on a node of 7.8 GiB',
    ]);
  });

  test('advises -Xmx and a lower -Xms where -Xms alone makes the heap too large', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 512Mi --node 16Gi -- -Xms2g');
    expect(report.data.recommendedFlags).toEqual([
      '-Xmx312m',
      '-Xms312m',
      '-XX:MaxDirectMemorySize=16m',
      '-XX:+ExitOnOutOfMemoryError',
    ]);
    expect(report.findings[0]?.advice).toBe('Set -Xmx312m in place of -Xms2g (command line).');
  });

  test('takes a heap past the node for one past its limit, not for one that does not start', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 1Gi --node 4Gi -- -Xms8g');
    expect(report.data).toMatchObject({ fatal: null, maxHeapBytes: 8_589_934_592 });
    expect(report.summary).toBe('JDK 17 in 1Gi takes a heap of up to 8 GiB: past the limit; set -Xmx');
  });

  test('grades a refusal by what it knows of the option', async () => {
    const grade = async (option: string) =>
      (await answer(`/oom heap --jdk 17 --limit 1Gi --node 4Gi -- ${option}`)).findings.map((found) => found.grade);
    expect([await grade('-Xincgc'), await grade('-Xgcpolicy:gencon')]).toEqual([['fact'], ['inferred']]);
  });

  test('says in full which ignored flag to remove', async () => {
    const report = await answer('/oom heap --jdk 27 --limit 1Gi --node 4Gi -- -XX:MaxRAM=512m');
    expect(report.findings.map(({ advice }) => advice)).toContain('Remove -XX:MaxRAM=512m.');
  });

  test('names a file of options that it cannot read', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 1Gi --node 16Gi -- @/etc/jvm.args -jar app.jar');
    expect(report.verdict).toBe('unknown');
    expect(report.findings.map(({ claim }) => claim)).toContain(
      'The file /etc/jvm.args was not read: what it sets is not counted.',
    );
  });

  test('keeps every table to four columns', async () => {
    const report = await answer('/oom heap --jdk 17 --limit 1Gi --node 16Gi -- -Xmx1g');
    const widths = report.sections.flatMap((section) => (section.kind === 'table' ? [section.columns.length] : []));
    expect(widths).toEqual([4, 2]);
  });
});

test('usage shows without brackets what the command cannot do without', () => {
  expect(usageOf(oomHeap)).toBe(
    '/oom heap --jdk <version> [--limit <quantity>] --node <quantity> [--cpus <count>] [--arch <architecture>] [--cgroup <version>] [--kernel <release>] [--page-size <size>] [--env <NAME=VALUE>]…',
  );
});

describe('/oom heap refuses, and says what to do', () => {
  test.each([
    ['--node 16Gi', '--jdk is missing.'],
    ['--jdk 17', '--node is missing.'],
    ['--jdk banana --node 16Gi', '"banana" is not a JDK version.'],
    ['--jdk 7u80 --node 16Gi', 'JDK 7 is not modelled yet; 8 to 27 are.'],
    ['--jdk 28 --node 16Gi', 'JDK 28 is not modelled yet; 8 to 27 are.'],
    ['--jdk 17 --node 16Gi --limit 512MB', '--limit "512MB" is not a size.'],
    ['--jdk 17 --node 16Gi --limit 0', '--limit 0 is not more than nothing.'],
    ['--jdk 17 --node 16Gi --limit 512m', '--limit 512m is 0.512 bytes (m is a thousandth); did you mean 512Mi?'],
    ['--jdk 17 --node 16Gi --limit 512', '--limit 512 is 512 bytes; did you mean 512Mi?'],
    ['--jdk 17 --node 16Ki', '--node 16Ki is 16 KiB; did you mean 16Mi?'],
    ['--jdk 17 --node 16Gi --limit=-512Mi', '--limit -512Mi is not more than nothing.'],
    ['--jdk 17 --node 9Ei', '--node 9Ei is more than any machine has.'],
    ['--jdk 17 --node lots', '--node "lots" is not a size.'],
    ['--jdk 17 --node 16Gi --page-size 8Ki', 'Pages of "8Ki" are not modelled.'],
    ['--jdk 17 --node 16Gi --cgroup v3', 'There is no cgroup version "v3".'],
    ['--jdk 17 --node 16Gi --kernel new', '"new" is not a kernel release.'],
    ['--jdk 17 --node 16Gi --cpus 0', '--cpus "0" is not a number of CPUs.'],
    ['--jdk 17 --node 16Gi --cpus 1.5', '--cpus "1.5" is not a number of CPUs.'],
    ['--jdk 17 --node 16Gi --cpus abc', '--cpus "abc" is not a number of CPUs.'],
    ['--jdk 17 --node 16Gi --arch sparc', 'The architecture "sparc" is not modelled yet.'],
    ['--jdk 17 --node 16Gi --arch constructor', 'The architecture "constructor" is not modelled yet.'],
    ['--jdk 17 --node 16Gi --env NOVALUE', '--env needs NAME=VALUE.'],
    ['--jdk 17 --node 16Gi extra', '"extra" is not expected here.'],
    ['--jdk 17 --node 16Gi DB_PASSWORD=hunter2', '"DB_PASSWORD=***" is not expected here.'],
    ['--jdk token=hunter2 --node 16Gi', '"token=***" is not a JDK version.'],
  ])('%s', async (words, message) => {
    const refused = await refusal(`/oom heap ${words}`);
    expect(refused.message).toBe(message);
    expect(refused.advice).not.toBe('');
  });
});
