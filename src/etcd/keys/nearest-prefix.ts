import { nearest } from '../../nearest.ts';
import type { Keys } from '../keys-client.ts';
import { directoryLength, directoryLevels, type KeyRange, keyAfter, prefixEnd, prefixRange } from './key-range.ts';
import { commonResources } from './kubernetes-names.ts';
import { isKubernetes, openLevels } from './openness.ts';

/** Each child is a call. */
const mostChildren = 40;

/** A prefix that has keys and is like one that has none; of the names that everybody may see. */
export async function nearestPrefix(prefix: Buffer, keys: Keys, at: string): Promise<Buffer | undefined> {
  const hasKeys = async (one: Buffer) => ((await keys.count(at, prefixRange(one))).value?.count ?? 0) > 0;
  const withSlash = Buffer.concat([Buffer.from('/'), prefix]);
  if (prefix[0] !== 0x2f && (await hasKeys(withSlash))) return withSlash;
  let parent = parentOf(prefix);
  while (parent.length > 0 && !(await hasKeys(parent))) parent = parentOf(parent);
  const children =
    isKubernetes(parent) && directoryLevels(parent) === 1
      ? commonResources.map((resource) => Buffer.concat([parent, Buffer.from(`${resource}/`)]))
      : await childrenOf(parent, keys, at);
  const typed = prefix.subarray(0, directoryLength(prefix, directoryLevels(parent) + 1) || prefix.length);
  const near = nearest(
    typed.toString('latin1'),
    children.map((child) => child.toString('latin1')),
  );
  if (near !== undefined) {
    const found = Buffer.from(near, 'latin1');
    if (await hasKeys(found)) return found;
  }
  return parent.length > 0 ? parent : undefined;
}

/** The directory that a prefix lies in; empty at the top. */
function parentOf(prefix: Buffer): Buffer {
  const end = prefix.at(-1) === 0x2f ? prefix.length - 1 : prefix.length;
  return prefix.subarray(0, directoryLength(prefix.subarray(0, end), Number.POSITIVE_INFINITY));
}

/** The first directories of one; from one to the next in one call. */
async function childrenOf(parent: Buffer, keys: Keys, at: string): Promise<Buffer[]> {
  const levels = directoryLevels(parent) + 1;
  const children: Buffer[] = [];
  let range: KeyRange = prefixRange(parent);
  for (let call = 0; call < mostChildren; call += 1) {
    const page = await keys.page(at, { range, limit: 1, revision: 0, content: 'names' });
    const key = page.value?.keys[0]?.key;
    if (key === undefined) break;
    const length = directoryLength(key, levels);
    const isDirectory = length > parent.length;
    if (isDirectory && levels <= openLevels(key)) children.push(key.subarray(0, length));
    const from = isDirectory ? prefixEnd(key.subarray(0, length)) : keyAfter(key);
    if (from === null) break;
    range = { from, to: range.to };
  }
  return children;
}
