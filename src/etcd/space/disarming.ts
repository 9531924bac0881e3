import type { Outcome, StepContext } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import { count } from '../../report/text.ts';
import type { EtcdCluster } from '../client.ts';
import { lookAt } from '../member-reference.ts';
import { wait } from '../patience.ts';
import type { StaticPodsSeen } from './static-pods.ts';
import { noSpaceHolders, roomCheck } from './upkeep-checks.ts';

const disarmTimeoutMs = 30_000;

/**
 * Brings it about that no NOSPACE alarm is on, once there is room: each member's own, by its id; no other alarm. An alarm that is off already is
 * disarmed again without harm.
 */
export async function ensureDisarmed(etcd: EtcdCluster, pods: StaticPodsSeen, context: StepContext): Promise<Outcome> {
  const patience = {
    recheckAfterMs: 500,
    timeoutMs: disarmTimeoutMs,
    otherwise: new Refusal(
      'The NOSPACE alarm is still on, or was raised again at once.',
      '`/etcd space` tells who is full; `/etcd alarms` which alarms are on.',
    ),
  };
  const { value: view, unseen } = await lookAt(etcd, context.signal, 'at-once');
  if (view === undefined) return wait(context, { ...patience, reason: unseen });
  if (view.seen.alarms === null)
    return wait(context, {
      ...patience,
      reason: `The alarm list cannot be read: ${view.seen.alarmsFailure?.said ?? 'no answer'}.`,
    });
  const holders = noSpaceHolders(view);
  if (holders.length === 0) return { kind: 'done', note: 'No NOSPACE alarm is on.' };
  const room = roomCheck(view, pods);
  if (room.status === 'blocking')
    return { kind: 'blocked', refusal: new Refusal(`Not disarmed: ${room.seen}`, room.advice) };
  const at = view.leader?.endpoint;
  if (at == null) return wait(context, { ...patience, reason: 'No leader answers: an election may be under way.' });
  await context.fence();
  const outcomes = await Promise.all(
    holders.map(async (id) => ({ id, came: await etcd.upkeep.disarmNoSpace(at, id) })),
  );
  for (const { id, came } of outcomes)
    if (came.kind === 'refused')
      return {
        kind: 'blocked',
        refusal: new Refusal(
          `etcd refused to disarm the alarm of ${id}: ${came.failure.said}.`,
          '`/etcd health` tells more.',
        ),
      };
  for (const { id, came } of outcomes)
    if (came.kind === 'unknown')
      return wait(context, {
        ...patience,
        reason: `Whether the alarm of ${id} is off is looked up: ${came.failure.said}.`,
      });
  const { value: after } = await lookAt(etcd, context.signal, 'last');
  if (after?.seen.alarms == null || noSpaceHolders(after).length > 0)
    return wait(context, { ...patience, reason: 'The alarm list still shows NOSPACE.' });
  return { kind: 'done', note: `${count(holders.length, 'NOSPACE alarm')} disarmed.` };
}
