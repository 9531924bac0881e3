import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import { expect, test } from '@jest/globals';
import { readRangeReply } from '../../../src/etcd/keys/range-reply.ts';

/** etcd's own interface, as etcd3 ships it: what it encodes is what the hand-written decoder has to read. */
const loaded = loadSync(fileURLToPath(new URL('../proto/rpc.proto', import.meta.resolve('etcd3'))), { keepCase: true });
const kv = loaded['etcdserverpb.KV'] as unknown as {
  readonly Range: { responseSerialize(reply: object): Buffer };
};
const take = (facts: object) => facts;

test('a reply is read as protobufjs writes it', () => {
  const bytes = kv.Range.responseSerialize({
    header: {
      cluster_id: '17237436991929493444',
      member_id: '9372538179322589801',
      revision: '4503599627370497',
      raft_term: 2,
    },
    kvs: [
      {
        key: Buffer.from('a'),
        create_revision: 2,
        mod_revision: 300,
        version: 1,
        value: Buffer.alloc(300),
        lease: '7587862094675012613',
      },
      { key: Buffer.from([0, 255]), value: Buffer.alloc(0) },
    ],
    more: true,
    count: '1000000',
  });
  expect(readRangeReply(bytes, take)).toEqual({
    clusterId: 'ef37ad9dc622a7c4',
    revision: 4503599627370497,
    count: 1_000_000,
    hasMore: true,
    keys: [
      { key: Buffer.from('a'), valueBytes: 300, hasLease: true },
      { key: Buffer.from([0, 255]), valueBytes: 0, hasLease: false },
    ],
    replyBytes: bytes.length,
  });
});

test('an empty reply has no keys', () => {
  expect(readRangeReply(kv.Range.responseSerialize({ header: { revision: 1 } }), take)).toMatchObject({
    revision: 1,
    count: 0,
    hasMore: false,
    keys: [],
  });
});

test('a reply that is cut is an error, and no smaller store', () => {
  const bytes = kv.Range.responseSerialize({ header: { revision: 1 }, kvs: [{ key: Buffer.from('abc') }], count: 300 });
  for (let length = 1; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length);
    let keys = 0;
    try {
      keys = readRangeReply(cut, take).keys.length;
    } catch (error) {
      expect(String(error)).toContain('a reply that ends in the middle');
    }
    expect(keys).toBeLessThanOrEqual(1);
  }
});
