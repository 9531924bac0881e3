import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Config } from '../../src/config.ts';
import type { WorkerTimes } from '../../src/redis/queue-client.ts';
import type { CrashPlan } from './crash-points.ts';
import { type RunningProcess, Stop, startProcess, waitFor } from './process.ts';

/** Where package.json is, whether this file runs from the sources or from dist/. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The executable, as a user runs it. */
export const executable = join(projectRoot(), 'bin', 'quorum.mjs');

/** Writes a config as a file that the executable reads: JSON is YAML, and durations are texts there. */
export function writeConfig(path: string, config: Config): void {
  const durations = ['requestTimeout', 'sampleEvery'];
  const withDurations = (clusters: Readonly<Record<string, object>>) =>
    Object.fromEntries(
      Object.entries(clusters).map(([name, cluster]) => [
        name,
        Object.fromEntries(
          Object.entries(cluster).map(([key, value]) => [key, durations.includes(key) ? `${value}ms` : value]),
        ),
      ]),
    );
  const { slack, redis, http, links } = config;
  const etcd = { clusters: withDurations(config.etcd.clusters) };
  const kubernetes = { clusters: withDurations(config.kubernetes.clusters) };
  const { expiresIn, startWithin, required, allowSelfApproval } = config.access.approvals;
  const approvals = { required, allowSelfApproval, expiresIn: `${expiresIn}ms`, startWithin: `${startWithin}ms` };
  const access = { ...config.access, approvals };
  const { resolveAfter, burst, timeZone } = config.incidents;
  const incidents = {
    resolveAfter: `${resolveAfter}ms`,
    burst: { incidents: burst.incidents, within: `${burst.within}ms` },
    timeZone,
  };
  const { watch, alerts } = config;
  writeFileSync(
    path,
    JSON.stringify({ slack, redis, http, links, access, etcd, kubernetes, watch, incidents, alerts }),
  );
}

/**
 * Starts a half of Quorum, or both, as a process of its own, back when it says that it is ready.
 * @param half what stands after `quorum` on the command line
 */
export async function startQuorum(half: 'start' | 'bot' | 'worker', configPath: string): Promise<RunningProcess> {
  return await started(half, [executable, half, '--config', configPath]);
}

/** The executable's own are five times as long; the order of events is the same. */
export const shortTimes: WorkerTimes = { lockMs: 1000, stalledCheckMs: 250 };

/**
 * Starts a worker whose jobs another worker takes sooner than the executable's would be.
 * @param crashes where it ends itself, or stands still
 */
export async function startShortWorker(
  configPath: string,
  times: WorkerTimes,
  crashes?: CrashPlan,
): Promise<RunningProcess> {
  const module = (path: string) => JSON.stringify(pathToFileURL(join(projectRoot(), 'dist', path)).href);
  const program = `
    import { connectClusters, loadDrivers } from ${module('src/clusters-client.js')};
    import { readConfig } from ${module('src/config-client.js')};
    import { start } from ${module('src/serve.js')};
    import { crashAt } from ${module('test/support/crash-points.js')};
    import pino from 'pino';
    const config = await readConfig(${JSON.stringify(configPath)}, process.env, []);
    const crashes = ${JSON.stringify(crashes ?? null)};
    const known = connectClusters(config);
    const clusters = crashes === null ? known : crashAt(crashes, config.redis.prefix, known);
    if (crashes !== null) await loadDrivers(config);
    const log = pino({ base: undefined });
    const running = await start(config, ['worker'], { log, clusters, workerTimes: ${JSON.stringify(times)} });
    process.once('SIGTERM', async () => process.exit((await running.stop()) === 'finished' ? 0 : 3));
  `;
  return await started('short worker', ['--input-type=module', '-e', program]);
}

async function started(name: string, args: readonly string[]): Promise<RunningProcess> {
  const running = await startProcess({
    name,
    command: process.execPath,
    args: ['--disable-warning=DEP0123', ...args],
    cwd: projectRoot(),
    stopTimeoutMs: 12_000,
  });
  await waitFor(
    `${name} says that it is ready`,
    () => {
      if (!running.isRunning()) throw new Stop(new Error(`${name} ended at its start:\n${running.log()}`));
      return running.log().includes('"event":"ready"');
    },
    { timeoutMs: 30_000 },
  );
  return running;
}

/** What a process has logged, one object a line. */
export function loggedBy(running: RunningProcess): Readonly<Record<string, unknown>>[] {
  return running
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line));
}
