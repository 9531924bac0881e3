import { PrefixStack } from './prefix-stack.ts';
import type { KeyFacts } from './range-reply.ts';

/** Keys that begin alike, counted. Sizes are those of keys and values at their newest, without history. */
export type Group = { readonly prefix: Buffer; readonly keys: number; readonly bytes: number };
export type Totals = { readonly groups: number; readonly keys: number; readonly bytes: number };

type OpenGroup = { readonly prefix: Buffer; keys: number; bytes: number };

/** Counts keys by prefix as they pass, in their order, and keeps the largest prefixes: memory does not grow with the keys, nor with the prefixes. */
export class Groups {
  private readonly stack: PrefixStack<OpenGroup>;
  private readonly largest: Group[] = [];
  private readonly top: number;
  private readonly total = { groups: 0, keys: 0, bytes: 0 };

  /**
   * @param top how many are kept
   * @param lengthOf how much of a key is its group
   */
  constructor(top: number, lengthOf: (key: Buffer) => number) {
    this.top = top;
    this.stack = new PrefixStack(
      lengthOf,
      (prefix) => ({ prefix, keys: 0, bytes: 0 }),
      (group) => this.close(group),
    );
  }

  take({ key, valueBytes }: Pick<KeyFacts, 'key' | 'valueBytes'>): void {
    const bytes = key.length + valueBytes;
    const group = this.stack.of(key);
    group.keys += 1;
    group.bytes += bytes;
    this.total.keys += 1;
    this.total.bytes += bytes;
  }

  get seenKeys(): number {
    return this.total.keys;
  }

  /** The largest, largest first, and what all of them come to. */
  finish(): { readonly largest: readonly Group[]; readonly total: Totals } {
    this.stack.finish();
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
