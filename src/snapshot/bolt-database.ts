import { Damage } from './damage.ts';

/** Reads so many bytes at a place in a file; fewer only at its end. */
export type ReadAt = (at: number, bytes: number) => Buffer;

/** A key of etcd as the database holds one of its revisions. */
export type KeyRevision = {
  readonly main: bigint;
  readonly sub: bigint;
  readonly isDeleted: boolean;
  /** An encoded mvccpb.KeyValue. */
  readonly value: Buffer;
};

const pageHeaderBytes = 16;
const elementBytes = 16;
const [branchFlag, leafFlag] = [1, 2];

/**
 * Walks a bbolt database of etcd by itself, independent of etcd: what a restore is held against. The layout is bbolt's (page.go, bucket.go):
 * little-endian, a header of 16 bytes a page, then its elements, then keys and values at offsets from each element.
 */
export class BoltDatabase {
  private readonly readAt: ReadAt;
  private readonly pageBytes: number;
  private readonly root: bigint;

  constructor(readAt: ReadAt) {
    this.readAt = readAt;
    const first = readAt(pageHeaderBytes, 64);
    this.pageBytes = first.readUInt32LE(8);
    const second = readAt(this.pageBytes + pageHeaderBytes, 64);
    // Both metas are of one size; the one of the later transaction counts.
    const meta = first.readBigUInt64LE(48) > second.readBigUInt64LE(48) ? first : second;
    this.root = meta.readBigUInt64LE(16);
  }

  /** Every revision of every key, the latest first. */
  *revisions(): Generator<KeyRevision> {
    for (const [key, value] of this.entriesOf('key')) {
      yield {
        main: key.readBigUInt64BE(0),
        sub: key.readBigUInt64BE(9),
        isDeleted: key.length === 18 && key[17] === 't'.charCodeAt(0),
        value,
      };
    }
  }

  /** The revision up to which the history is gone; 0 where it was never compacted. */
  compactedRevision(): bigint {
    const revisions = [...this.entriesOf('meta')]
      .filter(([key]) => /^(finished|scheduled)CompactRev$/.test(key.toString()))
      .map(([, value]) => (value.length >= 8 ? value.readBigUInt64BE(0) : 0n));
    return revisions.reduce((a, b) => (a > b ? a : b), 0n);
  }

  private *entriesOf(bucket: string): Generator<readonly [Buffer, Buffer]> {
    for (const [name, value] of this.backwards(this.page(this.root))) {
      if (name.toString() !== bucket) continue;
      const root = value.readBigUInt64LE(0);
      // A small bucket lies within its parent: its page follows its header.
      yield* this.backwards(root === 0n ? value.subarray(16) : this.page(root));
    }
  }

  private page(id: bigint): Buffer {
    const at = Number(id) * this.pageBytes;
    const page = this.readAt(at, this.pageBytes);
    if (page.length < this.pageBytes) throw new Damage(`its page ${id} is not there`);
    const overflow = page.readUInt32LE(12);
    return overflow === 0 ? page : this.readAt(at, (overflow + 1) * this.pageBytes);
  }

  private *backwards(page: Buffer): Generator<readonly [Buffer, Buffer]> {
    const flags = page.readUInt16LE(8);
    for (let index = page.readUInt16LE(10) - 1; index >= 0; index -= 1) {
      const at = pageHeaderBytes + index * elementBytes;
      if (flags === branchFlag) {
        yield* this.backwards(this.page(page.readBigUInt64LE(at + 8)));
      } else if (flags === leafFlag) {
        const keyAt = at + page.readUInt32LE(at + 4);
        const valueAt = keyAt + page.readUInt32LE(at + 8);
        yield [page.subarray(keyAt, valueAt), page.subarray(valueAt, valueAt + page.readUInt32LE(at + 12))];
      } else throw new Damage(`a page of its tree has the flags ${flags}`);
    }
  }
}
