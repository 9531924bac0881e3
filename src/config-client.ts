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
  const config = parseConfig(source, environment, needed);
  await demandSchedules(config);
  return config;
}

/** The parser of cron lines is loaded only where there is one. */
async function demandSchedules(config: Config): Promise<void> {
  for (const [name, { snapshots }] of Object.entries(config.etcd.clusters))
    for (const key of ['schedule', 'drill'] as const) {
      const line = snapshots?.[key];
      if (snapshots === undefined || line === undefined) continue;
      const { demandSchedule } = await import('./snapshot/schedule.ts');
      demandSchedule(`etcd.clusters.${name}.snapshots.${key}`, { line, timeZone: snapshots.timeZone }, new Date());
    }
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
        'Name the file itself: a certificate or a member’s settings are much smaller.',
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
