/** One key without its value: what leaves the decoder of a reply is how large the value is, and no more. */
export type KeyFacts = {
  /** A view into the reply: to be copied where it is kept beyond the page. */
  readonly key: Buffer;
  readonly valueBytes: number;
  readonly hasLease: boolean;
};

/** A key with the sha256 of its value in the value's place. */
export type DigestedKey = KeyFacts & { readonly digest: Buffer };

/** A page of keys as one reply to Range gives it. */
export type RangePage<Facts = KeyFacts> = {
  readonly clusterId: string;
  /** Of the whole store when this was answered, not of the keys. */
  readonly revision: number;
  /** How many keys there are in all of the range that was asked for. */
  readonly count: number;
  readonly hasMore: boolean;
  readonly keys: readonly Facts[];
  /** What came over the wire. */
  readonly replyBytes: number;
};

/** What is made of one key while its value is at hand; it must not keep the value. */
export type TakeKey<Facts> = (facts: KeyFacts, value: Buffer) => Facts;

/**
 * Decodes a RangeResponse by hand: protobufjs would make an object with the value of every key, of which only the length is wanted here.
 * Field numbers are those of etcd's api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.
 * @throws Error where it is no protobuf message
 */
export function readRangeReply<Facts>(bytes: Buffer, take: TakeKey<Facts>): RangePage<Facts> {
  const wire = new Wire(bytes);
  const keys: Facts[] = [];
  let header = { clusterId: '0', revision: 0 };
  let count = 0;
  let hasMore = false;
  while (wire.at < bytes.length) {
    const tag = wire.number();
    if (tag === field(1, lengthDelimited)) header = readHeader(wire.message());
    else if (tag === field(2, lengthDelimited)) keys.push(readKey(wire.message(), take));
    else if (tag === field(3, varint)) hasMore = wire.number() !== 0;
    else if (tag === field(4, varint)) count = wire.number();
    else wire.skip(tag);
  }
  return { ...header, count, hasMore, keys, replyBytes: bytes.length };
}

function readHeader(bytes: Buffer): { clusterId: string; revision: number } {
  const wire = new Wire(bytes);
  let clusterId = '0';
  let revision = 0;
  while (wire.at < bytes.length) {
    const tag = wire.number();
    if (tag === field(1, varint)) clusterId = wire.big().toString(16);
    else if (tag === field(3, varint)) revision = wire.number();
    else wire.skip(tag);
  }
  return { clusterId, revision };
}

function readKey<Facts>(bytes: Buffer, take: TakeKey<Facts>): Facts {
  const wire = new Wire(bytes);
  let key: Buffer = empty;
  let value: Buffer = empty;
  let lease = 0;
  while (wire.at < bytes.length) {
    const tag = wire.number();
    if (tag === field(1, lengthDelimited)) key = wire.message();
    else if (tag === field(5, lengthDelimited)) value = wire.message();
    else if (tag === field(6, varint)) lease = wire.number();
    else wire.skip(tag);
  }
  return take({ key, valueBytes: value.length, hasLease: lease !== 0 }, value);
}

const empty = Buffer.alloc(0);
const varint = 0;
const lengthDelimited = 2;
const field = (number: number, type: number) => number * 8 + type;

/** A protobuf message, read from its beginning. Source: https://protobuf.dev/programming-guides/encoding */
class Wire {
  at = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Exact below 2^53, which revisions, counts and lengths are. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || scale > 2 ** 63) throw new Error('a reply that ends in the middle of a number');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  big(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || shift > 63n) throw new Error('a reply that ends in the middle of a number');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  message(): Buffer {
    const length = this.number();
    const from = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw new Error('a reply that ends in the middle of a field');
    return this.bytes.subarray(from, this.at);
  }

  /** Past a field that is not known here: later versions may send more. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === varint) this.number();
    else if (type === lengthDelimited) this.message();
    else if (type === 1) this.at += 8;
    else if (type === 5) this.at += 4;
    else throw new Error(`a reply with a field of the unknown type ${type}`);
  }
}
