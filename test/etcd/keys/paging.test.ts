import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type KeyRange, prefixRange } from '../../../src/etcd/keys/key-range.ts';
import { Paging } from '../../../src/etcd/keys/paging.ts';

const sorted = (keys: readonly Buffer[]) => [...keys].sort((a, b) => a.compare(b));
const numbered = (amount: number, name: (index: number) => string) =>
  sorted(Array.from({ length: amount }, (_, index) => Buffer.from(name(index))));
const hashOf = (index: number) => createHash('sha256').update(String(index)).digest('hex');

/** How many keys are before this one. */
function placeOf(key: Buffer, store: readonly Buffer[]): number {
  let low = 0;
  let high = store.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (store[middle]?.compare(key) === -1) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The store as etcd answers for it: each page tells how many keys its whole range has, and has counted them. */
function walk(store: readonly Buffer[], range: KeyRange, valueBytes: number) {
  const paging = new Paging(range);
  const read: Buffer[] = [];
  let counted = 0;
  let calls = 0;
  let heaviest = 0;
  for (let next = paging.next(); next !== undefined; next = paging.next()) {
    const { from, to } = next.range;
    const all = store.slice(placeOf(from, store), to === null ? store.length : placeOf(to, store));
    const keys = all.slice(0, next.limit).map((key) => ({ key }));
    const replyBytes = keys.reduce((sum, { key }) => sum + key.length + valueBytes, 20);
    counted += all.length;
    calls += 1;
    heaviest = Math.max(heaviest, replyBytes);
    read.push(...keys.map(({ key }) => key));
    paging.took({ clusterId: 'c', revision: 1, count: all.length, hasMore: all.length > next.limit, keys, replyBytes });
    if (calls > 5000) throw new Error('it does not come to an end');
  }
  return { read, counted, calls, heaviest };
}

const kubernetes = sorted([
  ...numbered(3000, (index) => `/registry/events/ns-${index % 7}/pod-${hashOf(index).slice(0, 8)}`),
  ...numbered(900, (index) => `/registry/pods/ns-${index % 7}/web-${hashOf(index).slice(0, 5)}`),
  ...numbered(3, (index) => `/registry/minions/node-${index}`),
  Buffer.from('compact_rev_key'),
]);

describe('every key is read once, in order, wherever the keys lie', () => {
  test.each<[string, readonly Buffer[]]>([
    ['no key', []],
    ['one key', [Buffer.from('a')]],
    ['one page to the key', numbered(100, (index) => `k${index}`)],
    ['numbered keys', numbered(6000, (index) => `load/${String(index).padStart(6, '0')}`)],
    ['hashes', numbered(6000, (index) => `k/${hashOf(index)}`)],
    ['a store of Kubernetes', kubernetes],
    ['keys that begin with each other', numbered(900, (index) => 'a'.repeat(index + 1))],
    [
      'bytes that are no text, up to the last one',
      sorted(
        Array.from({ length: 5000 }, (_, index) => Buffer.from([0xff, index % 256, 0xff, index >> 8, 0xff])).concat(
          Buffer.from([0xff, 0xff, 0xff]),
        ),
      ),
    ],
  ])('%s', (_name, store) => {
    const { read } = walk(store, prefixRange(Buffer.alloc(0)), 100);
    expect(Buffer.concat(read).equals(Buffer.concat([...store]))).toBe(true);
    expect(read).toHaveLength(store.length);
  });

  test('within a prefix and no further', () => {
    const { read } = walk(kubernetes, prefixRange(Buffer.from('/registry/pods/')), 100);
    expect(read).toHaveLength(900);
  });
});

test.each<[string, readonly Buffer[], number]>([
  ['numbered keys', numbered(50_000, (index) => `load/${String(index).padStart(6, '0')}`), 5],
  ['hashes', numbered(50_000, (index) => `k/${hashOf(index)}`), 5],
])('what etcd counts beside the page stays within bounds: %s', (_name, store, atMost) => {
  const { counted, calls } = walk(store, prefixRange(Buffer.alloc(0)), 100);
  // Asked with an open end each time, 50 pages count every key 25 times; the pages of a million keys 500 times.
  expect(counted / store.length).toBeLessThan(atMost);
  expect(calls).toBeLessThan(110);
});

test('directories of some hundred keys each do not make a page of each, nor does a gap between them', () => {
  const store = sorted([
    ...numbered(25_000, (index) => `/registry/events/ns-${index % 50}/pod.${index.toString(16).padStart(12, '0')}`),
    ...numbered(25_000, (index) => `/registry/pods/ns-${index % 50}/web-${hashOf(index).slice(0, 10)}`),
  ]);
  const { read, counted, calls } = walk(store, prefixRange(Buffer.alloc(0)), 40);
  expect(read).toHaveLength(50_000);
  // At the least 25 pages and those that grow at the beginning; one for each directory and each level of its end would be more than 500.
  expect(calls).toBeLessThan(120);
  expect(counted / store.length).toBeLessThan(10);
});

test('a page of large values has fewer keys, so that it weighs about a megabyte', () => {
  const { heaviest } = walk(kubernetes, prefixRange(Buffer.alloc(0)), 50_000);
  expect(heaviest).toBeLessThan(6 * 1024 ** 2);
});

test('a page that did not fit into a message is asked for with an eighth of the keys, down to one', () => {
  const paging = new Paging(prefixRange(Buffer.alloc(0)));
  expect(paging.next()?.limit).toBe(100);
  expect(paging.wasTooLarge()).toBe(true);
  expect(paging.next()?.limit).toBe(12);
  expect(paging.wasTooLarge()).toBe(true);
  expect(paging.next()?.limit).toBe(1);
  expect(paging.wasTooLarge()).toBe(false);
});
