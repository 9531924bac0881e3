import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Refusal } from '../../src/refusal.ts';
import { openStorage, type SnapshotStorage } from '../../src/snapshot/storage.ts';
import { type S3Bucket, startS3 } from '../support/s3.ts';
import { inPieces, joined } from '../support/snapshots.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let s3: S3Bucket;
let storage: SnapshotStorage;
const never = new AbortController().signal;
const name = '20261129T030000Z-4f1c9a2e.db.sealed';
const mebi = 1024 ** 2;

beforeEach(async () => {
  s3 = await startS3();
  storage = await openStorage({ kind: 's3', prefix: 'etcd/', ...s3.settings }, 'prod');
});
afterEach(async () => {
  storage.close();
  await s3.stop();
});

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return `${error.message} ${error.advice}`;
  throw error ?? new Error('nothing was refused');
}

test('a large one goes up in parts, comes back the same, and is listed over pages', async () => {
  const bytes = randomBytes(17 * mebi + 3);
  expect(await storage.write(name, inPieces(bytes, 100_000), never)).toBe(bytes.length);
  expect(s3.asked.filter((line) => line.includes('partNumber'))).toHaveLength(3);
  expect((await joined(storage.read(name))).equals(bytes)).toBe(true);
  for (const other of ['a', 'b', 'c', 'd']) await storage.writeText(`${other}.json`, other);
  s3.objects.set('etcd/prod/below/another.json', Buffer.from('x'));
  s3.objects.set('etcd/production/another.json', Buffer.from('x'));
  expect((await storage.list()).map((file) => file.name).sort()).toEqual([
    name,
    'a.json',
    'b.json',
    'c.json',
    'd.json',
  ]);
  expect(await storage.readText('c.json')).toBe('c');
  expect(storage.where).toBe('s3://backups/etcd/prod');
});

test('nobody sees it before it is complete, and what breaks off leaves no part behind', async () => {
  let visible: unknown;
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield randomBytes(9 * mebi);
    yield randomBytes(9 * mebi);
    visible = await storage.list();
    throw new Refusal('The stream was cut.', 'Ask again.');
  }
  expect(await refusalOf(storage.write(name, breaking(), never))).toBe('The stream was cut. Ask again.');
  expect(visible).toEqual([]);
  expect(s3.uploads.size).toBe(0);
  expect(s3.objects.size).toBe(0);
});

test('what is stopped from outside leaves no part behind either', async () => {
  const stop = new AbortController();
  async function* stopping(): AsyncGenerator<Uint8Array> {
    yield randomBytes(9 * mebi);
    stop.abort();
    yield randomBytes(9 * mebi);
  }
  await expect(storage.write(name, stopping(), stop.signal)).rejects.toThrow(/abort/i);
  expect(s3.uploads.size).toBe(0);
  expect(s3.objects.size).toBe(0);
});

test('a part that failed on the way is sent again', async () => {
  s3.refuse(/partNumber/, 503, 1);
  const bytes = randomBytes(9 * mebi);
  await storage.write(name, inPieces(bytes, mebi), never);
  expect(s3.objects.get(`etcd/prod/${name}`)?.equals(bytes)).toBe(true);
});

test('an upload that a killed process left is found and removed', async () => {
  s3.refuse(/^DELETE/, 500, 1);
  s3.refuse(/partNumber/, 403);
  await storage.write(name, inPieces(randomBytes(mebi), mebi), never).catch(() => {});
  const [left, ...others] = await storage.unfinished();
  expect(others).toEqual([]);
  expect(left?.name.startsWith(`${name}?`)).toBe(true);
  await storage.removeUnfinished(left?.name ?? '');
  expect(s3.uploads.size).toBe(0);
});

describe('what the service refuses is said with its mend', () => {
  const grant =
    'Grant test-access s3:ListBucket and s3:ListBucketMultipartUploads on backups, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on backups/etcd/prod/*.';

  test('a bucket that may not be listed', async () => {
    s3.refuse(/^GET/, 403);
    expect(await refusalOf(storage.list())).toBe(
      `The bucket backups forbids to list what is in it (AccessDenied). ${grant}`,
    );
  });

  test('a bucket that may not be written to', async () => {
    s3.refuse(/^(POST|PUT)/, 403);
    expect(await refusalOf(storage.write(name, inPieces(randomBytes(10), 10), never))).toBe(
      `The bucket backups forbids to write ${name} (AccessDenied). ${grant}`,
    );
    expect(await refusalOf(storage.writeText('a.json', 'a'))).toMatch(/forbids to write a\.json/);
  });

  test('a secret that is not the key’s', async () => {
    const other = await openStorage({ kind: 's3', prefix: 'etcd', ...s3.settings, secretAccessKey: 'wrong' }, 'prod');
    expect(await refusalOf(other.list())).toBe(
      'The bucket backups does not take the key test-access (SignatureDoesNotMatch). Correct snapshots.to.s3.accessKeyId, secretAccessKey and region in quorum.yaml.',
    );
    other.close();
  });

  test('a bucket that is not there', async () => {
    const other = await openStorage({ kind: 's3', prefix: 'etcd', ...s3.settings, bucket: 'nowhere' }, 'prod');
    expect(await refusalOf(other.list())).toMatch(/^There is no bucket nowhere at http:\/\/127\.0\.0\.1:\d+\. Make it/);
    expect(await refusalOf(other.write(name, inPieces(randomBytes(10), 10), never))).toMatch(
      /^There is no bucket nowhere/,
    );
    other.close();
  });

  test('a service that is not there', async () => {
    const endpoint = 'http://127.0.0.1:1';
    const other = await openStorage({ kind: 's3', prefix: 'etcd', ...s3.settings, endpoint }, 'prod');
    expect(await refusalOf(other.list())).toMatch(/^http:\/\/127\.0\.0\.1:1 cannot be reached: /);
    other.close();
  });
});
