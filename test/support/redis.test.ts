import { existsSync, readdirSync } from 'node:fs';
import { createConnection } from 'node:net';

import { afterEach, describe, expect, test } from '@jest/globals';
import { makeFolder, removeFolder } from './process.ts';
import { type RedisServer, startRedis } from './redis.ts';

const started: RedisServer[] = [];
const start = async (...options: Parameters<typeof startRedis>): Promise<RedisServer> => {
  const redis = await startRedis(...options);
  started.push(redis);
  return redis;
};

afterEach(async () => {
  await Promise.all(started.splice(0).map((redis) => redis.stop()));
});

/** One inline command, the reply as text; 'silence' where none comes within 150 ms. */
function ask(redis: RedisServer, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: redis.port, host: '127.0.0.1' });
    const answer = (text: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(150, () => answer('silence'));
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.once('data', (reply) => answer(reply.toString().trim()));
    socket.once('error', reject);
  });
}

describe('A Redis of our own', () => {
  test('answers at once, evicts nothing and saves no snapshots', async () => {
    const redis = await start({ own: true });
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
    expect(await ask(redis, 'PING')).toBe('+PONG');
    expect(await ask(redis, 'CONFIG GET maxmemory-policy')).toContain('noeviction');
    expect(await ask(redis, 'CONFIG GET save')).toBe('*2\r\n$4\r\nsave\r\n$0');
    expect(await ask(redis, 'CONFIG GET appendonly')).toContain('$2\r\nno');
  });

  test('keeps what it accepted through a crash when it appends to a file', async () => {
    const redis = await start({ appendonly: true });
    expect(await ask(redis, 'SET approval open')).toBe('+OK');
    const { pid } = redis;
    await redis.kill();
    await expect(ask(redis, 'PING')).rejects.toThrow('ECONNREFUSED');
    await redis.restart();
    expect(redis.pid).not.toBe(pid);
    expect(await ask(redis, 'GET approval')).toBe('$4\r\nopen');
  });

  test('says nothing while it hangs, and goes on afterwards', async () => {
    const redis = await start({ own: true });
    redis.pause();
    expect(await ask(redis, 'PING')).toBe('silence');
    redis.resume();
    expect(await ask(redis, 'PING')).toBe('+PONG');
  });

  test('leaves neither a process nor a folder behind, and keeps a folder that it was given', async () => {
    const dir = makeFolder('quorum-given');
    const redis = await startRedis({ own: true, dir, appendonly: true });
    const { pid } = redis;
    await redis.stop();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(readdirSync(dir)).toContain('appendonlydir');
    removeFolder(dir);
    expect(existsSync(dir)).toBe(false);
  });
});

describe('A Redis named by REDIS_URL', () => {
  const before = process.env.REDIS_URL;
  afterEach(() => {
    if (before === undefined) delete process.env.REDIS_URL;
    else process.env.REDIS_URL = before;
  });

  test('is used as it is, is not stopped, and cannot be killed', async () => {
    process.env.REDIS_URL = 'redis://:secret@cache.test:6390/2';
    const redis = await startRedis();
    expect(redis).toMatchObject({ url: 'redis://:secret@cache.test:6390/2', port: 6390, pid: 0, given: true });
    await redis.stop();
    await expect(redis.kill()).rejects.toThrow('given by REDIS_URL');
  });
});
