import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { findBinary } from '../../scripts/binaries.mjs';
import {
  findFreePorts,
  makeFolder,
  type RunningProcess,
  removeFolder,
  Stop,
  startProcess,
  waitFor,
} from './process.ts';

/** How the Redis is to be. */
export interface RedisOptions {
  /** Persistence by append-only file; off where not given. */
  readonly appendonly?: boolean;
  /** Where its data goes, kept after the end; a temporary folder where not given. */
  readonly dir?: string;
  /** True for a Redis that will be paused, killed or reconfigured: REDIS_URL is then not used. */
  readonly own?: boolean;
}

/** A Redis for tests and the demo. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** 0 where the Redis is not ours. */
  readonly pid: number;
  /** True where REDIS_URL named it: then it is never stopped, and pause, kill and restart throw. */
  readonly given: boolean;
  /** A prefix for keys that no other run uses. */
  readonly prefix: string;
  log(): string;
  /** Ends it and removes its temporary folder. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL; its data stays, and restart brings it back on the same port. */
  kill(): Promise<void>;
  /** SIGSTOP: it accepts connections and answers nothing. */
  pause(): void;
  resume(): void;
  restart(): Promise<void>;
}

/** Starts a Redis on a free loopback port, or gives back the one that REDIS_URL names. Ready when it answers PING. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const prefix = `quorum-${randomBytes(4).toString('hex')}`;
  const givenUrl = process.env.REDIS_URL;
  if (givenUrl && !options.own && !options.appendonly && options.dir === undefined) return givenRedis(givenUrl, prefix);

  const binary = findBinary('redis-server');
  if (binary === undefined) {
    throw new Error('No redis-server was found. Run `node scripts/setup.mjs`, or put redis-server on PATH.');
  }
  const dir = options.dir ?? makeFolder('quorum-redis');
  const launch = async (port: number): Promise<RunningProcess> => {
    const running = await startProcess({
      name: 'redis-server',
      command: binary.path,
      env: binary.env,
      cwd: dir,
      args: [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--daemonize', 'no', '--save', ''],
        ...['--appendonly', options.appendonly ? 'yes' : 'no', '--maxmemory-policy', 'noeviction'],
      ],
    });
    await waitFor(`Redis on port ${port}`, () => answersPing(port, running), { timeoutMs: 10_000, everyMs: 5 });
    return running;
  };

  let port = 0;
  let running: RunningProcess | undefined;
  for (let attempt = 1; running === undefined; attempt += 1) {
    const [candidate = 0] = await findFreePorts(1);
    port = candidate;
    try {
      running = await launch(port);
    } catch (error) {
      // Another process may have taken the port between our look and the start.
      const isTaken = error instanceof Error && /Address already in use/.test(error.message);
      if (!isTaken || attempt === 3) throw error;
    }
  }
  let current = running;
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return current.pid;
    },
    given: false,
    prefix,
    log: () => current.log(),
    stop: async () => {
      await current.stop();
      if (options.dir === undefined) removeFolder(dir);
    },
    kill: async () => {
      await current.kill();
    },
    pause: () => current.pause(),
    resume: () => current.resume(),
    restart: async () => {
      await current.stop();
      current = await launch(port);
    },
  };
}

function givenRedis(url: string, prefix: string): RedisServer {
  const refuse = (): never => {
    throw new Error('This Redis was given by REDIS_URL: it is not ours to stop. Ask for one with { own: true }.');
  };
  return {
    url,
    port: Number(new URL(url).port || 6379),
    pid: 0,
    given: true,
    prefix,
    log: () => '',
    stop: async () => undefined,
    kill: async () => refuse(),
    pause: refuse,
    resume: refuse,
    restart: async () => refuse(),
  };
}

/** Speaks just enough of the Redis protocol to need no client. */
function answersPing(port: number, running: RunningProcess): Promise<boolean> {
  if (!running.isRunning()) throw new Stop(new Error(`Redis ended at its start:\n${running.log()}`));
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.setTimeout(200, () => socket.destroy(new Error('no answer to PING in 200 ms')));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (reply) => {
      socket.destroy();
      const text = reply.toString();
      // "-LOADING" while it reads its append-only file.
      if (text.startsWith('+PONG')) resolve(true);
      else reject(new Error(text.trim()));
    });
    socket.once('error', reject);
  });
}
