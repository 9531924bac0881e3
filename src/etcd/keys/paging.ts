import { commonLength, type KeyRange, keyAfter, prefixEnd } from './key-range.ts';
import type { KeyFacts, RangePage } from './range-reply.ts';

/** What one page is to weigh: etcd builds a reply as a whole in its memory. */
const pageBytes = 1024 ** 2;
const mostKeys = 1000;
/** Nothing is known of the sizes at first; a page has at most twice as many keys as the one before. */
const firstKeys = 100;
/**
 * etcd counts all keys of the range that is asked for, at every page, and holds up writers while it does (mvcc/index.go: Revisions, under the
 * lock of the index): with an open end a walk over a million keys would count half a thousand million. So the end is drawn close.
 */
const crowdPages = 4;
const leastCrowd = 2000;

/** Which keys to ask for next, so that every key of a range is read once and no page is heavy for the member. Pure: told of each page, it names the next. */
export class Paging {
  private from: Buffer;
  private readonly end: Buffer | null;
  private window: Buffer | null;
  /** How many bytes of a key the window holds fixed. */
  private depth = 0;
  /** Whether the window holds everything that begins so: its rest tells nothing of how full its neighbours are. */
  private isWhole = false;
  private limit = firstKeys;
  private isDone = false;

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
    const first = keys[0]?.key;
    const last = keys.at(-1)?.key;
    if (first !== undefined) {
      const fitting = Math.floor((pageBytes * keys.length) / Math.max(1, replyBytes));
      this.limit = Math.max(1, Math.min(fitting, mostKeys, this.limit * 2));
    }
    if (hasMore && first !== undefined && last !== undefined) {
      this.from = keyAfter(last);
      this.isWhole = false;
      if (count > Math.max(leastCrowd, crowdPages * this.limit)) this.narrow(first, last);
    } else this.leaveWindow(count);
  }

  /** The page that was asked for last did not fit into one message. @returns false where not even one key does */
  wasTooLarge(): boolean {
    if (this.limit === 1) return false;
    this.limit = Math.max(1, this.limit >> 3);
    return true;
  }

  /** Up to where the byte changes at which the page's keys begin to differ: about as many keys as the page has. */
  private narrow(first: Buffer, last: Buffer): void {
    const depth = Math.min(last.length, commonLength(first, last) + 1);
    const end = prefixEnd(last.subarray(0, depth));
    if (end === null || !isBefore(end, this.window)) return;
    this.window = end;
    this.depth = depth;
  }

  private leaveWindow(count: number): void {
    if (this.window === null || !isBefore(this.window, this.end)) {
      this.isDone = true;
      return;
    }
    if (this.isWhole && count < this.limit / 2) this.depth -= 1;
    this.from = this.window;
    this.isWhole = this.from.length <= this.depth;
    const end = prefixEnd(this.from.subarray(0, this.depth));
    this.window = isBefore(end, this.end) ? end : this.end;
  }
}

/** No end is behind every key. */
function isBefore(one: Buffer | null, other: Buffer | null): boolean {
  if (one === null) return false;
  return other === null || one.compare(other) < 0;
}
