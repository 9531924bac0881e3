import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putKeys } from '../support/etcd-keys.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let redis: RedisServer;
let etcd: EtcdTestCluster;
let conversation: Conversation;
const people = { ann: 'U0ANN', bob: 'U0BOB' };

beforeAll(async () => {
  [redis, etcd] = await Promise.all([startRedis(), startEtcd({ own: true, members: 1 })]);
  await putKeys(etcd, [{ key: '/registry/secrets/shop/db-pass' }, { key: '/registry/pods/shop/web-1' }]);
  conversation = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd },
    people,
    access: { operators: [people.ann] },
  });
});
afterAll(async () => {
  await conversation.stop();
  await Promise.all([redis.stop(), etcd.stop()]);
});

/** All that a channel shows to everybody. */
function shownToAll(): string {
  const { slack, channel } = conversation;
  return JSON.stringify(slack.channel(channel).filter(({ visibleTo }) => visibleTo === undefined));
}

test('down to the namespace it is answered in a thread', async () => {
  const { slack, ask, channel, bob } = conversation;
  const thread = await ask('/etcd keys /registry/ --depth 2', bob);
  expect(thread.text).toMatch(/^prod: 2 keys, \d+ bytes under \/registry\/; \d+% in secrets in shop/);
  expect(slack.threadText(channel, thread.ts)).toContain('/registry/pods/shop/');
  expect(shownToAll()).not.toContain('db-pass');
});

test('below it the asker alone is answered, and the channel does not even see the question', async () => {
  const { slack, channel, ann, bob } = conversation;
  const before = shownToAll();
  await slack.slash(ann.id, channel, '/etcd keys /registry/secrets/shop/db');
  await slack.waitFor(() => slack.ephemerals(ann.id, channel).length > 0);
  const [shown] = slack.ephemerals(ann.id, channel);
  expect(JSON.stringify(shown)).toContain('/registry/secrets/shop/db-pass');
  expect(JSON.stringify(shown)).toContain('Only you see this: names can be secrets themselves.');
  await slack.slash(bob.id, channel, '/etcd keys /registry/secrets/shop/db');
  await slack.waitFor(() => slack.ephemerals(bob.id, channel).length > 0);
  expect(JSON.stringify(slack.ephemerals(bob.id, channel))).toContain('is for operators');
  expect(shownToAll()).toBe(before);
});
