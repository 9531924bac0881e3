import { hash } from 'node:crypto';
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';
import { type Settled, settled } from './failure.ts';
import type { Lease } from './keys/event-leases.ts';
import { type KeyRange, rangeEnd } from './keys/key-range.ts';
import {
  keysProtocol,
  type WireDeleted,
  type WireLeases,
  type WireRange,
  type WireTimeToLive,
} from './keys/protocol.ts';
import { type DigestedKey, type KeyFacts, type RangePage, readRangeReply, type TakeKey } from './keys/range-reply.ts';
import type { RawMethod } from './member-client.ts';
import { type MemberRoute, type Mutation, mutationTimeoutMs, outcomeOf } from './membership-client.ts';

/** Some of the keys of a range: the first so many, as the store was at a revision. */
export type PageRequest = {
  readonly range: KeyRange;
  readonly limit: number;
  /** 0 for the newest. */
  readonly revision: number;
  /** Of `names` the values do not come over the wire, so that their sizes are 0; of `sizes` they come and are only measured. */
  readonly content: 'names' | 'sizes';
};

/**
 * Keys, read from the one endpoint that is named, as that member has them: without a round of consensus, and without a quorum too.
 * Leases are asked of the leader, who alone knows what is left of them. Mutations are sent once.
 */
export type Keys = {
  page(at: string, request: PageRequest): Promise<Settled<RangePage>>;
  /** The values come over the wire, and only their sha256 goes further. */
  digests(at: string, request: Omit<PageRequest, 'content'>): Promise<Settled<RangePage<DigestedKey>>>;
  /**
   * The newest revision: as the cluster agrees on it, which takes a quorum, or as the member itself has it. Any reply tells it: that to `key` where the user
   * may not read all.
   */
  head(at: string, as: 'agreed' | 'own', key?: Buffer): Promise<Settled<number>>;
  /** How many keys a range has at the newest revision, and nothing of them. */
  count(at: string, range: KeyRange): Promise<Settled<RangePage>>;
  /** Ids of all leases, in decimal. */
  leases(at: string): Promise<Settled<readonly string[]>>;
  lease(at: string, id: string): Promise<Settled<Lease>>;
  /** Ends a lease, and with it every key that hangs on it. */
  revoke(at: string, leaseId: string): Promise<Mutation<void>>;
  /** @returns how many keys went */
  removeRange(at: string, range: KeyRange): Promise<Mutation<number>>;
};

/** A page is a megabyte, and the first one counts all keys: a member that takes longer than this has something else to do. */
const pageTimeoutMs = 10_000;

export function createKeys({ client, carry }: Pick<MemberRoute, 'client' | 'carry'>): Keys {
  const call = <Request, Reply>(
    at: string,
    method: RawMethod<Request, Reply>,
    request: Request,
    timeoutMs = pageTimeoutMs,
  ) => carry(() => client(at).call(method, request, new Date(Date.now() + timeoutMs)));
  const range = (at: string, wish: Partial<WireRange> & { readonly range: KeyRange }) => {
    const { range: wanted, ...more } = wish;
    return settled(call(at, measuredRange, { ...newest, key: wanted.from, range_end: rangeEnd(wanted), ...more }));
  };
  return {
    page: (at, { range: wanted, limit, revision, content }) =>
      range(at, { range: wanted, limit, revision, keys_only: content === 'names' }),
    digests: (at, { range: wanted, limit, revision }) =>
      settled(call(at, digestedRange, { ...newest, key: wanted.from, range_end: rangeEnd(wanted), limit, revision })),
    head: (at, as, key = unusedKey) =>
      settled(
        call(at, measuredRange, {
          ...newest,
          key,
          range_end: emptyEnd,
          count_only: true,
          serializable: as === 'own',
        }).then(({ revision }) => revision),
      ),
    count: (at, wanted) => range(at, { range: wanted, count_only: true }),
    leases: (at) => settled(call(at, methods.leases, {}).then(({ leases }) => leases.map(({ ID }) => ID))),
    lease: (at, id) =>
      settled(
        call(at, methods.timeToLive, { ID: id, keys: true }).then(({ TTL, grantedTTL, keys }) => ({
          id,
          grantedSeconds: Number(grantedTTL),
          leftSeconds: Number(TTL),
          keys,
        })),
      ),
    revoke: (at, leaseId) =>
      outcomeOf(call(at, methods.revoke, { ID: leaseId }, mutationTimeoutMs).then(() => undefined)),
    removeRange: (at, wanted) =>
      outcomeOf(
        call(at, methods.deleteRange, { key: wanted.from, range_end: rangeEnd(wanted) }, mutationTimeoutMs).then(
          ({ deleted }) => Number(deleted),
        ),
      ),
  };
}

/** A range of one key that nobody uses: its reply has the revision, and nothing is counted for it. */
const unusedKey = Buffer.from([0]);
const emptyEnd = Buffer.alloc(0);
const newest = { limit: 0, revision: 0, serializable: true, keys_only: false, count_only: false };

const loaded = fromJSON(keysProtocol, { keepCase: true, longs: String, enums: String, defaults: true });

function method<Request, Reply>(service: 'KV' | 'Lease', name: string): MethodDefinition<Request, Reply> {
  const services: unknown = loaded[`etcdserverpb.${service}`];
  const found = (services as Readonly<Record<string, MethodDefinition<Request, Reply>>>)[name];
  if (found === undefined) throw new Error(`no ${service}.${name} in the protocol`);
  return found;
}

const methods = {
  leases: method<object, WireLeases>('Lease', 'LeaseLeases'),
  timeToLive: method<{ readonly ID: string; readonly keys: boolean }, WireTimeToLive>('Lease', 'LeaseTimeToLive'),
  revoke: method<{ readonly ID: string }, object>('Lease', 'LeaseRevoke'),
  deleteRange: method<Pick<WireRange, 'key' | 'range_end'>, WireDeleted>('KV', 'DeleteRange'),
};

/** The call whose reply is taken apart so; the values go no further than `take`. */
function rangeMethod<Facts>(take: TakeKey<Facts>): RawMethod<WireRange, RangePage<Facts>> {
  const { path, requestSerialize } = method<WireRange, unknown>('KV', 'Range');
  return { path, requestSerialize, responseDeserialize: (bytes) => readRangeReply(bytes, take) };
}

const digestedRange = rangeMethod(
  (facts: KeyFacts, value): DigestedKey => ({ ...facts, digest: hash('sha256', value, 'buffer') }),
);
const measuredRange = rangeMethod((facts: KeyFacts) => facts);
