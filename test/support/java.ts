import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Collector } from '../../src/jvm/collector.ts';
import { type JdkVersion, jdkFromLog } from '../../src/jvm/version.ts';

/** A real JVM on this machine. */
export type Java = { readonly path: string; readonly jdk: JdkVersion };

/** What -XX:+PrintFlagsFinal says of the heap, or why the JVM did not start. */
export type PrintedFlags = {
  readonly exitCode: number | null;
  readonly output: string;
  readonly initialHeapBytes: number;
  readonly maxHeapBytes: number;
  readonly gc: Collector | undefined;
  readonly compressedOops: boolean;
};

/** The JVMs of PATH and of JAVA_HOME; none where the machine has no Java. */
export function findJava(): Java[] {
  const folders = [
    ...(process.env.PATH ?? '').split(':'),
    ...(process.env.JAVA_HOME === undefined ? [] : [join(process.env.JAVA_HOME, 'bin')]),
  ];
  const paths = [...new Set(folders.map((folder) => join(folder, 'java')))].filter((path) => existsSync(path));
  const found = paths.flatMap((path) => {
    const { stderr } = run([path, '-version'], undefined);
    const jdk = jdkFromLog(stderr)?.version;
    return jdk === undefined ? [] : [{ path, jdk }];
  });
  return found.filter(({ jdk }, index) => found.findIndex((other) => other.jdk.text === jdk.text) === index);
}

/** The memory of this machine as a JVM without a container sees it, in bytes. */
export function machineBytes(): number {
  return Number(/^MemTotal:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
}

/** Asks a JVM what it made of its flags and variables, in a memory cgroup where one is given. */
export function printFlags(
  { path }: Java,
  flags: readonly string[],
  cgroup?: MemoryCgroup,
  variables: Readonly<Record<string, string>> = {},
): PrintedFlags {
  const { status, stdout, stderr } = run([path, ...flags, '-XX:+PrintFlagsFinal', '-version'], cgroup, variables);
  const value = (name: string) => new RegExp(`\\b${name}\\s+:?= (\\S+)`).exec(stdout)?.[1];
  const collectors: readonly Collector[] = ['Serial', 'Parallel', 'G1', 'Z', 'Shenandoah'];
  return {
    exitCode: status,
    output: `${stderr}${stdout}`,
    initialHeapBytes: Number(value('InitialHeapSize') ?? 0),
    maxHeapBytes: Number(value('MaxHeapSize') ?? 0),
    gc: collectors.find((name) => value(`Use${name}GC`) === 'true'),
    compressedOops: value('UseCompressedOops') === 'true',
  };
}

/** A program's end, started by `java File.java` (11 and later). */
export function runProgram(
  { path }: Java,
  flags: readonly string[],
  words: readonly string[],
  cgroup: MemoryCgroup,
): { readonly exitCode: number | null; readonly signal: string | null; readonly output: string } {
  const { status, signal, stdout, stderr } = run([path, ...flags, ...words], cgroup);
  return { exitCode: status, signal, output: `${stdout}${stderr}` };
}

function run(
  command: readonly string[],
  cgroup: MemoryCgroup | undefined,
  variables: Readonly<Record<string, string>> = {},
) {
  const [program = '', ...args] = cgroup === undefined ? command : cgroup.inside(command);
  // What the machine sets for every JVM is none of a test's business.
  const { JAVA_TOOL_OPTIONS: _tool, JDK_JAVA_OPTIONS: _jdk, _JAVA_OPTIONS: _old, ...env } = process.env;
  return spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...env, ...variables },
    timeout: 120_000,
    maxBuffer: 16 * 1024 ** 2,
  });
}

/** A memory limit as a container has it. */
export type MemoryCgroup = {
  readonly version: 'v1' | 'v2';
  readonly limitBytes: number;
  /** The command line that runs a command within. */
  inside(command: readonly string[]): string[];
  /** The most that was in use, in bytes. */
  peakBytes(): number;
  remove(): void;
};

const v1 = '/sys/fs/cgroup/memory';
const v2 = '/sys/fs/cgroup';

/** Makes a memory cgroup of this limit; undefined where this machine does not let us. */
export function makeMemoryCgroup(limitBytes: number): MemoryCgroup | undefined {
  const isV1 = existsSync(join(v1, 'memory.limit_in_bytes'));
  const folder = join(isV1 ? v1 : v2, `quorum-test-${process.pid}-${limitBytes}`);
  try {
    accessSync(isV1 ? v1 : v2, constants.W_OK);
    mkdirSync(folder);
    writeFileSync(join(folder, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), String(limitBytes));
  } catch {
    if (existsSync(folder)) rmdirSync(folder);
    return undefined;
  }
  return {
    version: isV1 ? 'v1' : 'v2',
    limitBytes,
    inside: (command) => ['sh', '-c', `echo $$ > ${folder}/cgroup.procs && exec "$0" "$@"`, ...command],
    peakBytes: () =>
      Number(readFileSync(join(folder, isV1 ? 'memory.max_usage_in_bytes' : 'memory.peak'), 'utf8').trim()),
    remove: () => rmdirSync(folder),
  };
}
