import { createHash, type Hash } from 'node:crypto';
import { PrefixStack } from './prefix-stack.ts';
import type { DigestedKey, RangePage } from './range-reply.ts';

/** How a key of one cluster stands in the other. */
export type Difference = 'only-a' | 'only-b' | 'value';

/** Keys that begin alike, on both sides. The digests are over keys and values in their order: equal only where all of them are. */
export type ComparedGroup = {
  readonly prefix: Buffer;
  readonly keysA: number;
  readonly keysB: number;
  readonly differences: number;
  readonly digestA: string;
  readonly digestB: string;
};

/** What a comparison came to. */
export type Compared = {
  readonly keysA: number;
  readonly keysB: number;
  readonly digestA: string;
  readonly digestB: string;
  readonly differences: Readonly<Record<Difference, number>>;
  /** Keys that hang on a lease on one side and on none on the other: there they never expire. */
  readonly leasesLostOnB: number;
  readonly leasesLostOnA: number;
  /** Those with most differences first, then those with most keys. */
  readonly groups: readonly ComparedGroup[];
  readonly groupsInAll: number;
  /** The first keys that differ. */
  readonly examples: readonly { readonly key: Buffer; readonly difference: Difference }[];
};

type Open = {
  readonly prefix: Buffer;
  keysA: number;
  keysB: number;
  differences: number;
  readonly a: Hash;
  readonly b: Hash;
};

const keptExamples = 20;

/** Folds two walks into one comparison, key by key in their order: memory is that of two pages. */
export class Comparing {
  private readonly stack: PrefixStack<Open>;
  private readonly groups: ComparedGroup[] = [];
  private readonly top: number;
  private groupsInAll = 0;
  private readonly whole: Open = begin(Buffer.alloc(0));
  private readonly differences: Record<Difference, number> = { 'only-a': 0, 'only-b': 0, value: 0 };
  private leasesLostOnA = 0;
  private leasesLostOnB = 0;
  private readonly examples: { readonly key: Buffer; readonly difference: Difference }[] = [];

  constructor(top: number, lengthOf: (key: Buffer) => number) {
    this.top = top;
    this.stack = new PrefixStack(lengthOf, begin, (group) => this.close(group));
  }

  get seenKeys(): number {
    return Math.max(this.whole.keysA, this.whole.keysB);
  }

  take(a: DigestedKey | undefined, b: DigestedKey | undefined): void {
    const key = a?.key ?? b?.key;
    if (key === undefined) return;
    const group = this.stack.of(key);
    for (const one of [group, this.whole]) {
      if (a !== undefined) {
        one.keysA += 1;
        digest(one.a, a);
      }
      if (b !== undefined) {
        one.keysB += 1;
        digest(one.b, b);
      }
    }
    if (a !== undefined && b !== undefined) {
      if (a.hasLease && !b.hasLease) this.leasesLostOnB += 1;
      if (b.hasLease && !a.hasLease) this.leasesLostOnA += 1;
      if (a.digest.equals(b.digest)) return;
    }
    const difference: Difference = a === undefined ? 'only-b' : b === undefined ? 'only-a' : 'value';
    group.differences += 1;
    this.differences[difference] += 1;
    if (this.examples.length < keptExamples) this.examples.push({ key: Buffer.from(key), difference });
  }

  finish(): Compared {
    this.stack.finish();
    const { keysA, keysB, digestA, digestB } = sealed(this.whole);
    return {
      keysA,
      keysB,
      digestA,
      digestB,
      differences: this.differences,
      leasesLostOnA: this.leasesLostOnA,
      leasesLostOnB: this.leasesLostOnB,
      groups: this.groups,
      groupsInAll: this.groupsInAll,
      examples: this.examples,
    };
  }

  private close(open: Open): void {
    const group = sealed(open);
    this.groupsInAll += 1;
    const at = this.groups.findIndex((other) => isWorse(group, other));
    this.groups.splice(at === -1 ? this.groups.length : at, 0, group);
    if (this.groups.length > this.top) this.groups.pop();
  }
}

/** Two walks side by side, each key once: with its like of the other side where there is one. */
export async function mergeKeys(
  a: AsyncGenerator<RangePage<DigestedKey>>,
  b: AsyncGenerator<RangePage<DigestedKey>>,
  take: (a: DigestedKey | undefined, b: DigestedKey | undefined) => void,
  tell: () => void,
): Promise<void> {
  const [one, other] = [new PageCursor(a), new PageCursor(b)];
  for (;;) {
    await Promise.all([one.fill(), other.fill()]);
    tell();
    if (one.key === undefined && other.key === undefined) return;
    // As long as both have keys at hand, or one of them has none at all any more.
    while ((one.key !== undefined || one.isOver) && (other.key !== undefined || other.isOver)) {
      const [left, right] = [one.key, other.key];
      if (left === undefined && right === undefined) break;
      const order = left === undefined ? 1 : right === undefined ? -1 : left.key.compare(right.key);
      take(order <= 0 ? left : undefined, order >= 0 ? right : undefined);
      if (order <= 0) one.next();
      if (order >= 0) other.next();
    }
  }
}

class PageCursor {
  isOver = false;
  private readonly pages: AsyncGenerator<RangePage<DigestedKey>>;
  private keys: readonly DigestedKey[] = [];
  private at = 0;

  constructor(pages: AsyncGenerator<RangePage<DigestedKey>>) {
    this.pages = pages;
  }

  get key(): DigestedKey | undefined {
    return this.keys[this.at];
  }

  next(): void {
    this.at += 1;
  }

  async fill(): Promise<void> {
    while (!this.isOver && this.key === undefined) {
      const page = await this.pages.next();
      this.isOver = page.done === true;
      this.keys = page.done === true ? [] : page.value.keys;
      this.at = 0;
    }
  }
}

function begin(prefix: Buffer): Open {
  return { prefix, keysA: 0, keysB: 0, differences: 0, a: createHash('sha256'), b: createHash('sha256') };
}

/** The length goes before the key: `a` and `bc` are not `ab` and `c`. */
function digest(hash: Hash, { key, digest: ofValue }: DigestedKey): void {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(key.length);
  hash.update(length).update(key).update(ofValue);
}

function sealed({ prefix, keysA, keysB, differences, a, b }: Open): ComparedGroup {
  return { prefix, keysA, keysB, differences, digestA: a.digest('hex'), digestB: b.digest('hex') };
}

function isWorse(one: ComparedGroup, other: ComparedGroup): boolean {
  if (one.differences !== other.differences) return one.differences > other.differences;
  return one.keysA + one.keysB > other.keysA + other.keysB;
}
