import type { Member } from './cluster.ts';
import { type Failure, failureOf, isCertainlyUndone, type Settled, settled } from './failure.ts';
import type { MemberAddition, MemberClient } from './member-client.ts';

/** What a mutation came to. It is sent once; `unknown` has to be settled by looking, never by sending it again. */
export type Mutation<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  /** Nothing was changed. */
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'unknown'; readonly failure: Failure };

/** Changes to who the members of a cluster are, and who leads. Each goes to the one endpoint that is named: the leader's. */
export type Membership = {
  /** The members as the cluster agrees on them at this moment: what settles an unknown outcome. */
  list(): Promise<Settled<readonly Member[]>>;
  add(at: string, request: MemberAddition): Promise<Mutation<Member>>;
  promote(at: string, memberId: string): Promise<Mutation<void>>;
  remove(at: string, memberId: string): Promise<Mutation<void>>;
  moveLeader(at: string, toMemberId: string): Promise<Mutation<void>>;
};

/** How the calls reach the members: the connection's own clients, tokens and order of asking. */
export type MemberRoute = {
  client(endpoint: string): MemberClient;
  carry<Value>(call: () => Promise<Value>): Promise<Value>;
  askAny<Value>(call: (client: MemberClient) => Promise<Value>): Promise<Value>;
};

/**
 * Shorter than the lock of a ticket (5 s), so that whoever sent a mutation knows how it came out while the change is still theirs.
 * etcd itself gives up after 5 s and two election timeouts (server/config, ReqTimeout).
 */
export const mutationTimeoutMs = 4_000;
/** An election may be under way: by default it takes a second. */
const listTimeoutMs = 3_000;

export function createMembership({ client, carry, askAny }: MemberRoute): Membership {
  const send = <Value>(at: string, call: (member: MemberClient, deadline: Date) => Promise<Value>) =>
    outcomeOf(carry(() => call(client(at), new Date(Date.now() + mutationTimeoutMs))));
  return {
    list() {
      const deadline = new Date(Date.now() + listTimeoutMs);
      return settled(askAny((member) => member.memberListAgreed(deadline)));
    },
    add: (at, request) => send(at, (member, deadline) => member.memberAdd(request, deadline)),
    promote: (at, memberId) => send(at, (member, deadline) => member.memberPromote(memberId, deadline)),
    remove: (at, memberId) => send(at, (member, deadline) => member.memberRemove(memberId, deadline)),
    moveLeader: (at, toMemberId) => send(at, (member, deadline) => member.moveLeader(toMemberId, deadline)),
  };
}

/** A call that is made once, told apart by what is known of it afterwards. */
export async function outcomeOf<Value>(call: Promise<Value>): Promise<Mutation<Value>> {
  try {
    return { kind: 'done', value: await call };
  } catch (error) {
    const failure = failureOf(error);
    return { kind: isCertainlyUndone(failure) ? 'refused' : 'unknown', failure };
  }
}
