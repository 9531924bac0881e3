import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Config, parseConfig } from '../../src/config.ts';
import { decryptSnapshot } from '../../src/snapshot/decrypt-client.ts';
import { keyIdOf, seal } from '../../src/snapshot/sealing.ts';
import { makeFolder, removeFolder } from '../support/process.ts';
import { databaseBytes, inPieces, joined, testKey } from '../support/snapshots.ts';

let folder: string;
const plain = databaseBytes();
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = makeFolder('quorum-decrypt');
  writeFileSync(at('a.db.sealed'), await joined(seal(inPieces(plain, 1000), Buffer.alloc(32, 7), Buffer.alloc(32))));
});
afterEach(() => removeFolder(folder));

function configWith(encryption: string): Config {
  const source = `etcd: { clusters: { prod: { endpoints: ["http://x"], snapshots: { to: { directory: /srv }, encryption: ${encryption} } } } }`;
  return parseConfig(source, {}, []);
}

test('it comes out as it went in, for its owner alone', async () => {
  const facts = await decryptSnapshot(configWith(`{ key: "${testKey}" }`), at('a.db.sealed'), at('a.db'));
  expect(facts.bytes).toBe(plain.length);
  expect(readFileSync(at('a.db')).equals(plain)).toBe(true);
  expect((statSync(at('a.db')).mode & 0o777).toString(8)).toBe('600');
});

test('with a wrong key nothing is written', async () => {
  const other = Buffer.alloc(32, 8);
  const config = configWith(`{ key: "${other.toString('base64')}" }`);
  await expect(decryptSnapshot(config, at('a.db.sealed'), at('a.db'))).rejects.toThrow(
    `It is encrypted with the key ${keyIdOf(Buffer.alloc(32, 7))}, and the configured one is ${keyIdOf(other)}.`,
  );
  expect(existsSync(at('a.db'))).toBe(false);
});

test('of a file that is cut nothing is written', async () => {
  writeFileSync(at('b.db.sealed'), readFileSync(at('a.db.sealed')).subarray(0, -1));
  const config = configWith(`{ key: "${testKey}" }`);
  await expect(decryptSnapshot(config, at('b.db.sealed'), at('b.db'))).rejects.toThrow(
    /is not whole: its chunk 0 does not open/,
  );
  expect(existsSync(at('b.db'))).toBe(false);
});

test('what is there already is not overwritten', async () => {
  writeFileSync(at('a.db'), 'precious');
  const config = configWith(`{ key: "${testKey}" }`);
  await expect(decryptSnapshot(config, at('a.db.sealed'), at('a.db'))).rejects.toThrow('a.db is there already.');
  expect(readFileSync(at('a.db'), 'utf8')).toBe('precious');
});

test('a file that is not there is told', async () => {
  const config = configWith(`{ key: "${testKey}" }`);
  await expect(decryptSnapshot(config, at('c.db.sealed'), at('c.db'))).rejects.toThrow(
    'c.db.sealed cannot be decrypted: ENOENT.',
  );
  expect(existsSync(at('c.db'))).toBe(false);
});
