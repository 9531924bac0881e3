import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { findBinary } from '../scripts/binaries.mjs';
import { type EtcdTestCluster, startEtcd } from '../test/support/etcd.ts';
import { makeFolder, type RunningProcess, removeFolder, Stop, startProcess, waitFor } from '../test/support/process.ts';
import { type RedisServer, startRedis } from '../test/support/redis.ts';
import { type SlackWorkspace, startSlack } from '../test/support/slack/server.ts';

/** The real parts that everything is measured on: one Redis, one etcd cluster with TLS, one local Slack without rate limits. */
export type Ground = {
  readonly redis: RedisServer;
  readonly etcd: EtcdTestCluster;
  readonly slack: SlackWorkspace;
  readonly folder: string;
  readonly person: string;
  stop(): Promise<void>;
};

/** Starts all parts; none is left behind where one of them fails. */
export async function startGround(): Promise<Ground> {
  const folder = makeFolder('quorum-bench');
  // Where the programs are on this machine the cluster is our own, so that a member may be paused.
  const starting = [
    startRedis(),
    startEtcd(findBinary('etcd') === undefined ? {} : { own: true }),
    startSlack({ postsPerSecond: Number.POSITIVE_INFINITY }),
  ] as const;
  const stop = async () => {
    const started = await Promise.allSettled(starting);
    const [redis] = started;
    if (redis.status === 'fulfilled' && redis.value.given) await removeKeys(redis.value);
    await Promise.allSettled(started.map((part) => (part.status === 'fulfilled' ? part.value.stop() : undefined)));
    removeFolder(folder);
  };
  try {
    const [redis, etcd, slack] = await Promise.all(starting);
    const person = slack.addUser({ name: 'ann' }).id;
    return { redis, etcd, slack, folder, person, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A Redis that was given to us stays: what we wrote into it goes. */
async function removeKeys({ url, prefix }: RedisServer): Promise<void> {
  const client = new Redis(url);
  try {
    for await (const keys of client.scanStream({ match: `${prefix}-*`, count: 1000 })) {
      if (keys.length > 0) await client.unlink(keys);
    }
  } finally {
    client.disconnect();
  }
}

/** Writes a config for a process of ours, with keys of its own in Redis. */
export function writeConfig(
  { redis, etcd, slack, folder }: Ground,
  name: string,
  mode: 'socket' | 'http',
  more: object = {},
): string {
  const file = join(folder, `${name}.yaml`);
  const config = {
    slack: {
      mode,
      botToken: slack.botToken,
      appToken: slack.appToken,
      signingSecret: slack.signingSecret,
      apiUrl: slack.apiUrl,
      port: 0,
      host: '127.0.0.1',
    },
    redis: { url: redis.url, prefix: prefixOf(redis, name) },
    http: { port: 0 },
    etcd: {
      clusters: { prod: { endpoints: etcd.endpoints, ...(etcd.tls === undefined ? {} : { tls: etcd.tls }) } },
    },
    ...more,
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  return file;
}

export function prefixOf(redis: RedisServer, name: string): string {
  return `${redis.prefix}-${name}`;
}

/** A Node process of a bench file, ready. */
export type Started = RunningProcess & {
  /** The log line that said so. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** From the spawn to that line. */
  readonly tookMs: number;
};

/** Starts a compiled file in this folder, and waits for its line with the event `ready`. Its log goes to a file, so that reading it costs us nothing. */
export async function startNode(
  ground: Ground,
  file: 'product' | 'bare-bolt' | 'bare-worker' | 'bare-watch',
  args: readonly string[],
): Promise<Started> {
  const path = fileURLToPath(new URL(`./${file}.js`, import.meta.url));
  return await startScript(ground, file, [path, ...args]);
}

let logs = 0;

/** Starts Node with these arguments, and waits for a line with the event `ready`. */
export async function startScript(ground: Ground, name: string, args: readonly string[]): Promise<Started> {
  logs += 1;
  const log = join(ground.folder, `${name}-${logs}.log`);
  const startedAt = performance.now();
  const running = await startProcess({
    name,
    command: '/bin/sh',
    args: ['-c', 'exec "$@" >"$0"', log, process.execPath, '--no-deprecation', ...args],
  });
  const ready = await waitFor(
    `${name} to be ready`,
    () => {
      const line = readLines(log).find((each) => each.event === 'ready');
      if (line === undefined && !running.isRunning())
        throw new Stop(new Error(`${name} ended at its start:\n${running.log()}`));
      return line;
    },
    { timeoutMs: 20_000, everyMs: 2 },
  );
  return { ...running, ready, tookMs: performance.now() - startedAt };
}

function readLines(file: string): Record<string, unknown>[] {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // The shell has not opened it yet.
  }
  // What follows the last newline is not a whole line yet.
  const lines = text.split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}
