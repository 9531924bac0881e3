/** A bucket that refills steadily: so many at once, then so many a second. */
class Bucket {
  readonly #capacity: number;
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(capacity: number, perSecond: number, nowMs: number) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#tokens = capacity;
    this.#atMs = nowMs;
  }

  /** 0 where it may go on, else the seconds to wait. */
  take(nowMs: number): number {
    this.#tokens = Math.min(this.#capacity, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#perSecond);
    this.#atMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - this.#tokens) / this.#perSecond));
  }
}

/** Calls a minute by tier, https://docs.slack.dev/apis/web-api/rate-limits; Slack lets short bursts of a minute's worth through. */
const perMinute = { 1: 1, 2: 20, 3: 50, 4: 100 } as const;
const tierOf: Readonly<Record<string, 1 | 2 | 3 | 4>> = {
  'chat.update': 3,
  'chat.delete': 3,
  'chat.postEphemeral': 4,
  'conversations.history': 3,
  'conversations.replies': 3,
  'conversations.info': 3,
  'conversations.list': 2,
  'conversations.members': 4,
  'conversations.open': 3,
  'conversations.join': 3,
  'users.info': 4,
  'users.list': 2,
  'usergroups.users.list': 2,
  'usergroups.list': 2,
  'views.open': 4,
  'views.push': 4,
  'views.update': 4,
  'views.publish': 4,
  'reactions.add': 3,
  'reactions.remove': 2,
  'files.getUploadURLExternal': 4,
  'files.completeUploadExternal': 4,
  'files.info': 4,
};

/** One post a second and channel, with a short burst, as Slack has it for chat.postMessage; other methods by their tier. */
export class RateLimits {
  readonly #postsPerSecond: number;
  readonly #methods: 'slack' | 'none';
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: { readonly postsPerSecond: number; readonly methods: 'slack' | 'none' }) {
    this.#postsPerSecond = options.postsPerSecond;
    this.#methods = options.methods;
  }

  /** 0 where the call may go on, else the seconds for Retry-After. */
  take(method: string, channel: string | null, nowMs: number): number {
    if (method === 'chat.postMessage') {
      if (!Number.isFinite(this.#postsPerSecond)) return 0;
      const burst = Math.max(3, this.#postsPerSecond);
      return this.#bucket(`post ${channel}`, burst, this.#postsPerSecond, nowMs).take(nowMs);
    }
    const tier = tierOf[method];
    if (tier === undefined || this.#methods === 'none') return 0;
    return this.#bucket(method, perMinute[tier], perMinute[tier] / 60, nowMs).take(nowMs);
  }

  #bucket(key: string, capacity: number, perSecond: number, nowMs: number): Bucket {
    const known = this.#buckets.get(key);
    if (known) return known;
    const made = new Bucket(capacity, perSecond, nowMs);
    this.#buckets.set(key, made);
    return made;
  }
}
