import type { MemberStatus } from './cluster.ts';
import { type Settled, settled } from './failure.ts';
import { type MemberRoute, type Mutation, mutationTimeoutMs, outcomeOf } from './membership-client.ts';

/** What gives space back, and what proves that there is some. Each mutation goes to the one endpoint that is named, once. */
export type Upkeep = {
  /** Drops the history up to a revision; one that was dropped before is refused as `compacted`, which says that it is done. */
  compact(at: string, revision: number, timeoutMs: number): Promise<Mutation<void>>;
  /** The member rewrites its database, and goes on doing so when the time is over: then only its status tells. */
  defragment(at: string, timeoutMs: number): Promise<Mutation<void>>;
  /** One member's NOSPACE alarm, by the member's id. */
  disarmNoSpace(at: string, memberId: string): Promise<Mutation<void>>;
  /** Of the member at this endpoint: one that defragments gives none. */
  status(at: string): Promise<Settled<MemberStatus>>;
  put(at: string, key: string, value: string): Promise<Mutation<void>>;
  /** As the cluster agrees on it; null where there is no such key. */
  read(at: string, key: string): Promise<Settled<string | null>>;
  remove(at: string, key: string): Promise<Mutation<void>>;
};

export function createUpkeep({ client, carry }: MemberRoute, timeoutMs: number): Upkeep {
  const until = (ms: number) => new Date(Date.now() + ms);
  return {
    compact: (at, revision, ms) => outcomeOf(carry(() => client(at).compact(revision, until(ms)))),
    defragment: (at, ms) => outcomeOf(carry(() => client(at).defragment(until(ms)))),
    disarmNoSpace: (at, memberId) =>
      outcomeOf(carry(() => client(at).disarmNoSpace(memberId, until(mutationTimeoutMs)))),
    status: (at) => settled(carry(() => client(at).status(until(timeoutMs)))),
    put: (at, key, value) => outcomeOf(carry(() => client(at).put(key, value, until(mutationTimeoutMs)))),
    read: (at, key) => settled(carry(() => client(at).read(key, until(mutationTimeoutMs)))),
    remove: (at, key) => outcomeOf(carry(() => client(at).remove(key, until(mutationTimeoutMs)))),
  };
}
