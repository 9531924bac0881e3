import { commonLength, prefixEnd } from './key-range.ts';

/** Enough of a page to see how its keys branch. */
const mostSamples = 128;

/** Keys that begin alike, told apart by their next byte: those before the byte that the last key has there. */
type Level = { readonly since: number; keys: number; siblings: number };

/** Where a window ends: behind so many values of the byte at that depth. */
export type WindowEnd = { readonly end: Buffer | null; readonly depth: number };

/**
 * How many keys lie where, guessed from those that were read: keys come in order, so at each byte of the last one it is known how many
 * siblings it had before and how many keys hung on them. Memory is that of one key.
 */
export class Density {
  private last: Buffer = Buffer.alloc(0);
  private readonly levels: Level[] = [{ since: 0, keys: 0, siblings: 0 }];
  private seen = 0;

  /** The keys of a page, in order. */
  learn(keys: readonly { readonly key: Buffer }[]): void {
    const stride = Math.max(1, Math.floor(keys.length / mostSamples));
    for (let index = stride - 1; index < keys.length; index += stride) this.note(keys[index]?.key, this.seen + index);
    this.seen += keys.length;
    this.note(keys.at(-1)?.key, this.seen - 1);
    // A view into the page would keep all of it.
    this.last = Buffer.from(this.last);
  }

  private note(key: Buffer | undefined, place: number): void {
    if (key === undefined || key.equals(this.last)) return;
    const depth = commonLength(this.last, key);
    const level = this.levels[depth];
    if (level !== undefined && depth < this.last.length) {
      level.siblings += 1;
      level.keys = place - level.since;
    }
    this.levels.length = Math.min(this.levels.length, depth + 1);
    while (this.levels.length <= key.length) this.levels.push({ since: place, keys: 0, siblings: 0 });
    this.last = key;
  }

  /** How many keys hang on one value of the byte at this depth of a place behind the last key; undefined where nothing is known of it. */
  perSibling(place: Buffer, depth: number): number | undefined {
    const common = commonLength(this.last, place);
    const level = this.levels[depth];
    if (depth > common || level === undefined) return undefined;
    // Where the place has another byte, that of the last key is over.
    const isOver = depth === common && depth < this.last.length;
    const siblings = level.siblings + (isOver ? 1 : 0);
    const open = this.seen - level.since - level.keys;
    return siblings === 0
      ? undefined
      : Math.max(isOver ? 0 : open, (isOver ? this.seen - level.since : level.keys) / siblings);
  }

  /** Ends that promise no more than so many keys behind a place, the widest first; the closest one is always among them. */
  endsFor(place: Buffer, wishedKeys: number): WindowEnd[] {
    const ends: WindowEnd[] = [];
    const deepest = Math.min(commonLength(this.last, place), place.length - 1);
    for (let depth = 0; depth < deepest; depth += 1) {
      const per = this.perSibling(place, depth);
      if (per === undefined || per > wishedKeys) continue;
      const steps = Math.min(wishedKeys / Math.max(1, per), 2 * this.siblings(depth) + 1);
      ends.push({ end: endAfter(place, depth, steps), depth });
    }
    ends.push({ end: endAfter(place, deepest, 1), depth: deepest });
    return ends;
  }

  /** The next depth further up where keys were seen to differ; -1 where there is none. */
  branchAbove(place: Buffer, depth: number): number {
    const common = commonLength(this.last, place);
    let up = depth - 1;
    while (up >= 0 && up < common && this.siblings(up) === 0) up -= 1;
    return up;
  }

  private siblings(depth: number): number {
    return this.levels[depth]?.siblings ?? 0;
  }
}

/** The first key whose byte at that depth is so many further on; behind everything that begins alike where there are not as many. */
export function endAfter(place: Buffer, depth: number, steps: number): Buffer | null {
  const byte = (place[depth] ?? 0) + Math.max(1, Math.floor(steps));
  if (byte > 0xff) return prefixEnd(place.subarray(0, depth));
  return Buffer.concat([place.subarray(0, depth), Buffer.from([byte])]);
}

/** No end is behind every key. */
export function isBefore(one: Buffer | null, other: Buffer | null): boolean {
  if (one === null) return false;
  return other === null || one.compare(other) < 0;
}
