import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Says what happened and what to do, without a stack trace. */
export class SetupError extends Error {
  constructor(message, advice) {
    super(message);
    this.name = 'SetupError';
    this.advice = advice;
  }
}

/**
 * Runs a command to its end and gives back `{ code, stdout, stderr }`; never rejects.
 * A command that does not exist has the code 127, as in a shell.
 */
export function runCommand(command, args, { cwd, env = process.env } = {}) {
  return new Promise((resolve) => {
    let stdout = '';
    let stderr = '';
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: stderr || error.message }));
    child.on('close', (code, signal) => resolve({ code: code ?? exitCodeOf(signal), stdout, stderr }));
  });
}

/** Runs a command in the foreground: its output is ours, signals are passed on, its exit code comes back. */
export function runInForeground(command, args, { cwd, env = process.env, stdio = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio });
    // Ctrl-C reaches the child by itself (same process group): here it only must not end us before the child has tidied up.
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const listeners = signals.map((signal) => {
      const listener = () => {
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      };
      process.on(signal, listener);
      return [signal, listener];
    });
    const release = () => {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    };
    child.on('error', (error) => {
      release();
      reject(error);
    });
    child.on('close', (code, signal) => {
      release();
      resolve(code ?? exitCodeOf(signal));
    });
  });
}

/** The last line of a text that says anything: usually the one that tells why a command failed. */
export function lastLine(text) {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.at(-1) ?? 'it said nothing';
}

/** Runs the body of a script: a SetupError is told in two lines and ends it with 1; other errors keep their stack. */
export async function runScript(main) {
  try {
    const code = await main();
    process.exitCode = code ?? 0;
  } catch (error) {
    if (error instanceof SetupError) console.error(`\n${error.message}\n${error.advice}`);
    else console.error(error);
    process.exitCode = 1;
  }
}

function exitCodeOf(signal) {
  return 128 + (constants.signals[signal] ?? 1);
}
