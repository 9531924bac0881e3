import { createHash } from 'node:crypto';
import { createLanes } from '../lanes.ts';
import type { Message } from './message.ts';
import { SlackFailure, type SlackWeb } from './web.ts';

/** What is known about a post: where it was meant to go, since when, and its ts once it stands there. */
export type PostRecord = {
  readonly channelId: string;
  readonly ts?: string | undefined;
  /** Milliseconds since the epoch: how far back the channel's history has to be read to find it. */
  readonly intentAt: number;
  /** Of the content that stands there. */
  readonly digest?: string | undefined;
};

/** Remembers posts by key. Every call is one step in Redis. */
export type PostStore = {
  /** Stores the intent to post, unless the key is known: then returns what is known and stores nothing. */
  claim(key: string, record: PostRecord): Promise<PostRecord | undefined>;
  /** Stores where the post stands, unless another one stands already: then returns that one's ts. */
  settle(key: string, record: PostRecord & { readonly ts: string }): Promise<string>;
  set(key: string, record: PostRecord): Promise<void>;
};

export type Target = { readonly channelId: string; readonly threadTs?: string | undefined };

/** Waits, or throws, before a message is posted or edited. */
export type Holding = (act: 'post' | 'edit') => Promise<void>;

export type Delivery = {
  /**
   * Makes the post with this key show this message: posts it, or edits it where it stands.
   * Per channel in order. A channel that is rate limited for longer than a moment is refused at once until its time is over.
   * @param hold asked right before each call that changes what people see, with what it does; what it throws, this throws
   * @returns the ts of the message
   * @throws SlackFailure: `refused` is final; `rate-limited` and `unknown` (after all attempts) may be tried again later
   */
  put(key: string, target: Target, message: Message, hold?: Holding): Promise<string>;
};

const attempts = 3;
/** A longer rate limit is not waited for here: whoever posts comes back later, and does something else meanwhile. */
const shortWaitMs = 1200;

/**
 * Exactly one message a key, although Slack has no idempotent post: the intent is stored before it is sent, the key travels in the
 * message's metadata, and after an unknown outcome the channel's history tells whether it arrived.
 */
export function createDelivery(parts: {
  web: SlackWeb;
  posts: PostStore;
  now(): Date;
  wait(ms: number): Promise<void>;
}): Delivery {
  const { web, posts, now, wait } = parts;
  /** One after another within a channel. */
  const inLane = createLanes();
  /** Until when a channel takes nothing more, in milliseconds since the epoch. */
  const pausedUntil = new Map<string, number>();

  async function putOnce(
    key: string,
    target: Target,
    message: Message,
    digest: string,
    hold: Holding,
  ): Promise<string> {
    const intentAt = now().getTime();
    const known = await posts.claim(key, { channelId: target.channelId, intentAt });
    if (known === undefined) return await send(key, target, message, digest, intentAt, hold);
    let ts = known.ts;
    if (ts === undefined) {
      ts = await web.findPost(target, key, known.intentAt);
      if (ts === undefined) return await send(key, target, message, digest, known.intentAt, hold);
    } else if (known.digest === digest) return ts;
    await hold('edit');
    try {
      await web.update({ channelId: target.channelId, ts }, message);
    } catch (error) {
      if (!(error instanceof SlackFailure && error.code === 'message_not_found')) throw error;
      // Somebody deleted it: the answer is still owed.
      await posts.set(key, { channelId: target.channelId, intentAt: known.intentAt });
      return await send(key, target, message, digest, known.intentAt, hold);
    }
    await posts.set(key, { channelId: target.channelId, ts, intentAt: known.intentAt, digest });
    return ts;
  }

  async function send(
    key: string,
    target: Target,
    message: Message,
    digest: string,
    intentAt: number,
    hold: Holding,
  ): Promise<string> {
    await hold('post');
    const ts = await web.post(target, message, key);
    const standing = await posts.settle(key, { channelId: target.channelId, ts, intentAt, digest });
    // A worker that was stopped for longer than its lock may have posted the same: the later one goes.
    if (standing !== ts) await web.remove({ channelId: target.channelId, ts });
    return standing;
  }

  function demandUnpaused(channelId: string): void {
    const leftMs = (pausedUntil.get(channelId) ?? 0) - now().getTime();
    if (leftMs > shortWaitMs) throw new SlackFailure('chat.postMessage', 'rate-limited', 'ratelimited', leftMs);
    if (leftMs <= 0) pausedUntil.delete(channelId);
  }

  return {
    put: (key, target, message, hold = always) =>
      inLane(target.channelId, async () => {
        const digest = createHash('sha256').update(JSON.stringify(message)).digest('hex');
        let shown = message;
        for (let attempt = 1; ; ) {
          try {
            demandUnpaused(target.channelId);
            return await putOnce(key, target, shown, digest, hold);
          } catch (error) {
            if (!(error instanceof SlackFailure)) throw error;
            if (error.kind === 'rate-limited' && error.retryAfterMs <= shortWaitMs) {
              await wait(error.retryAfterMs);
              continue;
            }
            if (error.kind === 'rate-limited') pausedUntil.set(target.channelId, now().getTime() + error.retryAfterMs);
            const simpler = error.kind === 'refused' ? simplified(shown, error.code) : undefined;
            if (simpler !== undefined) {
              shown = simpler;
              continue;
            }
            if (error.kind !== 'unknown' || attempt >= attempts) throw error;
            await wait(250 * 2 ** attempt);
            attempt++;
          }
        }
      }),
  };
}

const always = async () => {};

/** What is left to try of a message that Slack refuses for its form: plainer blocks, then none, then less text. */
function simplified(message: Message, code: string): Message | undefined {
  const isForm = code === 'invalid_blocks' || code === 'msg_blocks_too_long' || code === 'invalid_blocks_format';
  if (isForm && message.blocks.length > 0)
    return message.blocks === message.plainBlocks
      ? { ...message, blocks: [], plainBlocks: [] }
      : { ...message, blocks: message.plainBlocks };
  if (code !== 'msg_too_long') return undefined;
  if (message.blocks.length > 0) return { ...message, blocks: [], plainBlocks: [] };
  return message.text.length > 500 ? { ...message, text: `${message.text.slice(0, 499)}…` } : undefined;
}
