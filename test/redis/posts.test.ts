import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { connectPosts, type PostClient } from '../../src/redis/post-client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let posts: PostClient;
let raw: Redis;

beforeAll(async () => {
  redis = await startRedis();
  posts = connectPosts({ url: redis.url, prefix: 'posts' }, () => {});
  raw = new Redis(redis.url);
});
afterAll(async () => {
  await posts.close();
  raw.disconnect();
  await redis.stop();
});

test('a post that is asked for is remembered for another week', async () => {
  const record = { channelId: 'C1', intentAt: 1 };
  await posts.claim('a-root', record);
  await posts.settle('a-root', { ...record, ts: '1.1' });
  await raw.expire('posts:post:a-root', 60);
  expect(await posts.claim('a-root', record)).toEqual({ channelId: 'C1', intentAt: 1, ts: '1.1' });
  expect(await raw.ttl('posts:post:a-root')).toBeGreaterThan(6 * 86_400);
});
