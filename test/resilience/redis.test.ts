import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Conversation, startConversation } from '../support/conversation.ts';
import { postedTwice, standing } from '../support/posts-made.ts';
import { waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const size = '/oom size --limit 1Gi --jdk 17';
const notAccepted = 'Not accepted, nothing was started: the queue (Redis) cannot be reached.';
const notConfirmed = 'Not confirmed: the queue (Redis) did not answer in time.';

let redis: RedisServer;
let conversation: Conversation;
let conversations = 0;

beforeAll(async () => {
  redis = await startRedis({ own: true, appendonly: true });
}, 30_000);

beforeEach(async () => {
  conversation = await startConversation({ redisUrl: redis.url, prefix: `${redis.prefix}-${conversations++}` });
});

afterEach(async () => {
  await conversation.stop();
});

afterAll(async () => {
  await redis.stop();
});

/** Types a command and gives back what only the asker was shown at once, and how long that took. */
async function type(line: string): Promise<{ status: string; shown: string | null; tookMs: number }> {
  const { slack, ann, channel } = conversation;
  const { status, shown, tookMs } = await slack.slash(ann.id, channel, line);
  return { status, shown: shown?.text ?? null, tookMs };
}

function answers(): number {
  return conversation.logged.filter(({ event }) => event === 'answered').length;
}

test('while Redis is down a request is refused at once; when it is back the next one is answered within a second or two', async () => {
  const { slack, channel, running } = conversation;
  await redis.kill();
  // The first may find the connection just cut, the others find none.
  for (let time = 1; time <= 3; time += 1) {
    const { status, shown, tookMs } = await type(size);
    expect([status, shown]).toEqual(['ok', notAccepted]);
    expect(tookMs).toBeLessThan(2500);
  }
  expect(slack.channel(channel)).toEqual([]);
  const ready = await fetch(`${running.statusUrl}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([503, 'slack: ready\nworker: ready\nredis: not ready\n']);

  await redis.restart();
  const backAt = performance.now();
  await waitFor('a request is accepted', async () => (await type(size)).shown === null, { everyMs: 100 });
  await waitFor('the answer', () => answers() === 1);
  expect(performance.now() - backAt).toBeLessThan(3000);
  expect(standing(slack.channel(channel))).toEqual(['answered, 1 reply']);
}, 20_000);

test('while Redis hangs a request is not confirmed in time; what was taken is answered once when it goes on', async () => {
  const { slack, channel } = conversation;
  redis.pause();
  const { status, shown, tookMs } = await type(size);
  expect([status, shown]).toEqual(['ok', notConfirmed]);
  expect(tookMs).toBeLessThan(2500);
  const { text } = slack.channel(channel).at(0) ?? { text: 'nothing' };
  expect(text).toBe('nothing');

  redis.resume();
  await waitFor('the answer', () => answers() === 1);
  await type(size);
  await waitFor('the next answer', () => answers() === 2);
  expect(standing(slack.channel(channel))).toEqual(['answered, 1 reply', 'answered, 1 reply']);
  expect(postedTwice(slack)).toEqual([]);
}, 20_000);

test('a request that runs while Redis is killed is answered when Redis is back', async () => {
  const { slack, channel } = conversation;
  slack.fault({ method: 'chat.update', channel, kind: 'slow', ms: 500 });
  expect((await type(size)).shown).toBe(null);
  await waitFor('the root', () => slack.channel(channel).length === 1);
  await redis.kill();
  await redis.restart();
  await waitFor('the answer', () => answers() >= 1, { timeoutMs: 12_000 });
  expect(standing(slack.channel(channel))).toEqual(['answered, 1 reply']);
  expect(postedTwice(slack)).toEqual([]);
}, 20_000);

test('"Details" while Redis is down tells why it shows nothing', async () => {
  const { slack, ann, channel, ask, running } = conversation;
  const thread = await ask(size);
  await redis.kill();
  expect((await slack.click(ann.id, channel, thread.ts, 'details')).status).toBe('ok');
  const said = await slack.waitFor(() => {
    const [view] = slack.views(ann.id);
    const text = view === undefined ? slack.ephemerals(ann.id, channel).at(-1)?.text : JSON.stringify(view.content);
    return text;
  });
  expect(said).toContain('The report cannot be read now: Redis does not answer.');
  await redis.restart();
  await waitFor('Redis is there again', async () => (await fetch(`${running.statusUrl}/readyz`)).ok, { everyMs: 50 });
}, 20_000);
