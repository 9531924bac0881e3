/** Keys from one on, in the order of their bytes, up to another one, which is not in it; null where there is no end. */
export type KeyRange = { readonly from: Buffer; readonly to: Buffer | null };

const slash = 0x2f;
/** The least key that there can be: an empty one is refused by etcd. */
const firstKey = Buffer.from([0]);

/** The keys that begin with a prefix; all keys where it is empty. */
export function prefixRange(prefix: Buffer): KeyRange {
  return { from: prefix.length === 0 ? firstKey : prefix, to: prefixEnd(prefix) };
}

/** The first key behind all that begin so; null where there is none. */
export function prefixEnd(prefix: Buffer): Buffer | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return null;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}

/** How etcd writes an end: a zero byte stands for none. */
export function rangeEnd({ to }: KeyRange): Buffer {
  return to ?? firstKey;
}

/** The next key that there can be. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, firstKey]);
}

/** Whether a key begins so. */
export function beginsWith(key: Buffer, prefix: Buffer): boolean {
  if (key.length < prefix.length) return false;
  // From the end: neighbours differ there.
  for (let at = prefix.length - 1; at >= 0; at -= 1) if (key[at] !== prefix[at]) return false;
  return true;
}

/** How many bytes two keys have in common at their beginning. */
export function commonLength(one: Buffer, other: Buffer): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  while (at < most && one[at] === other[at]) at += 1;
  return at;
}

/**
 * Where a key's directories end, as in a path: `/a/b/c` has two, of 3 and 5 bytes. The slash at the beginning ends none.
 * @returns the length of the longest directory that is no deeper than `levels`; 0 where there is none
 */
export function directoryLength(key: Buffer, levels: number): number {
  let length = 0;
  let depth = 0;
  for (let at = 1; at < key.length && depth < levels; at += 1)
    if (key[at] === slash) {
      depth += 1;
      length = at + 1;
    }
  return length;
}

/** How many directories a key or a prefix lies in. */
export function directoryLevels(key: Buffer): number {
  let levels = 0;
  for (let at = 1; at < key.length; at += 1) if (key[at] === slash) levels += 1;
  return levels;
}
