import { randomBytes } from 'node:crypto';
import { ApiError } from './api-call.ts';

type Trigger = { readonly user: string; readonly viewId: string | null; readonly untilMs: number; isUsed: boolean };

/** Trigger ids: each opens one view for the person who acted, within three seconds. */
export class Triggers {
  readonly #known = new Map<string, Trigger>();
  readonly #lifetimeMs: number;

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  create(user: string, viewId: string | null): string {
    const id = `${Date.now()}.${this.#known.size + 1}.${randomBytes(16).toString('hex')}`;
    this.#known.set(id, { user, viewId, untilMs: Date.now() + this.#lifetimeMs, isUsed: false });
    return id;
  }

  redeem(id: string): { readonly user: string; readonly viewId: string | null } {
    const trigger = this.#known.get(id);
    if (!trigger) throw new ApiError('invalid_trigger_id');
    if (trigger.isUsed) throw new ApiError('exchanged_trigger_id');
    if (Date.now() > trigger.untilMs) throw new ApiError('expired_trigger_id');
    trigger.isUsed = true;
    return trigger;
  }
}

/** What a response URL belongs to: a command or a click, in a channel, by a person. */
export type ResponseOrigin = {
  readonly channel: string;
  readonly user: string;
  /** The message whose button was pressed. */
  readonly messageTs: string | null;
};

/** Response URLs: five uses within thirty minutes. */
export class ResponseUrls {
  readonly #known = new Map<string, { readonly origin: ResponseOrigin; readonly untilMs: number; uses: number }>();
  readonly #lifetimeMs: number;
  readonly #base: () => string;

  constructor(options: { readonly lifetimeMs: number; base(): string }) {
    this.#lifetimeMs = options.lifetimeMs;
    this.#base = options.base;
  }

  create(kind: 'commands' | 'actions', origin: ResponseOrigin): string {
    const path = `/${kind}/${randomBytes(12).toString('hex')}`;
    this.#known.set(path, { origin, untilMs: Date.now() + this.#lifetimeMs, uses: 0 });
    return `${this.#base()}${path}`;
  }

  use(path: string): ResponseOrigin | 'used_url' | 'expired_url' | undefined {
    const url = this.#known.get(path);
    if (!url) return undefined;
    if (Date.now() > url.untilMs) return 'expired_url';
    if (url.uses >= 5) return 'used_url';
    url.uses += 1;
    return url.origin;
  }
}
