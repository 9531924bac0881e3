import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Config, parseConfig, type Section } from './config.ts';
import { Refusal } from './refusal.ts';
import { codeOf } from './thrown.ts';

/** Where the config is: what was named, else QUORUM_CONFIG, else quorum.yaml here. */
export function configPath(named: string | undefined, environment: NodeJS.ProcessEnv): string {
  return named ?? environment.QUORUM_CONFIG ?? 'quorum.yaml';
}

/**
 * Reads and parses the config.
 * @throws Refusal for a file that cannot be read and for each mistake in it
 */
export async function readConfig(
  path: string,
  environment: NodeJS.ProcessEnv,
  needed: readonly Section[],
): Promise<Config> {
  let source: string;
  try {
    source = await readFile(path, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    const reason =
      { ENOENT: 'there is no such file', EACCES: 'reading it is not permitted', EISDIR: 'it is a folder' }[code] ??
      code;
    throw new Refusal(
      `The config ${path} cannot be read: ${reason}.`,
      'Name the file with --config or QUORUM_CONFIG, or write quorum.yaml here; docs/configuration.md has an example.',
    );
  }
  return parseConfig(source, environment, needed);
}

/** A certificate with its chain is a few kilobytes. */
const maxTextBytes = 64 * 1024;

/** The text of a file that a flag names. @throws Refusal where it cannot be read or is too large */
export function readTextFile(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > maxTextBytes)
      throw new Refusal(
        `${path} has ${size} bytes; at most ${maxTextBytes} are read.`,
        'Name the PEM file of one certificate.',
      );
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(
      `${path} cannot be read: ${codeOf(error) || 'unknown error'}.`,
      'Name a file that this user may read.',
    );
  }
}
