import type { Outcome, StepContext } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import type { EtcdCluster } from '../client.ts';
import { type KnownCluster, lookAt } from '../member-reference.ts';
import { wait } from '../patience.ts';
import { hasNoSpace } from './upkeep-checks.ts';

/** The bot's own key, there for a moment only. */
const proofKey = 'quorum/proof-of-writes';
const proofTimeoutMs = 30_000;

/**
 * Writes a key of the bot's own, reads it back as the cluster agrees on it, and removes it: the proof that writes are taken again. May be run
 * again at any point. `ending` is called with the cluster as it then is.
 */
export async function ensureWritable(
  etcd: EtcdCluster,
  context: StepContext,
  ending: (view: KnownCluster) => Outcome,
): Promise<Outcome> {
  const patience = {
    recheckAfterMs: 1000,
    timeoutMs: proofTimeoutMs,
    otherwise: new Refusal(
      'No write could be proven in time.',
      '`/etcd health` tells how the cluster is. What was done before stands.',
    ),
  };
  const { value: view, unseen } = await lookAt(etcd, context.signal, 'at-once');
  if (view === undefined) return wait(context, { ...patience, reason: unseen });
  const at = view.leader?.endpoint;
  if (at == null) return wait(context, { ...patience, reason: 'No leader answers: an election may be under way.' });
  const value = context.ticketId ?? context.startedAt.toISOString();
  await context.fence();
  const written = await etcd.upkeep.put(at, proofKey, value);
  if (written.kind === 'refused')
    return {
      kind: 'blocked',
      refusal:
        written.failure.kind === 'no-space'
          ? new Refusal(
              'A write is still refused: database space exceeded.',
              '`/etcd space` tells who is full. What was done before stands.',
            )
          : new Refusal(
              `A write was refused: ${written.failure.said}.`,
              'What was done before stands; `/etcd health` tells more.',
            ),
    };
  if (written.kind === 'unknown')
    return wait(context, { ...patience, reason: `The write came to no answer: ${written.failure.said}.` });
  const read = await etcd.upkeep.read(at, proofKey);
  if (read.value !== value)
    return wait(context, {
      ...patience,
      reason: `What was written is not read back: ${read.failure?.said ?? 'another value'}.`,
    });
  await context.fence();
  const removed = await etcd.upkeep.remove(at, proofKey);
  if (removed.kind !== 'done')
    return wait(context, { ...patience, reason: `The key ${proofKey} is still there: ${removed.failure.said}.` });
  // A full member raises its alarm again with the write that it sees.
  const { value: after } = await lookAt(etcd, context.signal, 'last');
  if (after?.seen.alarms == null) return wait(context, { ...patience, reason: 'The alarm list cannot be read.' });
  if (hasNoSpace(after))
    return {
      kind: 'blocked',
      refusal: new Refusal(
        'The write was taken, and NOSPACE was raised again by it.',
        '`/etcd space` tells who is full: delete what is not needed, or raise the quota.',
      ),
    };
  return ending(after);
}
