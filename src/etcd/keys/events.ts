import type { EtcdCluster } from '../client.ts';
import type { Settled } from '../failure.ts';
import type { KnownCluster } from '../member-reference.ts';
import { type Lease, type LeaseTally, tallyLeases } from './event-leases.ts';
import type { EventsSeen, ExpiryPlan } from './expiry-plan.ts';
import { prefixRange } from './key-range.ts';

/** How many leases are asked for side by side: each reply has the names of its keys, some thousand of them. */
const atOnce = 4;

/** Counts the events, and looks at every lease where an age is asked for. */
export async function seeEvents(
  etcd: EtcdCluster,
  view: KnownCluster,
  plan: ExpiryPlan,
  signal: AbortSignal,
): Promise<EventsSeen> {
  const at = view.leader?.endpoint;
  if (at == null) return { events: { failure: { kind: 'no-leader', code: 14, said: 'no leader answers the bot' } } };
  const prefix = Buffer.from(plan.prefix);
  const { value, failure } = await etcd.keys.count(at, prefixRange(prefix));
  if (failure !== undefined) return { events: { failure } };
  const events = { value: value.count };
  if (plan.events.kind === 'all') return { events };
  return { events, tally: await tally(etcd, at, prefix, plan.events.ageMs, signal) };
}

async function tally(
  etcd: EtcdCluster,
  at: string,
  prefix: Buffer,
  ageMs: number,
  signal: AbortSignal,
): Promise<Settled<LeaseTally>> {
  const ids = await etcd.keys.leases(at);
  if (ids.failure !== undefined) return { failure: ids.failure };
  const leases: Lease[] = [];
  for (let index = 0; index < ids.value.length; index += atOnce) {
    signal.throwIfAborted();
    const seen = await Promise.all(ids.value.slice(index, index + atOnce).map((id) => etcd.keys.lease(at, id)));
    const failed = seen.find(({ failure }) => failure !== undefined && /denied|auth/i.test(failure.said));
    if (failed?.failure !== undefined) return { failure: failed.failure };
    // One that ended meanwhile, or has more keys than fit into a message, is left alone later too.
    leases.push(...seen.flatMap(({ value }) => (value === undefined ? [] : [value])));
  }
  return { value: tallyLeases(leases, prefix, ageMs) };
}
