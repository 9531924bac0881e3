import { setTimeout as pause } from 'node:timers/promises';
import type { Outcome, StepContext } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import type { Section } from '../../report/report.ts';
import { formatBytes, formatDuration, listed } from '../../report/text.ts';
import { votersOf } from '../checks.ts';
import type { EtcdCluster } from '../client.ts';
import { needsRoot, rootAdvice } from '../grants.ts';
import { ensureLeadership } from '../leadership.ts';
import { type KnownCluster, type ListedMember, labelled, lookAt } from '../member-reference.ts';
import { wait } from '../patience.ts';
import { leaderLast } from '../space-recovery.ts';
import { expectedBlockMs, patienceMs } from './figures.ts';
import { progressOf, type Running } from './progress.ts';
import type { Care } from './upkeep-checks.ts';

/** What is decided: whose databases are rewritten, one at a time. Who goes first depends on who leads then. */
export type Sweep = {
  readonly cluster: string;
  /** Sorted. */
  readonly memberIds: readonly string[];
  readonly care: Care;
};

/** A call under way is looked after this long before the worker is given back: shorter than the lock of a ticket. */
const attentionMs = 3000;
/** How long the others may take to be well again before the next one's turn. */
const othersTimeoutMs = 60_000;
/** A call that was sent has begun by then, where it was sent at all. */
const begunWithinMs = 3000;
/** Workers that were killed after they had written down what they were about to do, and before they did it, count too. */
const mostAttempts = 5;
/** Further behind than this a member is not in step. */
const smallLag = 1000;
/** Free space inside a database that a defragmentation left none of. */
const smallHole = (dbSizeBytes: number) => Math.max(1024 ** 2, dbSizeBytes * 0.1);

/**
 * Brings it about that one more of the members is defragmented: followers first, the leader last and only after leadership has moved; each only
 * when all others are healthy. Sent once: after a crash or a deadline its status tells, for a member that defragments gives none.
 */
export async function ensureDefragmented(
  etcd: EtcdCluster,
  sweep: Sweep,
  index: number,
  context: StepContext,
): Promise<Outcome> {
  const { defragmented, defragmenting } = progressOf(context);
  const done = defragmented[index];
  if (done !== undefined)
    return { kind: 'done', note: `${done.label}: ${formatBytes(done.beforeBytes)} → ${formatBytes(done.afterBytes)}.` };
  const stands = (view?: KnownCluster) => whereItStands(sweep, context, view);
  const { value: view, unseen } = await lookAt(etcd, context.signal, 'at-once');
  const patience = { recheckAfterMs: 1000, timeoutMs: othersTimeoutMs };
  if (view === undefined)
    return wait(context, {
      ...patience,
      reason: unseen,
      otherwise: new Refusal(`The cluster cannot be seen: ${unseen} ${stands()}`, '`/etcd health` tells more.'),
    });
  if (defragmenting != null) return await watch(etcd, sweep, defragmenting, view, context);

  const left = view.members.filter(
    ({ member }) => sweep.memberIds.includes(member.id) && !defragmented.some(({ memberId }) => memberId === member.id),
  );
  const [next] = leaderLast(left);
  if (next === undefined)
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `A member of the plan is none any more. ${stands(view)}`,
        'Ask again: the plan is another one now.',
      ),
    };
  const trouble = troubleBefore(next, view, sweep.care);
  if (trouble !== '')
    return wait(context, {
      ...patience,
      reason: trouble,
      otherwise: new Refusal(
        `Stopped before ${next.label}: ${trouble} ${stands(view)}`,
        'Mend that first: `/etcd health` tells how. Then ask again.',
      ),
    });
  if (next.isLeader && votersOf(view).length > 1) {
    const moved = await ensureLeadership(etcd, { kind: 'away-from', memberId: next.member.id }, context);
    if (moved.kind !== 'done') return moved;
    const after = await lookAt(etcd, context.signal, 'last');
    const isFree = after.value?.leader != null && after.value.leader.member?.id !== next.member.id;
    if (after.value === undefined || !isFree)
      return wait(context, {
        ...patience,
        recheckAfterMs: 200,
        reason: `${moved.note ?? 'Leadership has moved.'} Not everybody follows yet.`,
        otherwise: new Refusal(`${next.label} leads again and again. ${stands(view)}`, '`/etcd health` tells more.'),
      });
    return await send(etcd, next, { sweep, view: after.value, attempt: 1 }, context);
  }
  return await send(etcd, next, { sweep, view, attempt: 1 }, context);
}

/** Why it may not be this one's turn yet; '' where it may. */
function troubleBefore(next: ListedMember, view: KnownCluster, care: Care): string {
  if (!next.works) return `${next.label} does not answer as a working member.`;
  const others = votersOf(view).filter((member) => member !== next);
  const unwell = others.filter(
    ({ works, raftLag, alarms }) => !works || (raftLag ?? 0) > smallLag || alarms.includes('CORRUPT'),
  );
  if (unwell.length === 0) return '';
  const working = others.length - unwell.length;
  if (care === 'forced' && working + 1 >= view.quorum.needed) return '';
  const [first] = unwell;
  return `${labelled(unwell)} ${unwell.length === 1 ? 'is' : 'are'} not healthy (${first?.works ? `${first.raftLag} entries behind` : (first?.asked?.failure?.said ?? 'no answer')}), and ${next.label} would be blocked besides.`;
}

async function send(
  etcd: EtcdCluster,
  member: ListedMember,
  { sweep, view, attempt }: { readonly sweep: Sweep; readonly view: KnownCluster; readonly attempt: number },
  context: StepContext,
): Promise<Outcome> {
  const { endpoint, label, status } = member;
  if (endpoint === null || status === null) throw new TypeError('only a member that answers is defragmented');
  const running: Running = {
    memberId: member.member.id,
    label,
    sentAt: context.now().getTime(),
    beforeBytes: status.dbSizeBytes,
    attempt,
  };
  await context.intent.write({ defragmenting: running });
  await context.fence();
  const sent = etcd.upkeep.defragment(endpoint, patienceMs(status.dbSizeBytes));
  const came = await Promise.race([sent, pause(attentionMs, undefined, { ref: false })]);
  if (came?.kind === 'done') return await watch(etcd, sweep, running, view, context, 'answered');
  if (came?.kind === 'refused') {
    await context.intent.write({ defragmenting: null });
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `${label} refused to defragment: ${came.failure.said}. ${whereItStands(sweep, context, view)}`,
        needsRoot(came.failure) ? `${rootAdvice}; then ask again.` : '`/etcd health` tells how that member is.',
      ),
    };
  }
  return waitFor(running, sweep, view, context);
}

/** Looks whether a defragmentation that was sent is over, and how it came out. */
async function watch(
  etcd: EtcdCluster,
  sweep: Sweep,
  running: Running,
  view: KnownCluster,
  context: StepContext,
  answer: 'answered' | 'unknown' = 'unknown',
): Promise<Outcome> {
  // The look after it is also the one before the next one's turn.
  const after = answer === 'answered' ? (await lookAt(etcd, context.signal, 'last')).value : view;
  const member = after?.members.find(({ member: { id } }) => id === running.memberId);
  if (member?.endpoint == null) return waitFor(running, sweep, view, context);
  const { status } = member;
  if (status == null) return waitFor(running, sweep, view, context);
  const { dbSizeBytes, dbSizeInUseBytes } = status;
  const isOver =
    answer === 'answered' ||
    dbSizeBytes < running.beforeBytes ||
    dbSizeBytes - dbSizeInUseBytes <= smallHole(dbSizeBytes);
  const tookMs = context.now().getTime() - running.sentAt;
  if (!isOver && (member.metrics?.isDefragmenting === true || tookMs < begunWithinMs))
    return waitFor(running, sweep, view, context);
  if (!isOver && running.attempt >= mostAttempts)
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `${running.label} was asked ${mostAttempts} times and has not become smaller: ${formatBytes(dbSizeBytes)}, ${formatBytes(dbSizeInUseBytes)} in use. ${whereItStands(sweep, context, view)}`,
        'Read its log: a full disk ends a defragmentation (`df -h` there).',
      ),
    };
  // It answers, so nothing runs in it, and its database is as it was: the call never came there.
  if (!isOver) return await send(etcd, { ...member, status }, { sweep, view, attempt: running.attempt + 1 }, context);
  const { defragmented } = progressOf(context);
  const done = {
    memberId: running.memberId,
    label: running.label,
    beforeBytes: running.beforeBytes,
    afterBytes: dbSizeBytes,
  };
  await context.intent.write({ defragmented: [...defragmented, done], defragmenting: null });
  return {
    kind: 'done',
    note: `${running.label}: ${formatBytes(running.beforeBytes)} → ${formatBytes(dbSizeBytes)}.`,
  };
}

function waitFor(running: Running, sweep: Sweep, view: KnownCluster, context: StepContext): Outcome {
  const giveUpAt = running.sentAt + patienceMs(running.beforeBytes);
  const sinceMs = context.now().getTime() - running.sentAt;
  const expected = formatDuration(expectedBlockMs(running.beforeBytes));
  if (context.now().getTime() >= giveUpAt)
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `${running.label} has told no status since its defragmentation began ${formatDuration(sinceMs)} ago; expected were ${expected}. ${whereItStands(sweep, context, view)}`,
        'It may still be at it: do not restart it before its log says so. `/etcd health` tells when it answers again; then ask again.',
      ),
    };
  return {
    kind: 'waiting',
    reason: `${running.label} is defragmenting: it answers nothing for about ${expected}.`,
    recheckAfterMs: Math.min(5000, Math.max(300, expectedBlockMs(running.beforeBytes) - sinceMs)),
    giveUpAt,
  };
}

/** `Done: etcd-1. Left: etcd-2 and etcd-3.` */
export function whereItStands(sweep: Sweep, context: Pick<StepContext, 'intent'>, view?: KnownCluster): string {
  const { defragmented, defragmenting, sizesBefore = {} } = progressOf(context);
  const doneIds = defragmented.map(({ memberId }) => memberId);
  const nameOf = (id: string) =>
    view?.members.find(({ member }) => member.id === id)?.label ?? sizesBefore[id]?.label ?? id;
  const left = sweep.memberIds.filter((id) => !doneIds.includes(id) && id !== defragmenting?.memberId).map(nameOf);
  return [
    `Defragmented: ${listed(defragmented.map(({ label }) => label)) || 'none'}.`,
    ...(defragmenting == null ? [] : [`Under way: ${defragmenting.label}.`]),
    ...(left.length === 0 ? [] : [`Left as they were: ${listed(left)}.`]),
  ].join(' ');
}

/** How long each will be blocked, in the order as it would be now. */
export function blockSection(members: readonly ListedMember[]): Section {
  return {
    kind: 'table',
    title: 'Blocked one at a time, the leader last',
    columns: ['Member', 'Database', 'In use', 'Blocked for about'],
    rows: leaderLast(members).map(({ label, isLeader, status }) => [
      isLeader ? `${label} (leads; leadership moves first)` : label,
      formatBytes(status?.dbSizeBytes ?? 0),
      formatBytes(status?.dbSizeInUseBytes ?? 0),
      formatDuration(expectedBlockMs(status?.dbSizeBytes ?? 0)),
    ]),
  };
}
