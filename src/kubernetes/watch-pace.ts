import type { FailureKind } from './request-failure.ts';

/** How long a watch waits for what, in milliseconds. */
export type WatchTiming = {
  /** Without a byte for so long the connection is taken for dead, and made anew from where it stood. */
  readonly silenceMs: number;
  /** Open for so long, or with something told by then, a watch counts as working. */
  readonly stableMs: number;
  /** The first wait after a failure, and the longest: each is twice the one before. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** The same for what somebody has to mend: a permission, a namespace, credentials. */
  readonly slowFirstMs: number;
  readonly slowMostMs: number;
};

/**
 * API servers send a bookmark about once a minute (the watch cache's bookmarkFrequency, checked each second with a quarter of
 * jitter), though they promise none: half as long again, and silence is no accident. A quiet server that sends none costs
 * one request in that time.
 */
export const usualTiming: WatchTiming = {
  silenceMs: 90_000,
  stableMs: 2000,
  firstMs: 500,
  mostMs: 8000,
  slowFirstMs: 1000,
  slowMostMs: 30_000,
};

/** What ended an attempt. */
export type AttemptEnd = {
  readonly kind: FailureKind;
  readonly retryAfterMs?: number | undefined;
  /** Whether it had worked until then. */
  readonly wasStable: boolean;
};

/** How long to wait before the next attempt, and whether that is worth a word. */
export type NextAttempt = { readonly waitMs: number; readonly isTold: boolean };

const slowKinds: readonly FailureKind[] = [
  'forbidden',
  'missing',
  'unauthorized',
  'credentials',
  'tls',
  'not kubernetes',
];
/** Of 410s in a row so many are answered by listing at once: the second may be a list that took longer than a compaction. */
const relistsAtOnce = 2;
/** Watches that a server's end cut off together come back apart. */
const spreadMs = 250;
const longestRetryAfterMs = 300_000;

/** The pace of one watch's attempts: it knows how many failed in a row. */
export class WatchPace {
  readonly #timing: WatchTiming;
  readonly #random: () => number;
  /** In a row, by how soon each kind is tried again: a server that comes up again may refuse for a moment whom it knows. */
  readonly #failures = { soon: 0, slowly: 0 };
  #expired = 0;
  #strangers = 0;

  constructor(timing: WatchTiming, random: () => number = Math.random) {
    this.#timing = timing;
    this.#random = random;
  }

  /** It works: the next failure is a first one. */
  settle(): void {
    this.#failures.soon = 0;
    this.#failures.slowly = 0;
    this.#expired = 0;
    this.#strangers = 0;
  }

  /** What follows on this end. */
  after({ kind, retryAfterMs = 0, wasStable }: AttemptEnd): NextAttempt {
    if (wasStable) {
      this.settle();
      if (kind !== 'expired' && retryAfterMs === 0) return { waitMs: this.#random() * spreadMs, isTold: false };
    }
    if (kind === 'expired') {
      this.#expired += 1;
      if (this.#expired <= relistsAtOnce) return { waitMs: 0, isTold: false };
    }
    if (kind === 'unauthorized') {
      // The credentials may have been renewed meanwhile: they are read anew, and tried once.
      this.#strangers += 1;
      if (this.#strangers === 1) return { waitMs: 0, isTold: false };
    }
    const rate = slowKinds.includes(kind) ? 'slowly' : 'soon';
    const { firstMs, mostMs, slowFirstMs, slowMostMs } = this.#timing;
    const [first, most] = rate === 'slowly' ? [slowFirstMs, slowMostMs] : [firstMs, mostMs];
    const fullMs = Math.min(most, first * 2 ** Math.min(this.#failures[rate], 16));
    this.#failures[rate] += 1;
    const backoffMs = fullMs * (0.5 + 0.5 * this.#random());
    const askedMs = Math.min(longestRetryAfterMs, retryAfterMs);
    return { waitMs: askedMs > backoffMs ? askedMs + this.#random() * spreadMs : backoffMs, isTold: true };
  }
}
