/**
 * The part of etcd's gRPC interface that keys and their leases are read and removed by. Replies to Range are decoded by hand (range-reply.ts).
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
        DeleteRangeRequest: { fields: { key: { type: 'bytes', id: 1 }, range_end: { type: 'bytes', id: 2 } } },
        DeleteRangeResponse: { fields: { deleted: { type: 'int64', id: 2 } } },
        LeaseStatus: { fields: { ID: { type: 'int64', id: 1 } } },
        LeaseLeasesRequest: { fields: {} },
        LeaseLeasesResponse: { fields: { leases: { rule: 'repeated' as const, type: 'LeaseStatus', id: 2 } } },
        LeaseTimeToLiveRequest: { fields: { ID: { type: 'int64', id: 1 }, keys: { type: 'bool', id: 2 } } },
        LeaseTimeToLiveResponse: {
          fields: {
            TTL: { type: 'int64', id: 3 },
            grantedTTL: { type: 'int64', id: 4 },
            keys: { rule: 'repeated' as const, type: 'bytes', id: 5 },
          },
        },
        LeaseRevokeRequest: { fields: { ID: { type: 'int64', id: 1 } } },
        LeaseRevokeResponse: { fields: {} },
        KV: {
          methods: {
            Range: { requestType: 'RangeRequest', responseType: 'RangeResponse', comment: '' },
            DeleteRange: { requestType: 'DeleteRangeRequest', responseType: 'DeleteRangeResponse', comment: '' },
          },
        },
        Lease: {
          methods: {
            LeaseLeases: { requestType: 'LeaseLeasesRequest', responseType: 'LeaseLeasesResponse', comment: '' },
            LeaseTimeToLive: {
              requestType: 'LeaseTimeToLiveRequest',
              responseType: 'LeaseTimeToLiveResponse',
              comment: '',
            },
            LeaseRevoke: { requestType: 'LeaseRevokeRequest', responseType: 'LeaseRevokeResponse', comment: '' },
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

export type WireDeleted = { readonly deleted: string };
export type WireLeases = { readonly leases: readonly { readonly ID: string }[] };
export type WireTimeToLive = { readonly TTL: string; readonly grantedTTL: string; readonly keys: readonly Buffer[] };
