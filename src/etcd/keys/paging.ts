import { Density, endAfter, isBefore, type WindowEnd } from './density.ts';
import { type KeyRange, keyAfter } from './key-range.ts';
import type { KeyFacts, RangePage } from './range-reply.ts';

/** What one page is to weigh: etcd builds a reply as a whole in its memory. */
const pageBytes = 1024 ** 2;
const mostKeys = 2000;
/** Nothing is known of the sizes at first; a page has at most twice as many keys as the one before. */
const firstKeys = 100;
/**
 * etcd counts all keys of the range that is asked for, at every page, and holds up writers while it does (mvcc/index.go: Revisions, under the
 * lock of the index): with an open end a walk over a million keys would count half a thousand million. So the end is drawn close, at about so
 * many pages; where it turns out to have twice as many, closer.
 */
const wishedPages = 2.5;
const leastWish = 1000;

/** Which keys to ask for next, so that every key of a range is read once and no page is heavy for the member. Pure: told of each page, it names the next. */
export class Paging {
  private from: Buffer;
  private readonly end: Buffer | null;
  private window: Buffer | null;
  /** Which byte of a key the window's end was drawn at. */
  private depth = 0;
  /** How many keys the window had in all. */
  private windowKeys = 0;
  /** How many windows in a row had hardly a key, where many keys hang on each byte. */
  private sparse = 0;
  private limit = firstKeys;
  /** How much of a guess is taken: less after one that was far too wide. */
  private trust = 1;
  private isGuessed = false;
  private isDone = false;
  private readonly density = new Density();
  /** How many keys are left up to the ends that were asked up to, the furthest first. */
  private readonly known: { readonly end: Buffer | null; keys: number }[] = [];

  constructor({ from, to }: KeyRange) {
    this.from = from;
    this.end = to;
    this.window = to;
  }

  /** undefined where all keys were read. */
  next(): { readonly range: KeyRange; readonly limit: number } | undefined {
    return this.isDone ? undefined : { range: { from: this.from, to: this.window }, limit: this.limit };
  }

  /** The page that was asked for last. */
  took({ keys, count, hasMore, replyBytes }: RangePage<Pick<KeyFacts, 'key'>>): void {
    const last = keys.at(-1)?.key;
    if (last !== undefined) {
      const fitting = Math.floor((pageBytes * keys.length) / Math.max(1, replyBytes));
      this.limit = Math.max(1, Math.min(fitting, mostKeys, this.limit * 2));
      this.density.learn(keys);
    }
    if (this.windowKeys === 0) this.known.push({ end: this.window, keys: count });
    for (const each of this.known) each.keys -= keys.length;
    this.windowKeys = Math.max(this.windowKeys, count);
    if (hasMore && last !== undefined) {
      this.from = keyAfter(last);
      if (count - keys.length > 2 * this.wish) this.narrow();
    } else this.leaveWindow();
  }

  /** The page that was asked for last did not fit into one message. @returns false where not even one key does */
  wasTooLarge(): boolean {
    if (this.limit === 1) return false;
    this.limit = Math.max(1, this.limit >> 3);
    return true;
  }

  private get wish(): number {
    return Math.max(leastWish, wishedPages * this.limit);
  }

  private narrow(): void {
    if (this.isGuessed) this.trust = Math.max(1 / 256, this.trust / 4);
    this.open(this.density.endsFor(this.from, this.wish * this.trust), 'guessed');
  }

  private leaveWindow(): void {
    if (this.window === null || !isBefore(this.window, this.end)) {
      this.isDone = true;
      return;
    }
    this.from = this.window;
    while (!isBefore(this.from, this.known.at(-1)?.end ?? null)) this.known.pop();
    const isSparse = this.windowKeys < (this.wish * this.trust) / 4;
    if (!isSparse && this.isGuessed) this.trust = Math.min(1, this.trust * 2);
    const guessed = this.density.endsFor(this.from, this.wish * this.trust);
    if (!isSparse) this.sparse = 0;
    const [widest] = guessed;
    const wider = isSparse ? this.wider() : undefined;
    if (wider !== undefined && (widest === undefined || isBefore(widest.end, wider.end)))
      this.open([wider, ...guessed], 'widened');
    else this.open(guessed, 'guessed');
  }

  /** Behind a window with hardly a key: at its own depth where many keys hang on each byte there, else the rest of what begins alike further up. */
  private wider(): WindowEnd {
    const depth = Math.min(this.depth, this.from.length - 1);
    if (this.isHeavy(depth)) {
      this.sparse += 1;
      return { end: endAfter(this.from, depth, 8 ** (this.sparse - 1)), depth };
    }
    this.sparse = 0;
    const branch = Math.max(0, this.density.branchAbove(this.from, depth));
    const far = endAfter(this.from, branch, 1);
    const up = isBefore(far, this.nearestKnown.end) ? branch : Math.max(0, depth - 1);
    return { end: endAfter(this.from, up, 1), depth: up };
  }

  private get nearestKnown() {
    return this.known.at(-1) ?? { end: this.end, keys: Number.POSITIVE_INFINITY };
  }

  private isHeavy(depth: number): boolean {
    return (this.density.perSibling(this.from, depth) ?? 0) > this.wish;
  }

  /** The first of them that lies before what is known to be too far. */
  private open(ends: readonly WindowEnd[], how: 'guessed' | 'widened'): void {
    const known = this.nearestKnown;
    const chosen = known.keys <= 2 * this.wish ? undefined : ends.find(({ end }) => isBefore(end, known.end));
    if (chosen === undefined) {
      if (this.window !== known.end) this.windowKeys = 0;
      this.window = known.end;
      this.isGuessed = false;
      return;
    }
    this.window = chosen.end;
    this.depth = chosen.depth;
    this.isGuessed = how === 'guessed';
    this.windowKeys = 0;
  }
}
