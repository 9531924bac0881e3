import { setTimeout as pause } from 'node:timers/promises';
import type { Outcome, StepContext } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import { formatDuration, grouped } from '../../report/text.ts';
import type { EtcdCluster } from '../client.ts';
import type { Failure } from '../failure.ts';
import { lookAt } from '../member-reference.ts';
import { type Patience, wait } from '../patience.ts';
import { kindOfLease } from './event-leases.ts';
import { beginsWith, keyAfter, prefixRange } from './key-range.ts';
import { keyText } from './key-text.ts';
import { Paging } from './paging.ts';

/** Which events go. A plan holds the rule; which they are is seen as it is carried out. */
export type EventsRule = { readonly kind: 'all' } | { readonly kind: 'older-than'; readonly ageMs: number };

/** After so long the checklist is told how far it is, and a cancel is looked for. */
const sliceMs = 10_000;
const expiryTimeoutMs = 60 * 60_000;

/** What the bot's user lacks, where authentication is on. */
export function grantAdvice(prefix: Buffer): string {
  return `Grant the bot’s etcd user a role that may: \`etcdctl role grant-permission <role> readwrite ${keyText(prefix)} --prefix\`.`;
}

const isPermission = ({ kind }: Failure) => kind === 'permission' || kind.startsWith('auth');

function patienceOf(reason: string): Patience {
  return {
    reason,
    recheckAfterMs: 200,
    timeoutMs: expiryTimeoutMs,
    otherwise: new Refusal(
      `Not done after ${formatDuration(expiryTimeoutMs)}: ${reason}`,
      '`/etcd health` tells how the members are; then ask again, it goes on with what is left.',
    ),
  };
}

function refused(failure: Failure, prefix: Buffer): Outcome {
  return {
    kind: 'blocked',
    refusal: new Refusal(
      `etcd refused it: ${failure.said}.`,
      isPermission(failure) ? grantAdvice(prefix) : '`/etcd health` tells more.',
    ),
  };
}

/** What earlier slices and runs came to: for the checklist alone, what is to be done is always seen anew. */
function amountOf(context: StepContext, name: string): number {
  const value = context.intent.value[name];
  return typeof value === 'number' ? value : 0;
}

/**
 * Revokes each lease that is old enough and holds events alone: each is looked at right before. One that holds any other key is left.
 * May be run twice: what was revoked is gone.
 */
export async function ensureExpired(
  etcd: EtcdCluster,
  { prefix, ageMs }: { readonly prefix: Buffer; readonly ageMs: number },
  context: StepContext,
): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return wait(context, patienceOf(unseen));
  const at = view.leader?.endpoint;
  if (at == null) return wait(context, patienceOf('No leader answers: an election may be under way.'));
  const { value: ids, failure } = await etcd.keys.leases(at);
  if (failure !== undefined)
    return isPermission(failure)
      ? refused(failure, prefix)
      : wait(context, patienceOf(`The leases cannot be read: ${failure.said}.`));
  const sorted = [...ids].sort();
  const after = context.intent.value.lookedUpTo;
  const startedAt = performance.now();
  let leases = amountOf(context, 'expiredLeases');
  let events = amountOf(context, 'expiredEvents');
  const told = () => `${grouped(leases)} leases with ${grouped(events)} events revoked`;
  for (const id of typeof after === 'string' ? sorted.filter((one) => one > after) : sorted) {
    if (performance.now() - startedAt > sliceMs) {
      const left = sorted.filter((one) => one >= id).length;
      // Only so that the next slice does not look at the same ones again; it is forgotten at the end.
      await context.intent.write({ lookedUpTo: previous(sorted, id), expiredLeases: leases, expiredEvents: events });
      return wait(context, patienceOf(`${told()}, ${grouped(left)} leases still to look at.`));
    }
    context.signal.throwIfAborted();
    const { value: lease } = await etcd.keys.lease(at, id);
    // One that cannot be seen is not touched.
    if (lease === undefined || kindOfLease(lease, prefix, ageMs) !== 'old') continue;
    await context.fence();
    const sentAt = performance.now();
    const revoked = await etcd.keys.revoke(at, id);
    if (revoked.kind === 'refused') return refused(revoked.failure, prefix);
    if (revoked.kind === 'unknown' && !/lease not found/i.test(revoked.failure.said))
      return wait(context, patienceOf(`${told()}. How the last one came out is looked up: ${revoked.failure.said}.`));
    leases += 1;
    events += lease.keys.length;
    // Others write too: they get as much time as this took.
    await pause(performance.now() - sentAt, undefined, { signal: context.signal });
  }
  await context.intent.write({ lookedUpTo: null, expiredLeases: leases, expiredEvents: events });
  return { kind: 'done', note: `${told()}.` };
}

function previous(sorted: readonly string[], id: string): string | null {
  return sorted[sorted.indexOf(id) - 1] ?? null;
}

/**
 * Deletes every key under the prefix, a page of at most a thousand in one transaction, and nothing else: each page's end is the last key that was seen
 * in it. Works under NOSPACE. May be run twice.
 */
export async function ensureDeleted(etcd: EtcdCluster, prefix: Buffer, context: StepContext): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return wait(context, patienceOf(unseen));
  const at = view.leader?.endpoint;
  if (at == null) return wait(context, patienceOf('No leader answers: an election may be under way.'));
  const startedAt = performance.now();
  const paging = new Paging(prefixRange(prefix));
  let deleted = amountOf(context, 'deletedEvents');
  const told = () => `${grouped(deleted)} events deleted`;
  const later = async (reason: string) => {
    await context.intent.write({ deletedEvents: deleted });
    return wait(context, patienceOf(reason));
  };
  for (let next = paging.next(); next !== undefined; next = paging.next()) {
    if (performance.now() - startedAt > sliceMs) return later(`${told()}, more to go.`);
    context.signal.throwIfAborted();
    const { value: page, failure } = await etcd.keys.page(at, { ...next, revision: 0, content: 'names' });
    if (failure !== undefined)
      return isPermission(failure)
        ? refused(failure, prefix)
        : later(`${told()}; the next cannot be read: ${failure.said}.`);
    const from = page.keys[0]?.key;
    const last = page.keys.at(-1)?.key;
    if (from !== undefined && last !== undefined) {
      if (!beginsWith(from, prefix) || !beginsWith(last, prefix)) throw new Error('a page that is not of the prefix');
      await context.fence();
      const removed = await etcd.keys.removeRange(at, { from, to: keyAfter(last) });
      if (removed.kind === 'refused') return refused(removed.failure, prefix);
      if (removed.kind === 'unknown')
        return later(`${told()}. How the last page came out is looked up: ${removed.failure.said}.`);
      deleted += removed.value;
    }
    paging.took(page);
  }
  await context.intent.write({ deletedEvents: deleted });
  return { kind: 'done', note: `${told()}: none is left under ${keyText(prefix)}.` };
}
