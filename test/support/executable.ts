import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandResult } from './command-line.ts';
import { makeFolder, removeFolder } from './process.ts';
import { executable } from './worker-process.ts';

/** The JSON object that one command prints. */
export type Answer = {
  readonly command: string;
  readonly verdict: string;
  readonly summary: string;
  readonly findings: readonly { readonly claim: string; readonly advice: string }[];
  readonly data: Readonly<Record<string, unknown>>;
};

/** A folder of its own with a terminal in it. */
export type Terminal = {
  /** Runs the executable as a user does; `input` is what it reads. */
  quorum(args: readonly string[], input?: string): Promise<CommandResult>;
  /** Writes a file there and gives back its path. */
  file(name: string, text: string): string;
  readonly folder: string;
  close(): void;
};

export function openTerminal(): Terminal {
  const folder = makeFolder('quorum-terminal');
  const { QUORUM_CONFIG: _, ...env } = process.env;
  return {
    folder,
    quorum: (args, input = '') =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [executable, ...args], { cwd: folder, env });
        let stdout = '';
        let stderr = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          stdout += text;
        });
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          stderr += text;
        });
        child.once('error', reject);
        child.once('close', (code, signal) => {
          if (code === null) reject(new Error(`quorum ${args.join(' ')} was ended by ${signal}`));
          else resolve({ stdout, stderr, exitCode: code });
        });
        child.stdin.end(input);
      }),
    file(name, text) {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
    close: () => removeFolder(folder),
  };
}

/** One answer for each line of standard output. @throws where it holds anything else */
export function answersIn({ stdout }: CommandResult): Answer[] {
  if (stdout !== '' && !stdout.endsWith('\n')) throw new Error(`the last line is not whole: ${stdout.slice(-80)}`);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
