import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { jvmComplaint, looksLikeJavaLog, pickedUpVariables } from '../../src/kubernetes/java-log.ts';

type Run = { readonly jdk: string; readonly case: string; readonly exitCode: number; readonly output: string };
const runs = JSON.parse(readFileSync('test/fixtures/jvm/jvm-oom-messages.json', 'utf8')) as Run[];

const causes: Readonly<Record<string, string>> = {
  heap: 'heap',
  gcoverheadG1: 'heap',
  direct: 'direct-memory',
  array: 'array-size',
  meta: 'metaspace',
  ccs: 'compressed-class-space',
  threads: 'native-threads',
  exit3: 'heap',
  heapdump: 'heap',
};

describe('what a JVM complains of in its log', () => {
  test.each(runs.map((run) => [`${run.case} on JDK ${run.jdk}`, run] as const))('is told apart: %s', (_title, run) => {
    const expected =
      run.case === 'gcoverhead'
        ? run.output.includes('GC overhead limit exceeded')
          ? 'gc-overhead'
          : 'heap'
        : run.case === 'crash134'
          ? run.output.includes('Unrecognized VM option')
            ? 'bad-flags'
            : 'heap'
          : causes[run.case];
    expect(jvmComplaint(run.output)?.cause).toBe(expected);
    expect(looksLikeJavaLog(run.output) || run.case === 'exit3').toBe(true);
  });

  test.each([
    ['Terminating due to java.lang.OutOfMemoryError: Java heap space', 'heap', true],
    ['Exception in thread "main" java.lang.OutOfMemoryError: PermGen space', 'metaspace', false],
    ['java.lang.OutOfMemoryError: Required array length 2147483639 + 9 is too large', 'array-size', false],
    ['Exception in thread "main" java.lang.StackOverflowError', 'stack-overflow', false],
    ['{"level":"ERROR","stack":"java.lang.OutOfMemoryError: Metaspace\\n\\tat x"}', 'metaspace', false],
    ['{"class":"java.lang.OutOfMemoryError","message":"Java heap space"}', 'heap', false],
    [
      '#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n#  SIGSEGV (0xb)',
      'native-crash',
      true,
    ],
    ['# There is insufficient memory for the Java Runtime Environment to continue.', 'native-crash', true],
    ["Unrecognized VM option 'MaxPermSize=64m'\nError: Could not create the Java Virtual Machine.", 'bad-flags', true],
    [
      'Error occurred during initialization of VM\nInitial heap size set to a larger value than the maximum heap size',
      'bad-flags',
      true,
    ],
    ['Exception: java.lang.OutOfMemoryError thrown from the UncaughtExceptionHandler in thread "main"', 'heap', false],
  ])('is understood: %s', (log, cause, isTheEnd) => {
    expect(jvmComplaint(log)).toMatchObject({ cause, isTheEnd });
  });

  test.each([
    '',
    'Picked up JAVA_TOOL_OPTIONS: -XX:+ExitOnOutOfMemoryError -XX:OnOutOfMemoryError="kill -9 %p"',
    'INFO started in 3.2 seconds',
    'ERROR value 7 is outside the allowed range',
    'Unrecognized option --colour',
    'INFO registered handler for java.lang.OutOfMemoryError\nCaused by: java.net.ConnectException: Connection refused',
    'INFO com.shop.OutOfMemoryErrorHandler and java.lang.OutOfMemoryErrorWatch are ready',
    'java.lang.OutOfMemoryError: a text that no JVM is known to print',
    'java.lang.OutOfMemoryError',
    '\u0000\u0001\u0002binary\u00ff',
  ])('is nothing in: %j', (log) => {
    expect(jvmComplaint(log)).toBeUndefined();
  });

  const caught = 'WARN worker caught java.lang.OutOfMemoryError: Java heap space, retrying\n';
  const thrown = 'java.lang.OutOfMemoryError: Java heap space\n\tat com.shop.A.b(A.java:1)\n';
  const ok = (lines: number) => 'INFO ok\n'.repeat(lines);
  test.each([
    ['a caught one, by the error after it', `${caught + ok(3)}ERROR no database\n`, 'ERROR no database'],
    ['one that was thrown, by an error later on', `${thrown + ok(10)}ERROR no database\n`, 'ERROR no database'],
    ['one after which the program went on', thrown + ok(60), 'INFO ok'],
    [
      'an exception later on',
      `${thrown + ok(10)}java.net.ConnectException: refused\n`,
      'java.net.ConnectException: refused',
    ],
  ])('is overtaken by what came later: %s', (_what, log, overtakenBy) => {
    expect(jvmComplaint(log)).toMatchObject({ cause: 'heap', overtakenBy });
  });

  test.each([
    ['its own echo', `${thrown}ERROR shutting down\n`],
    ['lines of the shutdown', thrown + ok(20)],
    ['its own repetition', thrown + ok(10) + thrown],
    ['anything, where the main thread died of it', `Exception in thread "main" ${thrown}${ok(60)}ERROR x\n`],
  ])('is not overtaken by %s', (_what, log) => {
    expect(jvmComplaint(log)?.overtakenBy).toBeUndefined();
  });

  test('names the flag that kept it from starting, not the line after it', () => {
    const log =
      'Invalid maximum heap size: -Xmx200Mi\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.';
    expect(jvmComplaint(log)?.line).toBe('Invalid maximum heap size: -Xmx200Mi');
  });

  test('is found beside a line of ten megabytes, quickly and shortened', () => {
    const started = performance.now();
    const found = jvmComplaint(
      `${'x'.repeat(10_000_000)}\njava.lang.OutOfMemoryError: Java heap space ${'y'.repeat(5000)}`,
    );
    expect(found?.cause).toBe('heap');
    expect(found?.line).toHaveLength(300);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test('carries no secret, no control character and no turned text', () => {
    const line =
      jvmComplaint('\u202e\u001b[31mjava.lang.OutOfMemoryError: Java heap space password=hunter2')?.line ?? '';
    expect(line).toBe('[31mjava.lang.OutOfMemoryError: Java heap space password=***');
  });
});

describe('what a JVM says it picked up', () => {
  test('is the value of the variable, the last start counting', () => {
    const log =
      'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nNOTE: Picked up JDK_JAVA_OPTIONS: -Xss1m\nPicked up JAVA_TOOL_OPTIONS: -Xmx2g\n';
    expect(pickedUpVariables(log)).toEqual({ JAVA_TOOL_OPTIONS: '-Xmx2g', JDK_JAVA_OPTIONS: '-Xss1m' });
  });
});

test.each([
  ['panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12', false],
  ['172.17.0.1 - - [03/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 615', false],
  ['  at Object.<anonymous> (/app/index.js:3:1)', false],
  ['\tat com.shop.Checkout.main(Checkout.java:12)', true],
  ['[0.004s][info][gc,init] Version: 17.0.15+6 (release)', true],
])('a log is recognised as written by a JVM or not: %s', (log, isJava) => {
  expect(looksLikeJavaLog(log)).toBe(isJava);
});
