import { describe, expect, test } from '@jest/globals';
import { fatalAdvice } from '../../src/jvm/fatal.ts';
import { readFlags } from '../../src/jvm/flags.ts';
import { predictHeap } from '../../src/jvm/heap.ts';
import { splitArgumentFile } from '../../src/jvm/launch.ts';
import { requireJdk } from '../../src/jvm/version.ts';

// Every row was seen on a real 17.0.15, and on 25.0.3 where nothing else is said.

describe('an argument file is taken apart as the launcher does it', () => {
  test.each<[string, string[]]>([
    ['-Xmx64m -Xms8m\n', ['-Xmx64m', '-Xms8m']],
    ['# all of it\r\n-Xmx64m # its end\n\f-Xms8m', ['-Xmx64m', '-Xms8m']],
    ['"-Da=b c" \'-Dd=e "f"\'', ['-Da=b c', '-Dd=e "f"']],
    ['-XX:""+UseSerialGC', ['-XX:+UseSerialGC']],
    ['"-Xmx\\\n   64m"', ['-Xmx64m']],
    ['"a\\tb\\\\c\\"d"', ['a\tb\\c"d']],
    // Outside of quotes a backslash joins nothing: it becomes the main class.
    ['-Xms16m \\\n-Xmx64m', ['-Xms16m', '\\', '-Xmx64m']],
    ['-Xmx64m "-Xms8m\n-Xss512k', ['-Xmx64m', '-Xms8m', '-Xss512k']],
    ['', []],
  ])('%j', (text, words) => {
    expect(splitArgumentFile(text)).toEqual(words);
  });
});

type Launch = {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
};

function read({ args = [], env = {}, files = {} }: Launch, version = '17.0.15') {
  return readFlags({ jdk: requireJdk(version), args, env, files });
}

describe('what ends a launch, with its message', () => {
  test.each<[string, Launch, string | null]>([
    ['no file within a file', { args: ['@a'], files: { a: '@b' } }, 'Error: Could not find or load main class @b'],
    [
      'a backslash',
      { args: ['@a'], files: { a: '-Xms8m \\\n-Xmx64m' } },
      'Error: Could not find or load main class \\',
    ],
    [
      'an end in the variable',
      { env: { JDK_JAVA_OPTIONS: '-Xmx64m -version' } },
      'Error: Option -version is not allowed in environment variable JDK_JAVA_OPTIONS',
    ],
    [
      'the same in its file',
      { env: { JDK_JAVA_OPTIONS: '@a' }, files: { a: '-Xmx64m --module=x' } },
      'Error: Option --module=x in @a is not allowed in environment variable JDK_JAVA_OPTIONS',
    ],
    ['what may stand there', { env: { JDK_JAVA_OPTIONS: '-showversion --source 17' } }, null],
    [
      'a comment in a VM options file',
      { args: ['-XX:VMOptionsFile=a'], files: { a: '-Xmx1g # x' } },
      'Unrecognized option: #',
    ],
    ['an open quote in it', { args: ['-XX:VMOptionsFile=a'], files: { a: '"-Xmx1g' } }, 'Unmatched quote in a'],
    [
      'one that names another',
      { env: { JAVA_TOOL_OPTIONS: '-XX:VMOptionsFile=a' }, files: { a: '-XX:VMOptionsFile=b' } },
      "A VM options file may not refer to a VM options file. Specification of '-XX:VMOptionsFile=<file-name>' in the options file '-XX:VMOptionsFile=a' in options container 'env_var='JAVA_TOOL_OPTIONS'' is an error.",
    ],
    [
      'two on the command line, the variable among it',
      { env: { JDK_JAVA_OPTIONS: '-XX:VMOptionsFile=a' }, args: ['-XX:VMOptionsFile=b'], files: { a: '', b: '' } },
      "The option '-XX:VMOptionsFile=a' is already specified in the options container 'cmd_line_args' so the specification of '-XX:VMOptionsFile=b' in the same options container is an error.",
    ],
    [
      'one in each container',
      {
        env: { JAVA_TOOL_OPTIONS: '-XX:VMOptionsFile=a', _JAVA_OPTIONS: '-XX:VMOptionsFile=a' },
        args: ['-XX:VMOptionsFile=a'],
        files: { a: '-Xmx64m' },
      },
      null,
    ],
    [
      'a long option without =',
      { env: { _JAVA_OPTIONS: '--add-modules java.sql' } },
      'Unrecognized option: --add-modules',
    ],
    ['and with it', { env: { _JAVA_OPTIONS: '--add-modules=java.sql' } }, null],
    ['-server in a variable', { env: { JAVA_TOOL_OPTIONS: '-server' } }, 'Unrecognized option: -server'],
    ['-server on the command line', { args: ['-server'] }, null],
    [
      'told not to mind, and then to mind: the last word counts, wherever it stands',
      {
        env: { JAVA_TOOL_OPTIONS: '-XX:+IgnoreUnrecognizedVMOptions' },
        args: ['-XX:-IgnoreUnrecognizedVMOptions', '-XX:+UseConcMarkSweepGC'],
      },
      "Unrecognized VM option 'UseConcMarkSweepGC'",
    ],
    [
      'told to mind, and then not to',
      { env: { JAVA_TOOL_OPTIONS: '-XX:+UseConcMarkSweepGC', _JAVA_OPTIONS: '-XX:+IgnoreUnrecognizedVMOptions' } },
      null,
    ],
  ])('%s', (_, launch, message) => {
    expect(read(launch).fatal).toBe(message);
    if (message !== null) expect(fatalAdvice(message)).not.toBe('Correct the flag that the message names.');
  });

  test('17 hands --disable-@files on to the VM, which does not know it; 25 keeps it', () => {
    expect(read({ args: ['--disable-@files'] }).fatal).toBe('Unrecognized option: --disable-@files');
    expect(read({ args: ['--disable-@files'] }, '25.0.3').fatal).toBeNull();
  });
});

test('what a VM options file sets stands where the file is named', () => {
  const { settings } = read({
    env: { _JAVA_OPTIONS: '-XX:VMOptionsFile=b' },
    args: ['-Xmx1g', '-XX:VMOptionsFile=a', '-Xmx3g'],
    files: { a: '-Xmx2g', b: '-Xmx4g' },
  });
  expect(settings.map(({ value, source }) => `${value} ${source}`)).toEqual([
    '1g command line',
    '2g command line, VMOptionsFile a',
    '3g command line',
    '4g _JAVA_OPTIONS, VMOptionsFile b',
  ]);
});

test.each<[string, Record<string, string>, string[], string | null]>([
  [
    'MinHeapSize in a variable is not held against -Xmx',
    { JAVA_TOOL_OPTIONS: '-XX:MinHeapSize=512m' },
    ['-Xmx256m'],
    null,
  ],
  [
    'in JDK_JAVA_OPTIONS it is, for that is the command line',
    { JDK_JAVA_OPTIONS: '-XX:MinHeapSize=512m' },
    ['-Xmx256m'],
    'Incompatible minimum and maximum heap sizes specified',
  ],
  ['nor against InitialHeapSize', { _JAVA_OPTIONS: '-XX:MinHeapSize=64m' }, ['-XX:InitialHeapSize=16m'], null],
  [
    'what was on the command line once is held against it, whatever sets it last',
    { _JAVA_OPTIONS: '-XX:MaxHeapSize=256m -XX:InitialHeapSize=400786k' },
    ['-Xms8m'],
    'Initial heap size set to a larger value than the maximum heap size',
  ],
  ['nor in a variable alone', { _JAVA_OPTIONS: '-XX:MaxHeapSize=256m -XX:InitialHeapSize=400786k' }, [], null],
  [
    'the smallest heap too',
    { _JAVA_OPTIONS: '-XX:MinHeapSize=300m' },
    ['-Xms8m', '-Xmx256m'],
    'Incompatible minimum and maximum heap sizes specified',
  ],
  [
    '-Xms counts everywhere',
    { JAVA_TOOL_OPTIONS: '-Xms64m' },
    ['-XX:InitialHeapSize=16m'],
    'Incompatible minimum and initial heap sizes specified',
  ],
])('%s', (_, env, args, fatal) => {
  const heap = predictHeap({
    jdk: requireJdk('17.0.15'),
    limitBytes: null,
    nodeBytes: 8 * 1024 ** 3,
    cpus: 2,
    architecture: 'amd64',
    cgroup: 'v2',
    kernel: null,
    args,
    env,
  });
  expect(heap.fatal).toBe(fatal);
});
