import { describe, expect, test } from '@jest/globals';
import { createDelivery, type PostRecord, type PostStore } from '../../src/slack/delivery.ts';
import type { Message } from '../../src/slack/message.ts';
import { SlackFailure, type SlackWeb } from '../../src/slack/web.ts';

const hello: Message = {
  text: 'hello',
  blocks: [{ type: 'rich_text', elements: [] }],
  plainBlocks: [{ type: 'section', text: 'hello' }],
};

type Fate = SlackFailure | 'posted, then lost' | undefined;

/** A channel whose calls fail as told, and a store in memory: the seams of the delivery. */
function workspace() {
  const channel: { ts: string; key: string; text: string; blocks: number }[] = [];
  const fates: Fate[] = [];
  const calls: string[] = [];
  const waits: number[] = [];
  const records = new Map<string, PostRecord>();
  const posts: PostStore = {
    async claim(key, record) {
      const known = records.get(key);
      if (known === undefined) records.set(key, record);
      return known;
    },
    async settle(key, record) {
      const standing = records.get(key)?.ts;
      if (standing !== undefined && standing !== record.ts) return standing;
      records.set(key, record);
      return record.ts;
    },
    async set(key, record) {
      records.set(key, record);
    },
  };
  const meet = (method: string): Fate => {
    calls.push(method);
    const fate = fates.shift();
    if (fate instanceof SlackFailure) throw fate;
    return fate;
  };
  const unused = () => {
    throw new Error('not part of delivering');
  };
  const web: SlackWeb = {
    async post({ channelId }, message, key) {
      const fate = meet(`post ${channelId}`);
      const ts = `1.${channel.length + 1}`;
      channel.push({ ts, key, text: message.text, blocks: message.blocks.length });
      if (fate === 'posted, then lost') throw new SlackFailure('chat.postMessage', 'unknown', 'socket hang up');
      return ts;
    },
    async update({ ts }, message) {
      meet('update');
      const at = channel.find((post) => post.ts === ts);
      if (at === undefined) throw new SlackFailure('chat.update', 'refused', 'message_not_found');
      at.text = message.text;
    },
    async remove({ ts }) {
      meet('remove');
      channel.splice(
        channel.findIndex((post) => post.ts === ts),
        1,
      );
    },
    async findPost(_, key) {
      meet('find');
      return channel.find((post) => post.key === key)?.ts;
    },
    whisper: unused,
    respond: unused,
    upload: unused,
    fileText: unused,
    openDirect: unused,
    permalink: unused,
    openModal: unused,
    channel: unused,
    person: unused,
    identity: unused,
  };
  let at = 0;
  const delivery = createDelivery({
    web,
    posts,
    now: () => new Date(at),
    wait: async (ms) => {
      waits.push(ms);
      at += ms;
    },
  });
  const pass = (ms: number) => {
    at += ms;
  };
  return { channel, fates, calls, waits, records, delivery, pass };
}

const limited = (ms: number) => new SlackFailure('chat.postMessage', 'rate-limited', 'ratelimited', ms);
const refused = (code: string) => new SlackFailure('chat.postMessage', 'refused', code);
const lost = new SlackFailure('chat.postMessage', 'unknown', 'timeout');

describe('a post with a key stands there once', () => {
  test('the second time it is edited, and not at all where nothing changed', async () => {
    const { channel, calls, delivery } = workspace();
    await delivery.put('k', { channelId: 'C1' }, hello);
    await delivery.put('k', { channelId: 'C1' }, hello);
    await delivery.put('k', { channelId: 'C1' }, { ...hello, text: 'changed' });
    expect(channel.map(({ text }) => text)).toEqual(['changed']);
    expect(calls).toEqual(['post C1', 'update']);
  });

  test('a reply that was lost on the way is found in the history and adopted', async () => {
    const { channel, fates, calls, delivery } = workspace();
    fates.push('posted, then lost');
    await delivery.put('k', { channelId: 'C1' }, hello);
    expect(channel).toHaveLength(1);
    expect(calls).toEqual(['post C1', 'find', 'update']);
  });

  test('a call that never arrived is made again', async () => {
    const { channel, fates, calls, delivery } = workspace();
    fates.push(lost);
    await delivery.put('k', { channelId: 'C1' }, hello);
    expect(channel).toHaveLength(1);
    expect(calls).toEqual(['post C1', 'find', 'post C1']);
  });

  test('two workers that post the same leave one: the later one goes', async () => {
    const { channel, records, delivery } = workspace();
    channel.push({ ts: '0.9', key: 'k', text: 'hello', blocks: 1 });
    const posting = delivery.put('k', { channelId: 'C1' }, hello);
    // The other worker settles while ours is on its way.
    records.set('k', { channelId: 'C1', ts: '0.9', intentAt: 0 });
    expect(await posting).toBe('0.9');
    expect(channel.map(({ ts }) => ts)).toEqual(['0.9']);
  });

  test('one that somebody deleted is posted again', async () => {
    const { channel, delivery } = workspace();
    await delivery.put('k', { channelId: 'C1' }, hello);
    channel.pop();
    await delivery.put('k', { channelId: 'C1' }, { ...hello, text: 'the answer' });
    expect(channel.map(({ text }) => text)).toEqual(['the answer']);
  });
});

describe('a rate limit delays its own channel only', () => {
  test('a short one is waited out as Slack says', async () => {
    const { fates, waits, channel, delivery } = workspace();
    fates.push(limited(1000), limited(1000));
    await delivery.put('k', { channelId: 'C1' }, hello);
    expect(waits).toEqual([1000, 1000]);
    expect(channel).toHaveLength(1);
  });

  test('a longer one is told at once to all who post there until its time is over, and nobody else', async () => {
    const { fates, calls, channel, delivery, pass } = workspace();
    fates.push(limited(30_000));
    await expect(delivery.put('a', { channelId: 'C1' }, hello)).rejects.toThrow('rate limited for 30000 ms');
    await expect(delivery.put('b', { channelId: 'C1' }, hello)).rejects.toMatchObject({
      kind: 'rate-limited',
      retryAfterMs: 30_000,
    });
    await delivery.put('c', { channelId: 'C2' }, hello);
    expect(calls).toEqual(['post C1', 'post C2']);
    pass(30_000);
    await delivery.put('b', { channelId: 'C1' }, hello);
    expect(channel.map(({ key }) => key)).toEqual(['c', 'b']);
  });

  test('messages of one channel keep their order, another channel goes ahead', async () => {
    const order: string[] = [];
    const { fates, delivery } = workspace();
    fates.push(limited(1000));
    await Promise.all([
      delivery.put('a', { channelId: 'C1' }, hello).then(() => order.push('a')),
      delivery.put('b', { channelId: 'C1' }, hello).then(() => order.push('b')),
      delivery.put('c', { channelId: 'C2' }, hello).then(() => order.push('c')),
    ]);
    expect(order.indexOf('a')).toBeLessThan(order.indexOf('b'));
    expect(order[0]).toBe('c');
  });
});

describe('what Slack refuses for its form is made simpler', () => {
  test('plainer blocks, then none', async () => {
    const { fates, channel, delivery } = workspace();
    fates.push(refused('invalid_blocks'), undefined, refused('invalid_blocks'));
    await delivery.put('k', { channelId: 'C1' }, hello);
    expect(channel).toEqual([{ ts: '1.1', key: 'k', text: 'hello', blocks: 0 }]);
  });

  test('less text', async () => {
    const { fates, channel, delivery } = workspace();
    fates.push(refused('msg_too_long'), undefined, refused('msg_too_long'));
    await delivery.put('k', { channelId: 'C1' }, { ...hello, text: 'x'.repeat(5000) });
    expect(channel[0]?.text).toHaveLength(500);
  });

  test.each(['not_in_channel', 'channel_not_found', 'is_archived'])(
    '%s is final: whoever asked is answered elsewhere',
    async (code) => {
      const { fates, delivery } = workspace();
      fates.push(refused(code));
      await expect(delivery.put('k', { channelId: 'C1' }, hello)).rejects.toThrow(code);
    },
  );
});

test('an outcome that stays unknown is an error after three attempts', async () => {
  const { fates, calls, delivery } = workspace();
  fates.push(...Array.from({ length: 30 }, () => lost));
  await expect(delivery.put('k', { channelId: 'C1' }, hello)).rejects.toThrow('timeout');
  expect(calls).toEqual(['post C1', 'find', 'find']);
});
