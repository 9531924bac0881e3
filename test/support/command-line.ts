import { execFile } from 'node:child_process';

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs a command to its end, with a deadline of 30 s where none is given; a failure is a result, only a missing command throws. */
export function runToEnd(options: {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}): Promise<CommandResult> {
  const { command, args, env, cwd, timeoutMs = 30_000 } = options;
  return new Promise((resolve, reject) => {
    execFile(
      command,
      [...args],
      { env, cwd, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr, exitCode: 0 });
        else if (typeof error.code === 'number') resolve({ stdout, stderr, exitCode: error.code });
        else reject(new Error(`${options.name} did not run to its end: ${error.message}`));
      },
    );
  });
}
