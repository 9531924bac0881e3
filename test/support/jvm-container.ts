import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ExecAnswers, ExecReply } from './kubernetes/exec.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/jvm/asked');

/** What a real JVM told, or wrote: `17-g1.heap`. */
export function asked(name: string): string {
  return readFileSync(join(fixtures, name), 'utf8');
}

const mebi = 1024 ** 2;

export type JvmContainerOptions = {
  /** Of which recorded JVM. */
  readonly jvm?: '17-g1' | '25-g1';
  readonly shell?: 'sh' | 'none';
  /** Where there is no shell. */
  readonly cat?: 'there' | 'none';
  readonly jcmd?: 'beside java' | 'in JAVA_HOME' | 'none';
  readonly nativeMemory?: 'on' | 'off';
  readonly cgroup?: { readonly current: number; readonly max: number; readonly inactiveFile?: number };
  readonly commandLine?: readonly string[];
  /** By pid: the names of further processes, and whose cgroup they are in. */
  readonly processes?: Readonly<
    Record<number, { readonly comm: string; readonly cgroup?: string; readonly rssKilobytes?: number }>
  >;
  readonly mainPid?: number;
  readonly comm?: string;
  /** In place of what jcmd prints, by its command. */
  readonly says?: Readonly<Record<string, { readonly text: string; readonly exitCode?: number }>>;
  readonly status?: (text: string) => string;
  /** Written into its environment file, which nobody may read. */
  readonly environment?: string;
};

/** A container whose /proc and cgroup are files on this disk; what is run in it is run by this machine's own sh. */
export type JvmContainer = {
  readonly answers: ExecAnswers;
  /** Programs with their arguments: `jcmd 1 VM.flags`, `kill -3 1`. */
  ran(): readonly string[];
  setCgroup(cgroup: { readonly current: number; readonly max: number; readonly inactiveFile?: number }): void;
  onQuit(listener: () => void): void;
  remove(): void;
};

export function openJvmContainer(options: JvmContainerOptions = {}): JvmContainer {
  const { jvm = '17-g1', shell = 'sh', cat = 'there', jcmd = 'beside java', mainPid = 1, comm = 'java' } = options;
  const root = mkdtempSync(join(tmpdir(), 'quorum-jvm-'));
  const at = (...parts: readonly string[]) => join(root, ...parts);
  const log = at('ran');
  for (const folder of ['proc', 'proc/self', 'sys/fs/cgroup', 'bin', 'opt/java/bin', 'opt/jdk/bin'])
    mkdirSync(at(folder), { recursive: true });
  for (const program of ['cat', 'readlink', 'timeout', 'true', 'sh'])
    symlinkSync(existsSync(`/usr/bin/${program}`) ? `/usr/bin/${program}` : `/bin/${program}`, at('bin', program));
  writeFileSync(at('proc/self/cgroup'), '0::/\n');
  writeFileSync(at('opt/java/bin/java'), '');

  const process = (pid: number, name: string, cgroup: string, status: string): void => {
    mkdirSync(at('proc', String(pid)));
    const file = (part: string, text: string) => writeFileSync(at('proc', String(pid), part), text);
    file('comm', `${name}\n`);
    file('cgroup', `${cgroup}\n`);
    file('status', status);
    file('stat', `${pid} (${name}) S 0 ${'1 '.repeat(17)}${4000 + pid} 123 456\n`);
    file('limits', asked('17-g1.limits'));
    file('environ', options.environment ?? 'TOKEN=never-to-be-read\0');
    const words = options.commandLine ?? [
      '/opt/java/bin/java',
      '-Xmx64m',
      '-Ddb.password=hunter2-not-shown',
      '-jar',
      '/app.jar',
    ];
    file('cmdline', `${words.join('\0')}\0`);
    symlinkSync(name === 'java' ? at('opt/java/bin/java') : `/usr/bin/${name}`, at('proc', String(pid), 'exe'));
  };
  const status = (options.status ?? ((text: string) => text))(
    asked(`${jvm}.status`).replace(/^Name:.*$/m, `Name:\t${comm}`),
  );
  process(mainPid, comm, '0::/', status);
  for (const [pid, each] of Object.entries(options.processes ?? {})) {
    const rss =
      each.rssKilobytes === undefined ? status : status.replace(/^VmRSS:.*$/m, `VmRSS:\t${each.rssKilobytes} kB`);
    process(Number(pid), each.comm, each.cgroup ?? '0::/', rss);
  }

  const setCgroup: JvmContainer['setCgroup'] = ({ current, max, inactiveFile = 0 }) => {
    const file = (name: string, text: string) => writeFileSync(at('sys/fs/cgroup', name), text);
    file('memory.current', `${current}\n`);
    file('memory.max', `${max}\n`);
    file('memory.peak', `${current + mebi}\n`);
    file('memory.events', 'low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\noom_group_kill 0\n');
    file('memory.stat', `anon 1\nfile 2\ninactive_anon 5\nactive_file 1\ninactive_file ${inactiveFile}\n`);
  };
  setCgroup(options.cgroup ?? { current: 120 * mebi, max: 512 * mebi });

  if (jcmd !== 'none') {
    const path = at(jcmd === 'beside java' ? 'opt/java/bin/jcmd' : 'opt/jdk/bin/jcmd');
    const native = options.nativeMemory === 'off' ? '17-serial.nmt' : `${jvm}.nmt`;
    const spoken = {
      'VM.flags': asked(`${jvm}.flags`),
      'GC.heap_info': asked(`${jvm}.heap`),
      'VM.native_memory summary': asked(native),
    };
    const says = {
      ...Object.fromEntries(Object.entries(spoken).map(([command, text]) => [command, { text, exitCode: 0 }])),
      ...options.says,
    };
    const cases = Object.entries(says).map(([command, { text, exitCode = 0 }], index) => {
      writeFileSync(at(`said-${index}`), text);
      return `*"${command}") ${exitCode === 0 ? '' : `${at('bin/cat')} ${at(`said-${index}`)} >&2; exit ${exitCode};`} ${at('bin/cat')} ${at(`said-${index}`)} ;;`;
    });
    writeFileSync(
      path,
      `#!/bin/sh\necho "jcmd $* [$JAVA_TOOL_OPTIONS$JDK_JAVA_OPTIONS$_JAVA_OPTIONS$OPENJ9_JAVA_OPTIONS$IBM_JAVA_OPTIONS]" >> ${log}\ncase "$*" in\n${cases.join('\n')}\nesac\n`,
    );
    chmodSync(path, 0o755);
  }
  writeFileSync(at('bin/kill3'), `#!/bin/sh\necho "kill -3 $1" >> ${log}\n`);
  chmodSync(at('bin/kill3'), 0o755);

  let quit = (): void => {};
  const here = (word: string) =>
    word
      .replaceAll('/proc', at('proc'))
      .replaceAll('/sys/fs/cgroup', at('sys/fs/cgroup'))
      .replaceAll('kill -3', at('bin/kill3'));
  const ran = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);

  return {
    async answers({ command }) {
      const [program = ''] = command;
      if (program === 'sh' && shell === 'none') return absent(program);
      if (program === 'cat' && cat === 'none') return absent(program);
      if (program !== 'sh' && program !== 'cat') return absent(program);
      const before = ran().length;
      const words = command.slice(1).map((word) => (word.startsWith(root) ? word : here(word)));
      const reply = await runHere(at('bin', program), words, {
        PATH: at('bin'),
        JAVA_TOOL_OPTIONS: '-Xms400m',
        IBM_JAVA_OPTIONS: '-agentlib:jdwp=transport=dt_socket,server=y',
        ...(jcmd === 'in JAVA_HOME' ? { JAVA_HOME: at('opt/jdk') } : {}),
      });
      if (
        ran()
          .slice(before)
          .some((line) => line.startsWith('kill'))
      )
        quit();
      return reply;
    },
    ran,
    setCgroup,
    onQuit(listener) {
      quit = listener;
    },
    remove: () => rmSync(root, { recursive: true }),
  };
}

function absent(program: string): ExecReply {
  return {
    notStarted: `OCI runtime exec failed: exec failed: unable to start container process: exec: "${program}": executable file not found in $PATH: unknown`,
  };
}

function runHere(program: string, words: readonly string[], env: Record<string, string>): Promise<ExecReply> {
  return new Promise((done) => {
    const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => out.push(part));
    child.stderr.on('data', (part: Buffer) => err.push(part));
    child.on('close', (code) =>
      done({ stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), exitCode: code ?? 137 }),
    );
  });
}
