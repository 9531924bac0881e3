import { createHash } from 'node:crypto';
import { BoltDatabase, type ReadAt } from './bolt-database.ts';

/** A key as etcd answers it, or as its database holds it. 64-bit numbers are decimal strings. */
export type StoredKey = {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: string;
  readonly modRevision: string;
  readonly version: string;
  readonly lease: string;
};

/** What keys come to: their number, and a sum over all of them that no order changes. */
export type KeySum = { readonly keys: number; readonly digest: bigint };

/** By prefix: enough to say where two stores differ. */
export type KeySums = ReadonlyMap<string, KeySum>;

/** Adds keys up by prefix, in any order. */
export class KeyTally {
  private readonly sums = new Map<string, { keys: number; digest: bigint }>();

  add({ key, value, createRevision, modRevision, version, lease }: StoredKey): void {
    const hash = createHash('sha256');
    hash.update(`${key.length} ${value.length} ${createRevision} ${modRevision} ${version} ${lease} `);
    hash.update(key);
    hash.update(value);
    const prefix = prefixOf(key);
    const sum = this.sums.get(prefix) ?? { keys: 0, digest: 0n };
    sum.keys += 1;
    sum.digest = BigInt.asUintN(64, sum.digest + hash.digest().readBigUInt64BE(0));
    this.sums.set(prefix, sum);
  }

  totals(): KeySums {
    return this.sums;
  }
}

/** The first two parts of a path, `/registry/pods`; of anything else the first part. No name below that is shown. */
function prefixOf(key: Buffer): string {
  const parts = key.toString('latin1').split('/');
  const depth = parts[0] === '' ? 3 : 2;
  return parts.length > depth - 1 ? `${parts.slice(0, depth).join('/')}`.slice(0, 100) : '(no prefix)';
}

/** The keys that live in a database, and the revision it is at, read without etcd. */
export function sumDatabase(readAt: ReadAt): { readonly sums: KeySums; readonly revision: number } {
  const database = new BoltDatabase(readAt);
  const tally = new KeyTally();
  const seen = new Set<string>();
  let revision = database.compactedRevision();
  for (const { main, isDeleted, value } of database.revisions()) {
    if (main > revision) revision = main;
    const stored = decodeKeyValue(value);
    const key = stored.key.toString('latin1');
    // The latest comes first: what is older is history.
    if (seen.has(key)) continue;
    seen.add(key);
    if (!isDeleted) tally.add(stored);
  }
  return { sums: tally.totals(), revision: Number(revision === 0n ? 1n : revision) };
}

/** Prefixes at which two stores are not the same, with how many keys each has. */
export function differences(
  expected: KeySums,
  found: KeySums,
): { readonly prefix: string; readonly expected: number; readonly found: number }[] {
  return [...new Set([...expected.keys(), ...found.keys()])].sort().flatMap((prefix) => {
    const [one, other] = [expected.get(prefix), found.get(prefix)];
    if (one?.digest === other?.digest && one?.keys === other?.keys) return [];
    return [{ prefix, expected: one?.keys ?? 0, found: other?.keys ?? 0 }];
  });
}

export function countKeys(sums: KeySums): number {
  return [...sums.values()].reduce((total, { keys }) => total + keys, 0);
}

/** mvccpb.KeyValue (api/mvccpb/kv.proto): key 1, create_revision 2, mod_revision 3, version 4, value 5, lease 6. */
function decodeKeyValue(bytes: Buffer): StoredKey {
  const buffers: Record<number, Buffer> = {};
  const numbers: Record<number, bigint> = {};
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    if ((tag & 7) === 2) {
      const length = Number(varint());
      buffers[tag >> 3] = bytes.subarray(at, at + length);
      at += length;
    } else numbers[tag >> 3] = varint();
  }
  const number = (field: number) => BigInt.asIntN(64, numbers[field] ?? 0n).toString();
  return {
    key: buffers[1] ?? Buffer.alloc(0),
    value: buffers[5] ?? Buffer.alloc(0),
    createRevision: number(2),
    modRevision: number(3),
    version: number(4),
    lease: number(6),
  };
}
