import { beginsWith } from './key-range.ts';
import type { KeyFacts } from './range-reply.ts';

/** Keys that begin alike, counted. Sizes are those of keys and values at their newest, without history. */
export type Group = { readonly prefix: Buffer; readonly keys: number; readonly bytes: number };
export type Totals = { readonly groups: number; readonly keys: number; readonly bytes: number };

type OpenGroup = { readonly prefix: Buffer; keys: number; bytes: number };

/**
 * Counts keys by prefix as they pass, in their order, and keeps the largest prefixes: memory does not grow with the keys, nor with the prefixes.
 * Open are only the prefixes that the last key begins with: none of the others can come again.
 */
export class Groups {
  private readonly open: OpenGroup[] = [];
  private readonly largest: Group[] = [];
  private readonly top: number;
  private readonly lengthOf: (key: Buffer) => number;
  private readonly total = { groups: 0, keys: 0, bytes: 0 };

  /**
   * @param top how many are kept
   * @param lengthOf how much of a key is its group: of two keys in order, that begin alike as far as that, the same
   */
  constructor(top: number, lengthOf: (key: Buffer) => number) {
    this.top = top;
    this.lengthOf = lengthOf;
  }

  take({ key, valueBytes }: Pick<KeyFacts, 'key' | 'valueBytes'>): void {
    const bytes = key.length + valueBytes;
    this.total.keys += 1;
    this.total.bytes += bytes;
    for (let last = this.open.at(-1); last !== undefined && !beginsWith(key, last.prefix); last = this.open.at(-1)) {
      this.open.pop();
      this.close(last);
    }
    const length = this.lengthOf(key);
    const last = this.open.at(-1);
    if (last !== undefined && last.prefix.length === length) {
      last.keys += 1;
      last.bytes += bytes;
    } else this.open.push({ prefix: Buffer.from(key.subarray(0, length)), keys: 1, bytes });
  }

  get seenKeys(): number {
    return this.total.keys;
  }

  /** The largest, largest first, and what all of them come to. */
  finish(): { readonly largest: readonly Group[]; readonly total: Totals } {
    for (let last = this.open.pop(); last !== undefined; last = this.open.pop()) this.close(last);
    return { largest: this.largest, total: { ...this.total } };
  }

  private close(group: Group): void {
    this.total.groups += 1;
    const at = this.largest.findIndex((other) => isLarger(group, other));
    this.largest.splice(at === -1 ? this.largest.length : at, 0, group);
    if (this.largest.length > this.top) this.largest.pop();
  }
}

function isLarger(one: Group, other: Group): boolean {
  return one.bytes !== other.bytes ? one.bytes > other.bytes : one.prefix.compare(other.prefix) < 0;
}
