import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Refusal } from '../../src/refusal.ts';
import { Damage } from '../../src/snapshot/damage.ts';
import { keyIdOf, seal, unseal } from '../../src/snapshot/sealing.ts';
import { keyOf } from '../../src/snapshot/settings.ts';
import { inPieces, joined } from '../support/snapshots.ts';

const key = Buffer.alloc(32, 1);
const salt = Buffer.alloc(32, 2);
const chunk = 256 * 1024;

const sealed = (plain: Uint8Array) => joined(seal(inPieces(plain, 32 * 1024), key, salt));
const opened = (bytes: Uint8Array, keys: readonly Uint8Array[] = [key]) =>
  joined(unseal(inPieces(bytes, 50_000), keys));
const why = (bytes: Uint8Array, keys?: readonly Uint8Array[]) =>
  opened(bytes, keys).then(
    () => 'it opened',
    (error: unknown) => {
      if (error instanceof Damage || error instanceof Refusal) return error.message;
      throw error;
    },
  );

test.each([1, 100, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 17])(
  '%i bytes come back as they were',
  async (length) => {
    const plain = randomBytes(length);
    expect((await opened(await sealed(plain))).equals(plain)).toBe(true);
  },
);

describe('what was done to a sealed file is found out', () => {
  const plain = randomBytes(3 * chunk + 1000);
  const whole = chunk + 16;
  const headerOf = (file: Buffer) => 12 + file.readUInt32BE(8);

  test('cut after a whole chunk', async () => {
    const file = await sealed(plain);
    expect(await why(file.subarray(0, headerOf(file) + 2 * whole))).toBe(
      'its chunk 1 does not open: it is cut there, or was altered',
    );
  });

  test('cut within a chunk', async () => {
    const file = await sealed(plain);
    expect(await why(file.subarray(0, file.length - 500))).toBe(
      'its chunk 3 does not open: it is cut there, or was altered',
    );
    expect(await why(file.subarray(0, headerOf(file) + 2 * whole + 10))).toBe('it is cut within chunk 2');
  });

  test('cut after the header', async () => {
    const file = await sealed(plain);
    expect(await why(file.subarray(0, headerOf(file)))).toBe('it ends after its header');
    expect(await why(file.subarray(0, 20))).toBe('its header cannot be read');
  });

  test('two chunks that changed places', async () => {
    const file = await sealed(plain);
    const at = headerOf(file);
    const swapped = Buffer.concat([
      file.subarray(0, at),
      file.subarray(at + whole, at + 2 * whole),
      file.subarray(at, at + whole),
      file.subarray(at + 2 * whole),
    ]);
    expect(await why(swapped)).toBe('its chunk 0 does not open: it was altered');
  });

  test('a bit that fell over, anywhere', async () => {
    const file = await sealed(plain);
    for (const at of [headerOf(file) + 5, headerOf(file) + 2 * whole + 99, file.length - 1]) {
      const altered = Buffer.from(file);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(await why(altered)).toMatch(/does not open/);
    }
  });

  test('a header that says another size of chunks', async () => {
    const file = await sealed(plain);
    const altered = Buffer.from(file.toString('latin1').replace('262144', '131072'), 'latin1');
    expect(await why(altered)).toBe('its chunk 0 does not open: it was altered');
  });

  test('something behind its end', async () => {
    expect(await why(Buffer.concat([await sealed(plain), randomBytes(100)]))).toMatch(/does not open/);
  });

  test('a file that was never one', async () => {
    expect(await why(randomBytes(5000))).toBe('it does not begin as a snapshot that Quorum encrypted');
    expect(await why(Buffer.alloc(0))).toBe('it does not begin as a snapshot that Quorum encrypted');
  });
});

test('a wrong key is refused by its id, before anything is given out', async () => {
  const other = Buffer.alloc(32, 9);
  expect(await why(await sealed(randomBytes(10)), [other])).toBe(
    `It is encrypted with the key ${keyIdOf(key)}, and the configured one is ${keyIdOf(other)}.`,
  );
  expect(await why(await sealed(randomBytes(10)), [])).toBe(
    `It is encrypted with the key ${keyIdOf(key)}, and no key is configured.`,
  );
});

test('after a change of keys the old one still opens what it sealed', async () => {
  expect((await opened(await sealed(Buffer.from('old')), [Buffer.alloc(32, 9), key])).toString()).toBe('old');
});

test('a key is 32 bytes in hex or base64', () => {
  expect(keyOf('07'.repeat(32))?.length).toBe(32);
  expect(keyOf(Buffer.alloc(32, 7).toString('base64'))?.length).toBe(32);
  expect(keyOf(Buffer.alloc(32, 7).toString('base64url'))?.length).toBe(32);
  for (const text of ['', 'secret', '07'.repeat(31), Buffer.alloc(33).toString('base64')])
    expect(keyOf(text)).toBeNull();
});
