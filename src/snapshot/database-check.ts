import { createHash, type Hash } from 'node:crypto';
import { Damage } from './damage.ts';

/** What a whole snapshot is. */
export type DatabaseFacts = {
  /** With the trailer. */
  readonly bytes: number;
  /** Hex, of the whole file with its trailer: what `sha256sum` prints. */
  readonly sha256: string;
};

/** etcd appends the sha256 of the database (server/storage/backend, snapshot), and its own restore refuses a file without it. */
const trailerBytes = 32;
/** bbolt: a page's header is 16 bytes; in the first two pages the meta follows it: magic, version, page size, little-endian (db.go). */
const metaAt = 16;
const magic = 0xed0cdaed;
const version = 2;
const largestPage = 65_536;
/** Whoever reads that much has the meta of both pages. */
const headBytes = largestPage + metaAt + 12;

/**
 * Looks at a snapshot as it passes: the sha256 trailer, the size, and bbolt's own magic in both meta pages. Fed in order, asked at the
 * end. Holds no more than the first pages.
 */
export class DatabaseCheck {
  private readonly hash: Hash = createHash('sha256');
  private readonly head: Uint8Array[] = [];
  private headLength = 0;
  private tail: Buffer = Buffer.alloc(0);
  private length = 0;

  take(bytes: Uint8Array): void {
    this.length += bytes.length;
    if (this.headLength < headBytes) {
      this.head.push(Uint8Array.prototype.slice.call(bytes, 0, headBytes - this.headLength));
      this.headLength += bytes.length;
    }
    // What may be the trailer is held back from the sum.
    if (bytes.length >= trailerBytes) {
      this.hash.update(this.tail);
      this.hash.update(bytes.subarray(0, bytes.length - trailerBytes));
      this.tail = Buffer.from(bytes.subarray(bytes.length - trailerBytes));
    } else {
      const joined = Buffer.concat([this.tail, bytes]);
      const over = Math.max(0, joined.length - trailerBytes);
      this.hash.update(joined.subarray(0, over));
      this.tail = Buffer.from(joined.subarray(over));
    }
  }

  /** @throws Damage that says what is missing */
  finish(): DatabaseFacts {
    if (this.length === 0) throw new Damage('it is empty');
    if (this.length % 512 !== trailerBytes)
      throw new Damage(`its ${this.length} bytes do not end with a sha256 trailer: it is cut, or no snapshot of etcd`);
    this.checkPages();
    if (!this.hash.copy().digest().equals(this.tail)) throw new Damage('its sha256 is not the one in its trailer');
    return { bytes: this.length, sha256: this.hash.copy().update(this.tail).digest('hex') };
  }

  private checkPages(): void {
    const head = Buffer.concat(this.head);
    checkMeta(head, 0);
    const pageBytes = head.readUInt32LE(metaAt + 8);
    if (pageBytes < 512 || pageBytes > largestPage || (pageBytes & (pageBytes - 1)) !== 0)
      throw new Damage(`its database says a page has ${pageBytes} bytes`);
    checkMeta(head, pageBytes);
  }
}

function checkMeta(head: Buffer, page: number): void {
  const at = page + metaAt;
  if (head.length < at + 12 || head.readUInt32LE(at) !== magic)
    throw new Damage(`bbolt’s magic is not in its page ${page === 0 ? 0 : 1}: it is no database of etcd`);
  const found = head.readUInt32LE(at + 4);
  if (found !== version) throw new Damage(`its database is of version ${found}, and ${version} is known`);
}
