import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What to start, and the name it is called by in messages. */
export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Milliseconds between SIGTERM and SIGKILL when it is stopped; 5000 where not given. */
  readonly stopTimeoutMs?: number;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that we started: it is ended by its pid, and never outlives us. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  /** What it has printed to both streams, the last megabyte of it. */
  log(): string;
  isRunning(): boolean;
  isPaused(): boolean;
  readonly exited: Promise<Exit>;
  /** SIGTERM, and SIGKILL where that does not end it in time. */
  stop(): Promise<Exit>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<Exit>;
  /** SIGSTOP: it hangs, its sockets stay open. */
  pause(): void;
  resume(): void;
}

const LOG_LIMIT_CHARACTERS = 1024 * 1024;
const living = new Set<RunningProcess>();
const folders = new Set<string>();
let watchdog: ChildProcess | undefined;

/** Starts a process in a group of its own, so that a Ctrl-C in the terminal reaches us first and not it. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) {
    const error = await new Promise<Error>((resolve) => child.once('error', resolve));
    throw new Error(`${options.name} could not be started (${options.command}): ${error.message}`);
  }

  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      log = (log + text).slice(-LOG_LIMIT_CHARACTERS);
    });
  }
  // 'close' and not 'exit': by then the whole log has been read.
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let isPaused = false;

  const end = async (first: NodeJS.Signals): Promise<Exit> => {
    holdOpen(child);
    signalProcess(running, first);
    // A stopped process acts on SIGTERM only when it goes on.
    if (isPaused) signalProcess(running, 'SIGCONT');
    const timer = setTimeout(() => signalProcess(running, 'SIGKILL'), options.stopTimeoutMs ?? 5000);
    const exit = await exited;
    clearTimeout(timer);
    return exit;
  };
  const running: RunningProcess = {
    name: options.name,
    pid,
    exited,
    log: () => log,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    isPaused: () => isPaused,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: () => {
      signalProcess(running, 'SIGSTOP');
      isPaused = true;
    },
    resume: () => {
      signalProcess(running, 'SIGCONT');
      isPaused = false;
    },
  };
  living.add(running);
  tellWatchdog(`+ ${pid}`);
  void exited.then(() => {
    living.delete(running);
    tellWatchdog(`- ${pid}`);
  });
  letGo(child);
  return running;
}

/** Makes an empty folder below the system's temporary one; it goes with removeFolder, at the latest when this process ends. */
export function makeFolder(prefix: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `${prefix}-`)));
  folders.add(folder);
  tellWatchdog(`> ${folder}`);
  return folder;
}

/** Removes a folder that makeFolder made, with all that is in it. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
  tellWatchdog(`< ${folder}`);
}

/** Waits until the check gives something other than undefined or false; throws with the last error after the deadline. */
export async function waitFor<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 5000;
  const giveUpAt = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const result = await check();
      if (result !== undefined && result !== false) return result;
      lastError = undefined;
    } catch (error) {
      if (error instanceof Stop) throw error.reason;
      lastError = error;
    }
    if (performance.now() >= giveUpAt) {
      const why = lastError instanceof Error ? `: ${lastError.message}` : '';
      throw new Error(`${what}: not within ${timeoutMs} ms${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 10));
  }
}

/** Thrown inside a check of waitFor where waiting longer is of no use: waitFor then throws the reason at once. */
export class Stop extends Error {
  readonly reason: Error;
  constructor(reason: Error) {
    super(reason.message);
    this.reason = reason;
  }
}

const handedOut = new Set<number>();

/**
 * Finds free ports on 127.0.0.1. They are taken from below the range that systems hand out to outgoing connections
 * (Linux: from 32768, others: from 49152), so that nobody takes one while its server restarts.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let attempt = 0; ports.length < count && attempt < 1000; attempt += 1) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (!handedOut.has(port) && (await isFree(port))) {
      handedOut.add(port);
      ports.push(port);
    }
  }
  if (ports.length < count) throw new Error(`no ${count} free ports on 127.0.0.1 between 15000 and 30000`);
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A shell that reads what we start and make, and clears it up when its input ends: that happens even when this process
 * is killed with SIGKILL, as Jest does with a worker that hangs. It has no part in an orderly end.
 */
function tellWatchdog(line: string): void {
  if (watchdog === undefined) {
    watchdog = spawn('/bin/sh', ['-c', WATCHDOG], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    watchdog.on('error', () => undefined);
    watchdog.stdin?.on('error', () => undefined);
    letGo(watchdog);
    process.once('exit', endAllNow);
  }
  watchdog.stdin?.write(`${line}\n`);
}

const WATCHDOG = `
pids=' '
folders=''
while read -r sign value; do
  case "$sign" in
    +) pids="$pids$value " ;;
    -) pids="\${pids%% $value *} \${pids#* $value }" ;;
    '>') folders="$folders$value
" ;;
    '<') folders=$(printf '%s' "$folders" | grep -vxF -- "$value"); folders="$folders
" ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
printf '%s' "$folders" | while read -r folder; do
  case "$folder" in /*/*) rm -rf -- "$folder" ;; esac
done
`;

function endAllNow(): void {
  for (const running of living) signalProcess(running, 'SIGKILL');
  for (const folder of folders) {
    try {
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // A process that is just dying may still write there: the watchdog tries again after us.
    }
  }
}

function signalProcess(running: RunningProcess, signal: NodeJS.Signals): void {
  if (!running.isRunning()) return;
  try {
    process.kill(running.pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

/** A process that nobody waits for does not keep ours from ending. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio)
    if (stream !== null && stream !== undefined && 'unref' in stream) callMethod(stream, 'unref');
}

function holdOpen(child: ChildProcess): void {
  child.ref();
  for (const stream of child.stdio)
    if (stream !== null && stream !== undefined && 'ref' in stream) callMethod(stream, 'ref');
}

function callMethod(target: object, name: 'ref' | 'unref'): void {
  const method: unknown = Reflect.get(target, name);
  if (typeof method === 'function') Reflect.apply(method, target, []);
}
