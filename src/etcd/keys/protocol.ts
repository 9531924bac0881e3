/**
 * The part of etcd's gRPC interface that keys are read by. Replies to Range are decoded by hand (range-reply.ts).
 * Field numbers are those of etcd's api/etcdserverpb/rpc.proto.
 */
export const keysProtocol = {
  nested: {
    etcdserverpb: {
      nested: {
        RangeRequest: {
          fields: {
            key: { type: 'bytes', id: 1 },
            range_end: { type: 'bytes', id: 2 },
            limit: { type: 'int64', id: 3 },
            revision: { type: 'int64', id: 4 },
            serializable: { type: 'bool', id: 7 },
            keys_only: { type: 'bool', id: 8 },
            count_only: { type: 'bool', id: 9 },
          },
        },
        RangeResponse: { fields: {} },
        KV: {
          methods: {
            Range: { requestType: 'RangeRequest', responseType: 'RangeResponse', comment: '' },
          },
        },
      },
    },
  },
};

/** A request to Range as the wire wants it. */
export type WireRange = {
  readonly key: Buffer;
  readonly range_end: Buffer;
  readonly limit: number;
  readonly revision: number;
  readonly serializable: boolean;
  readonly keys_only: boolean;
  readonly count_only: boolean;
};
