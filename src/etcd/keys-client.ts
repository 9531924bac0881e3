import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';
import { type Settled, settled } from './failure.ts';
import { type KeyRange, rangeEnd } from './keys/key-range.ts';
import { keysProtocol, type WireRange } from './keys/protocol.ts';
import { type KeyFacts, type RangePage, readRangeReply, type TakeKey } from './keys/range-reply.ts';
import type { RawMethod } from './member-client.ts';
import type { MemberRoute } from './membership-client.ts';

/** Some of the keys of a range: the first so many, as the store was at a revision. */
export type PageRequest = {
  readonly range: KeyRange;
  readonly limit: number;
  /** 0 for the newest. */
  readonly revision: number;
  /** Of `names` the values do not come over the wire, so that their sizes are 0; of `sizes` they come and are only measured. */
  readonly content: 'names' | 'sizes';
};

/** Keys, read from the one endpoint that is named, as that member has them: without a round of consensus, and without a quorum too. */
export type Keys = {
  page(at: string, request: PageRequest): Promise<Settled<RangePage>>;
  /** How many keys a range has at the newest revision, and nothing of them. */
  count(at: string, range: KeyRange): Promise<Settled<RangePage>>;
};

/** A page is a megabyte: a member that takes longer than this has something else to do. */
const pageTimeoutMs = 5_000;

export function createKeys({ client, carry }: Pick<MemberRoute, 'client' | 'carry'>): Keys {
  const range = (at: string, wish: Partial<WireRange> & { readonly range: KeyRange }) => {
    const { range: wanted, ...more } = wish;
    const request = { ...newest, key: wanted.from, range_end: rangeEnd(wanted), ...more };
    return settled(carry(() => client(at).call(measuredRange, request, new Date(Date.now() + pageTimeoutMs))));
  };
  return {
    page: (at, { range: wanted, limit, revision, content }) =>
      range(at, { range: wanted, limit, revision, keys_only: content === 'names' }),
    count: (at, wanted) => range(at, { range: wanted, count_only: true }),
  };
}

const newest = { limit: 0, revision: 0, serializable: true, keys_only: false, count_only: false };

/** The call whose reply is taken apart so; the values go no further than `take`. */
function rangeMethod<Facts>(take: TakeKey<Facts>): RawMethod<WireRange, RangePage<Facts>> {
  const loaded = fromJSON(keysProtocol, { keepCase: true, longs: String, enums: String, defaults: true });
  const service: unknown = loaded['etcdserverpb.KV'];
  const { path, requestSerialize } = (service as { readonly Range: MethodDefinition<WireRange, unknown> }).Range;
  return { path, requestSerialize, responseDeserialize: (bytes) => readRangeReply(bytes, take) };
}

const measuredRange = rangeMethod((facts: KeyFacts) => facts);
