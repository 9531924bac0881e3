import { describe, expect, test } from '@jest/globals';
import { readFlags } from '../../src/jvm/flags.ts';
import { requireJdk } from '../../src/jvm/version.ts';

function flags(version: string, args: string[], env: Record<string, string> = {}) {
  return readFlags({ jdk: requireJdk(version), args, env });
}

test('the places are read in the order in which the last one wins', () => {
  const env = { _JAVA_OPTIONS: '-Xmx4g', JAVA_TOOL_OPTIONS: '-Xmx1g', JDK_JAVA_OPTIONS: '-Xmx2g' };
  const read = flags('17', ['-Xmx3g'], env);
  expect(read.settings.map(({ value, source }) => `${value} ${source}`)).toEqual([
    '1g JAVA_TOOL_OPTIONS',
    '2g JDK_JAVA_OPTIONS',
    '3g command line',
    '4g _JAVA_OPTIONS',
  ]);
  expect(read.effective).toEqual([{ name: 'MaxHeapSize', value: '4g', source: '_JAVA_OPTIONS', text: '-Xmx4g' }]);
  expect(read.pickedUp).toEqual([
    'NOTE: Picked up JDK_JAVA_OPTIONS: -Xmx2g',
    'Picked up JAVA_TOOL_OPTIONS: -Xmx1g',
    'Picked up _JAVA_OPTIONS: -Xmx4g',
  ]);
});

test('variables that only scripts read are named as ignored, and so is what JDK 8 does not read', () => {
  const read = flags('8u212', [], { JAVA_OPTS: '-Xmx1g', JDK_JAVA_OPTIONS: '-Xmx2g', HOME: '/' });
  expect(read.effective).toEqual([]);
  expect(read.ignored.map(({ name, value }) => [name, value])).toEqual([
    ['JAVA_OPTS', '-Xmx1g'],
    ['JDK_JAVA_OPTIONS', '-Xmx2g'],
  ]);
});

describe('flags end where the program begins', () => {
  test.each<[string, string[]]>([
    ['after the main class', ['-Xmx1g', 'com.shop.Main', '-Xmx2g']],
    ['after the jar', ['-Xmx1g', '-jar', 'app.jar', '-Xmx2g']],
    ['options between -jar and the file still count', ['-jar', '-Xmx1g', 'app.jar', '-Xmx2g']],
    ['a class path is a value', ['-cp', '/app/*', '-Xmx1g', 'Main', '-Xmx2g']],
    ['a module is the program', ['-p', 'mods', '-Xmx1g', '-m', 'shop/com.shop.Main', '-Xmx2g']],
    ['the word java is skipped', ['java', '-Xmx1g', '-jar', 'app.jar']],
    ['and what wraps it', ['/sbin/tini', '--', '/opt/java/bin/java', '-Xmx1g', '-jar', 'app.jar']],
    ['long options may take a word', ['--add-opens', 'java.base/java.lang=ALL-UNNAMED', '-Xmx1g', '-jar', 'app.jar']],
    ['files of the program are not read', ['-Xmx1g', 'Main', '@args']],
  ])('%s', (_name, args) => {
    const read = flags('17', args);
    expect(read.effective.map(({ text }) => text)).toEqual(['-Xmx1g']);
    expect(read.fatal).toBeNull();
    expect(read.unread).toEqual([]);
  });
});

describe('the message with which the JVM refuses to start', () => {
  const unlock = '-XX:+UnlockExperimentalVMOptions';
  test.each<[string, string[], string | null]>([
    ['8u504', ['-XX:MaxRAMPercentage=75'], "Improperly specified VM option 'MaxRAMPercentage=75'"],
    ['8u504', ['-XX:MaxRAMPercentage=75.0'], null],
    ['8u504', ['-XX:MaxRAMPercentage=101.0'], null],
    ['11.0.24', ['-XX:MaxRAMPercentage=101.0'], "Improperly specified VM option 'MaxRAMPercentage=101.0'"],
    ['11.0.24', ['-XX:MaxRAMPercentage=75'], null],
    ['17', ['-XX:MaxRAMPercentage=75%'], "Improperly specified VM option 'MaxRAMPercentage=75%'"],
    ['17', ['-XX:MaxRAMPercentage=7.5e1'], null],
    ['17', ['-XX:MaxRAMPercentage=.5'], "Improperly specified VM option 'MaxRAMPercentage=.5'"],
    ['17', ['-XX:MaxRAMPercentage'], "Improperly specified VM option 'MaxRAMPercentage'"],
    ['8u181', ['-XX:MaxRAMPercentage=75.0'], "Unrecognized VM option 'MaxRAMPercentage=75.0'"],
    ['9.0.4', ['-XX:MaxRAMPercentage=75.0'], "Unrecognized VM option 'MaxRAMPercentage=75.0'"],
    ['8u181', ['-XX:-UseContainerSupport'], "Unrecognized VM option 'UseContainerSupport'"],
    ['8u181', ['-XX:ActiveProcessorCount=1'], "Unrecognized VM option 'ActiveProcessorCount=1'"],
    ['8u181', [unlock, '-XX:+UseCGroupMemoryLimitForHeap'], null],
    [
      '8u181',
      ['-XX:+UseCGroupMemoryLimitForHeap', unlock],
      `Error: VM option 'UseCGroupMemoryLimitForHeap' is experimental and must be enabled via ${unlock}.`,
    ],
    ['8u121', [unlock, '-XX:+UseCGroupMemoryLimitForHeap'], "Unrecognized VM option 'UseCGroupMemoryLimitForHeap'"],
    ['11.0.24', [unlock, '-XX:+UseCGroupMemoryLimitForHeap'], "Unrecognized VM option 'UseCGroupMemoryLimitForHeap'"],
    ['11.0.24', ['-XX:+UseConcMarkSweepGC'], null],
    ['14.0.2', ['-XX:+UseConcMarkSweepGC'], null],
    ['17', ['-XX:+UseConcMarkSweepGC'], "Unrecognized VM option 'UseConcMarkSweepGC'"],
    ['16', ['-XX:MaxPermSize=128m'], null],
    ['17', ['-XX:MaxPermSize=128m'], "Unrecognized VM option 'MaxPermSize=128m'"],
    ['21', ['-XX:MaxRAMFraction=2'], null],
    ['25', ['-XX:MaxRAMFraction=2'], "Unrecognized VM option 'MaxRAMFraction=2'"],
    ['25', ['-XX:InitialRAMFraction=2'], "Unrecognized VM option 'InitialRAMFraction=2'"],
    ['25', ['-XX:+IgnoreUnrecognizedVMOptions', '-XX:MaxRAMFraction=2'], null],
    ['17', ['-XX:MaxRAMFraction=0'], "Improperly specified VM option 'MaxRAMFraction=0'"],
    ['17', ['-XX:+UseG1GC', '-XX:+UseSerialGC'], 'Multiple garbage collectors selected'],
    [
      '8u504',
      ['-XX:+UseG1GC', '-XX:+UseSerialGC'],
      'Conflicting collector combinations in option list; please refer to the release notes for the combinations allowed',
    ],
    ['8u504', ['-XX:+UseParNewGC', '-XX:+UseConcMarkSweepGC'], null],
    ['17', ['-XX:+UseG1GC', '-XX:-UseG1GC', '-XX:+UseSerialGC'], null],
    ['11.0.24', ['-XX:+UseZGC'], `Error: VM option 'UseZGC' is experimental and must be enabled via ${unlock}.`],
    [
      '17',
      ['-XX:G1HeapRegionSize=33m', '-XX:G1HeapRegionSize=8m'],
      "Improperly specified VM option 'G1HeapRegionSize=33m'",
    ],
    ['21', ['-XX:G1HeapRegionSize=64m'], null],
    // Run on 17.0.15 and 25.0.3.
    ['17', ['-Xss100k'], 'The Java thread stack size specified is too small. Specify at least 136k'],
    ['25', ['-Xss1'], 'The Java thread stack size specified is too small. Specify at least 136k'],
    ['17', ['-XX:ThreadStackSize=135'], 'The Java thread stack size specified is too small. Specify at least 136k'],
    ['17', ['-Xss136k'], null],
    ['17', ['-Xss0'], null],
    ['17', ['-Xss2g'], 'Invalid thread stack size: -Xss2g'],
    ['8u504', ['-Xss180k'], 'The stack size specified is too small, Specify at least 228k'],
    ['8u504', ['-d64'], null],
    ['17', ['-d64'], 'Unrecognized option: -d64'],
    ['8u504', ['-Xincgc'], null],
    ['17', ['-Xincgc'], 'Unrecognized option: -Xincgc'],
    ['8u504', ['-Xbootclasspath/p:/x.jar'], null],
    ['17', ['-Xbootclasspath/p:/x.jar'], '-Xbootclasspath/p is no longer a supported option.'],
    ['17', ['-Xbootclasspath:/x.jar'], '-Xbootclasspath is no longer a supported option.'],
    ['17', ['-Xbootclasspath/a:/x.jar'], null],
    ['17', ['-Xnoagent'], null],
    ['25', ['-Xnoagent'], 'Unrecognized option: -Xnoagent'],
    ['17', ['-Xmx200Mi'], 'Invalid maximum heap size: -Xmx200Mi'],
    ['17', ['-Xmx200mb'], 'Invalid maximum heap size: -Xmx200mb'],
    ['17', ['-Xmx1.5g'], 'Invalid maximum heap size: -Xmx1.5g'],
    ['17', ['-Xmx=200m'], 'Invalid maximum heap size: -Xmx=200m'],
    ['17', ['-Xmx0'], 'Invalid maximum heap size: -Xmx0'],
    ['17', ['-Xmx'], 'Invalid maximum heap size: -Xmx'],
    ['17', ['-Xmx99999999999999999999g'], 'Invalid maximum heap size: -Xmx99999999999999999999g'],
    ['17', ['-XX:MaxHeapSize=200Mi'], 'Invalid maximum heap size: -XX:MaxHeapSize=200Mi'],
    ['17', ['-Xms300x'], 'Invalid initial heap size: -Xms300x'],
    ['8u504', ['-Xmx0xC800000'], 'Invalid maximum heap size: -Xmx0xC800000'],
    ['17', ['-Xmx0xC800000'], null],
    ['17', ['-XX:UseSerialGC'], "Missing +/- setting for VM option 'UseSerialGC'"],
    ['17', ['-XX:+MaxRAM'], "Unexpected +/- setting in VM option 'MaxRAM'"],
    ['17', ['-XX:MaxRAMPercentage:75'], "Unrecognized VM option 'MaxRAMPercentage:75'"],
    ['17', ['-Xgcpolicy:gencon'], 'Unrecognized option: -Xgcpolicy:gencon'],
    ['17', ['-XX:+PrintGCDateStamps'], "Unrecognized VM option 'PrintGCDateStamps'"],
    ['8u504', ['-Xlog:gc'], 'Unrecognized option: -Xlog:gc'],
    ['17', ['-Xlog:gc*:file=gc.log'], null],
    [
      '8u504',
      ['--add-opens=java.base/java.lang=ALL-UNNAMED'],
      'Unrecognized option: --add-opens=java.base/java.lang=ALL-UNNAMED',
    ],
    [
      '17',
      [
        '-Dspring.profiles.active=prod',
        '-ea',
        '-server',
        '-javaagent:/a.jar',
        '-Xss512k',
        '-verbose:gc',
        '-XX:+PrintFlagsFinal',
        '-version',
      ],
      null,
    ],
  ])('JDK %s %j: %s', (version, args, fatal) => {
    expect(flags(version, args).fatal).toBe(fatal);
  });

  test.each<[Record<string, string>, string]>([
    [{ JAVA_TOOL_OPTIONS: '@/etc/args' }, 'Unrecognized option: @/etc/args'],
    [{ JAVA_TOOL_OPTIONS: '-jar app.jar' }, 'Unrecognized option: -jar'],
    [{ JAVA_TOOL_OPTIONS: '-mx100m' }, 'Unrecognized option: -mx100m'],
    [{ JAVA_TOOL_OPTIONS: '-Da="b' }, 'Unmatched quote in JAVA_TOOL_OPTIONS'],
    [
      { JDK_JAVA_OPTIONS: '-jar app.jar' },
      'Error: Option -jar is not allowed in environment variable JDK_JAVA_OPTIONS',
    ],
    [{ JDK_JAVA_OPTIONS: 'Main' }, 'Error: Cannot specify main class in environment variable JDK_JAVA_OPTIONS'],
  ])('in a variable, %j: %s', (env, fatal) => {
    expect(flags('17', [], env).fatal).toBe(fatal);
  });
});

test('an option that stands in no list here is only likely to be refused', () => {
  const read = flags('17', ['-Xgcpolicy:gencon']);
  expect([read.fatal, read.isFatalKnown]).toEqual(['Unrecognized option: -Xgcpolicy:gencon', false]);
  expect(flags('17', ['-Xincgc']).isFatalKnown).toBe(true);
});

test('a small stack is not judged on other processors, where the least is another one', () => {
  const read = readFlags({ jdk: requireJdk('17'), args: ['-Xss100k'], env: {}, architecture: 'arm64' });
  expect(read.fatal).toBeNull();
});

test('the launcher alone reads JDK_JAVA_OPTIONS', () => {
  const read = readFlags({ jdk: requireJdk('17'), args: [], env: { JDK_JAVA_OPTIONS: '-Xmx1g' }, launcher: false });
  expect(read.effective).toEqual([]);
});

test('quotes and line ends in a variable hold words together and split them', () => {
  const read = flags('17', [], { JAVA_TOOL_OPTIONS: '-Dx="a -Xmx1g b"\n-Xmx2g\t-Xm"s64"m' });
  expect(read.effective.map(({ text }) => text)).toEqual(['-Xmx2g', '-Xms64m']);
});

test('argument files that are known are read, others are named', () => {
  const jdk = requireJdk('17');
  const files = { '/etc/jvm.args': '# sizes\n-Xmx2g\n"-Xms1g"' };
  const read = readFlags({ jdk, args: ['@/etc/jvm.args', '@/other', '-jar', 'a.jar'], env: {}, files });
  expect(read.effective.map(({ text, source }) => `${text} ${source}`)).toEqual([
    '-Xmx2g command line, @/etc/jvm.args',
    '-Xms1g command line, @/etc/jvm.args',
  ]);
  expect(read.unread).toEqual(['/other']);
});

test('a flag that is nearly a known one is pointed out', () => {
  expect(flags('17', ['-XX:MaxRAMPercantage=75', '-XX:+PrintCompilation']).suspicious).toEqual([
    { name: 'MaxRAMPercantage', near: 'MaxRAMPercentage' },
  ]);
});
