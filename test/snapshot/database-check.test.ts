import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { Damage } from '../../src/snapshot/damage.ts';
import { DatabaseCheck } from '../../src/snapshot/database-check.ts';
import { databaseBytes } from '../support/snapshots.ts';

function checked(bytes: Buffer, size: number): DatabaseCheck {
  const check = new DatabaseCheck();
  for (let at = 0; at < bytes.length; at += size) check.take(bytes.subarray(at, at + size));
  return check;
}

function why(bytes: Buffer): string {
  try {
    checked(bytes, 1000).finish();
    return 'it is whole';
  } catch (error) {
    if (error instanceof Damage) return error.message;
    throw error;
  }
}

test.each([1, 7, 31, 32, 33, 4096, 1_000_000])('a whole snapshot passes, in pieces of %i bytes', (size) => {
  const bytes = databaseBytes();
  expect(checked(bytes, size).finish()).toEqual({
    bytes: 4 * 4096 + 32,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
});

test('a database with the pages of another machine passes', () => {
  expect(checked(databaseBytes(3, 65_536), 32_768).finish().bytes).toBe(3 * 65_536 + 32);
});

test.each([
  ['nothing at all', Buffer.alloc(0), 'it is empty'],
  [
    'one that lacks its trailer',
    databaseBytes().subarray(0, -32),
    'its 16384 bytes do not end with a sha256 trailer: it is cut, or no snapshot of etcd',
  ],
  [
    'one that was cut in the middle',
    databaseBytes().subarray(0, 9000),
    'its 9000 bytes do not end with a sha256 trailer: it is cut, or no snapshot of etcd',
  ],
  [
    'one that lacks a page',
    databaseBytes().subarray(4096),
    'bbolt’s magic is not in its page 1: it is no database of etcd',
  ],
  ['zeros', Buffer.alloc(4096 + 32), 'bbolt’s magic is not in its page 0: it is no database of etcd'],
])('%s is refused', (_what, bytes, said) => {
  expect(why(bytes)).toBe(said);
});

test('a changed byte is refused', () => {
  const bytes = databaseBytes();
  bytes[9000] = (bytes[9000] ?? 0) ^ 1;
  expect(why(bytes)).toBe('its sha256 is not the one in its trailer');
});

test('a database of another version is refused', () => {
  const bytes = databaseBytes();
  bytes.writeUInt32LE(3, 20);
  expect(why(bytes)).toBe('its database is of version 3, and 2 is known');
});
