import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { z } from 'zod';
import { Refusal } from '../refusal.ts';
import { Damage } from './damage.ts';

/*
 * The file format, as docs/restore.md gives it:
 *   8 bytes   "QUORUMS1"
 *   4 bytes   length of the header, big-endian
 *   header    JSON: { cipher, chunkBytes, keyId, salt }
 *   chunks    each chunkBytes of the snapshot (the last one: what is left) sealed with AES-256-GCM, its 16-byte tag behind it
 * The file's own key is HKDF-SHA256(key, salt, "quorum snapshot" + sha256 of all that stands before the chunks). The nonce of a chunk is its number
 * in 11 bytes, big-endian, then 1 for the last chunk and 0 for any other: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015), as age has it. A chunk
 * that is missing, moved, repeated or altered does not open, and neither does a file that ends early or goes on.
 */
const magic = Buffer.from('QUORUMS1');
const cipher = 'aes-256-gcm';
const tagBytes = 16;
const chunkBytes = 256 * 1024;
const largestHeader = 4096;
const largestChunk = 16 * 1024 ** 2;

const headerSchema = z.object({
  cipher: z.literal(cipher),
  chunkBytes: z.number().int().min(1).max(largestChunk),
  keyId: z.string(),
  /** base64 */
  salt: z.string(),
});

/** Names a key without telling it: 8 hexadecimal characters. */
export function keyIdOf(key: Uint8Array): string {
  return createHmac('sha256', key).update('quorum snapshot key id').digest('hex').slice(0, 8);
}

/** How many bytes a sealed snapshot takes: for a look at the free space. */
export function sealedBytes(plainBytes: number): number {
  return plainBytes + (Math.floor(plainBytes / chunkBytes) + 1) * tagBytes + largestHeader;
}

/** @param salt 32 random bytes, new for every file */
export async function* seal(
  source: AsyncIterable<Uint8Array>,
  key: Uint8Array,
  salt: Uint8Array,
): AsyncGenerator<Buffer> {
  const header = Buffer.from(
    JSON.stringify({ cipher, chunkBytes, keyId: keyIdOf(key), salt: Buffer.from(salt).toString('base64') }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  const preamble = Buffer.concat([magic, length, header]);
  const fileKey = deriveKey(key, salt, preamble);
  yield preamble;
  let number = 0;
  for await (const { bytes, isLast } of pieces(source, chunkBytes)) {
    const sealing = createCipheriv(cipher, fileKey, nonceOf(number, isLast ? 'last' : 'inner'));
    // Nothing is joined: a new buffer of this size costs more than its encryption.
    yield sealing.update(bytes);
    sealing.final();
    yield sealing.getAuthTag();
    number += 1;
  }
}

/**
 * The opposite of `seal`; gives out nothing that was not checked.
 * @throws Refusal where none of the keys is the one it was sealed with; Damage where it is no sealed file, or was altered or cut
 */
export async function* unseal(source: AsyncIterable<Uint8Array>, keys: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  const reader = new Reader(source);
  try {
    const start = await reader.take(magic.length + 4);
    if (start.length < magic.length + 4 || !start.subarray(0, magic.length).equals(magic))
      throw new Damage('it does not begin as a snapshot that Quorum encrypted');
    const headerLength = start.readUInt32BE(magic.length);
    if (headerLength > largestHeader) throw new Damage('its header is too long');
    const header = await reader.take(headerLength);
    const told = headerOf(header);
    const key = keys.find((known) => keyIdOf(known) === told.keyId);
    if (key === undefined) throw wrongKey(told.keyId, keys);
    const fileKey = deriveKey(key, Buffer.from(told.salt, 'base64'), Buffer.concat([start, header]));
    let number = 0;
    for await (const { bytes, isLast } of pieces(reader.rest(), told.chunkBytes + tagBytes)) {
      if (bytes.length <= tagBytes) throw new Damage(`it is cut within chunk ${number}`);
      const opening = createDecipheriv(cipher, fileKey, nonceOf(number, isLast ? 'last' : 'inner'));
      opening.setAuthTag(bytes.subarray(bytes.length - tagBytes));
      const opened = opening.update(bytes.subarray(0, bytes.length - tagBytes));
      try {
        opening.final();
      } catch {
        throw new Damage(
          isLast
            ? `its chunk ${number} does not open: it is cut there, or was altered`
            : `its chunk ${number} does not open: it was altered`,
        );
      }
      yield opened;
      number += 1;
    }
    if (number === 0) throw new Damage('it ends after its header');
  } finally {
    await reader.close();
  }
}

/** Whether a file begins as one that `seal` made. */
export function isSealed(start: Uint8Array): boolean {
  return magic.equals(start.subarray(0, magic.length));
}

function headerOf(text: Buffer): z.infer<typeof headerSchema> {
  try {
    return headerSchema.parse(JSON.parse(text.toString()));
  } catch {
    throw new Damage('its header cannot be read');
  }
}

function wrongKey(keyId: string, keys: readonly Uint8Array[]): Refusal {
  const known = keys.map(keyIdOf);
  return new Refusal(
    known.length === 0
      ? `It is encrypted with the key ${keyId}, and no key is configured.`
      : `It is encrypted with the key ${keyId}, and the configured ${known.length === 1 ? 'one is' : 'ones are'} ${known.join(', ')}.`,
    `Put the key ${keyId} under snapshots.encryption.oldKeys in quorum.yaml.`,
  );
}

function deriveKey(key: Uint8Array, salt: Uint8Array, preamble: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from('quorum snapshot'), createHash('sha256').update(preamble).digest()]);
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32));
}

function nonceOf(number: number, place: 'inner' | 'last'): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 5, 6);
  nonce[11] = place === 'last' ? 1 : 0;
  return nonce;
}

/**
 * The same bytes in pieces of one size; only the last one may be shorter, and it is known to be the last. Empty where there is nothing. Each piece
 * stands in the same memory: it is to be used up before the next one is asked for.
 */
async function* pieces(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ readonly bytes: Buffer; readonly isLast: boolean }> {
  const piece = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const bytes of source) {
    let at = 0;
    while (at < bytes.length) {
      // A full piece is given out when more follows it: until then it may be the last.
      if (filled === size) {
        yield { bytes: piece, isLast: false };
        filled = 0;
      }
      const taken = Math.min(size - filled, bytes.length - at);
      piece.set(bytes.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
    }
  }
  if (filled > 0) yield { bytes: piece.subarray(0, filled), isLast: true };
}

/** Takes a source apart: some bytes at its start, then the rest. */
class Reader {
  private readonly source: AsyncIterator<Uint8Array>;
  private left: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** Fewer bytes only where the source ends. */
  async take(count: number): Promise<Buffer> {
    while (this.left.length < count) {
      const next = await this.source.next();
      if (next.done === true) break;
      this.left = Buffer.concat([this.left, next.value]);
    }
    const taken = this.left.subarray(0, count);
    this.left = this.left.subarray(count);
    return taken;
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.left.length > 0) yield this.left;
    for (let next = await this.source.next(); next.done !== true; next = await this.source.next()) yield next.value;
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }
}
