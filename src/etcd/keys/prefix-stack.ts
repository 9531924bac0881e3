import { beginsWith } from './key-range.ts';

/**
 * Groups of keys that begin alike, made from keys in their order. Open are only those that the last key begins with: none of the others can come
 * again, so that memory does not grow with the groups.
 */
export class PrefixStack<Group extends { readonly prefix: Buffer }> {
  private readonly open: Group[] = [];
  private readonly lengthOf: (key: Buffer) => number;
  private readonly begin: (prefix: Buffer) => Group;
  private readonly close: (group: Group) => void;

  /** @param lengthOf how much of a key is its group: of two keys in order, that begin alike as far as that, the same */
  constructor(lengthOf: (key: Buffer) => number, begin: (prefix: Buffer) => Group, close: (group: Group) => void) {
    this.lengthOf = lengthOf;
    this.begin = begin;
    this.close = close;
  }

  /** The group of the next key. */
  of(key: Buffer): Group {
    for (let last = this.open.at(-1); last !== undefined && !beginsWith(key, last.prefix); last = this.open.at(-1)) {
      this.open.pop();
      this.close(last);
    }
    const length = this.lengthOf(key);
    const last = this.open.at(-1);
    if (last !== undefined && last.prefix.length === length) return last;
    const group = this.begin(Buffer.from(key.subarray(0, length)));
    this.open.push(group);
    return group;
  }

  finish(): void {
    for (let last = this.open.pop(); last !== undefined; last = this.open.pop()) this.close(last);
  }
}
