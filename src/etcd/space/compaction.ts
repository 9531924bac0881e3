import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Outcome, StepContext } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import { count, formatBytes, formatDuration, listed } from '../../report/text.ts';
import { votersOf } from '../checks.ts';
import type { EtcdCluster } from '../client.ts';
import { type KnownCluster, lookAt } from '../member-reference.ts';
import { wait } from '../patience.ts';
import { headOf } from '../space-recovery.ts';
import { compactionRefusal } from './compaction-refusal.ts';
import { patienceMs } from './figures.ts';
import { type Progress, progressOf } from './progress.ts';
import { revisionOlderThan, type SpaceSample } from './sample.ts';

/** How much of the history goes. A plan holds the rule; the revision is found as it is carried out. */
export const compactionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('to-head') }),
  z.strictObject({ kind: z.literal('keep'), revisions: z.number().int().positive() }),
  z.strictObject({ kind: z.literal('older-than'), ageMs: z.number().positive() }),
]);

export type Compaction = z.infer<typeof compactionSchema>;

export function describeCompaction(compaction: Compaction): string {
  switch (compaction.kind) {
    case 'to-head':
      return 'drop all of the history';
    case 'keep':
      return `drop the history but for the last ${count(compaction.revisions, 'revision')}`;
    case 'older-than':
      return `drop the history that is older than ${formatDuration(compaction.ageMs)}`;
  }
}

/** A call under way is looked after this long before the worker is given back. */
const attentionMs = 3000;
/** How long a member may take to drop what its peers have dropped. */
const settleTimeoutMs = 5 * 60_000;
/** No figure moves for so long after a compaction: then nothing was to be freed. */
const stillMs = 5000;
/** Seen on 3.4.23: a member tells the new figure only with its next backend write, and under NOSPACE none may come. It is not waited for longer. */
const frozenFigureMs = 10_000;
/** In use below this share of what it was: that is more than chance. */
const droppedShare = 0.98;
/** Members follow within some milliseconds: so often it is looked again before the worker is given back. */
const lookAgainMs: readonly number[] = [10, 20, 40, 80, 160, 320];

/** The revision up to which the history was compacted before, where anybody's metrics tell; 0 where not. */
export function compactedTo({ members }: KnownCluster): number {
  return Math.max(0, ...members.map(({ metrics }) => metrics?.compactRevision ?? 0));
}

/**
 * Brings it about that the history up to the rule's revision is gone. The revision is found once and written down; asked for again, etcd says
 * "required revision has been compacted", which is success.
 */
export async function ensureCompacted(
  etcd: EtcdCluster,
  compaction: Compaction,
  context: StepContext,
): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal, 'at-once');
  const largest = Math.max(0, ...(view?.members ?? []).map(({ status }) => status?.dbSizeBytes ?? 0));
  const patience = {
    recheckAfterMs: 1000,
    timeoutMs: patienceMs(largest),
    otherwise: new Refusal(
      'The history was not compacted in time.',
      '`/etcd health` tells how the cluster is; asked for again, a compaction that is done is done.',
    ),
  };
  if (view === undefined) return wait(context, { ...patience, reason: unseen });
  const at = view.leader?.endpoint;
  if (at == null) return wait(context, { ...patience, reason: 'No leader answers: an election may be under way.' });
  let { compactTo } = progressOf(context);
  if (compactTo === undefined) {
    const found = await revisionFor(compaction, view, context);
    if (typeof found !== 'number') return { kind: 'blocked', refusal: found };
    compactTo = found <= compactedTo(view) ? 0 : found;
    await context.intent.write({
      compactTo,
      ...(progressOf(context).sizesBefore ? {} : { sizesBefore: sizesOf(view) }),
    });
  }
  if (compactTo <= 0) return { kind: 'done', note: 'The history was compacted before: there is nothing to drop.' };
  let goneTo = 0;
  for (const revisions of partsOf(compactTo)) {
    await context.fence();
    const sent = Promise.all(
      revisions.map(async (revision) => ({
        revision,
        answer: await etcd.upkeep.compact(at, revision, patienceMs(largest)),
      })),
    );
    const came = await Promise.race([sent, pause(attentionMs, undefined, { ref: false })]);
    const failures = came?.flatMap(({ answer }) => (answer.kind === 'done' ? [] : [answer])) ?? [];
    const unknown = failures.find(({ kind }) => kind === 'unknown');
    if (came === undefined || unknown !== undefined)
      return wait(context, {
        ...patience,
        reason: `Compacting up to revision ${compactTo}${unknown === undefined ? '' : `; it said: ${unknown.failure.said}`}.`,
      });
    // One that overtook another on the way has done its work too.
    const isGone = ({ answer }: (typeof came)[number]) => answer.kind === 'done' || answer.failure.kind === 'compacted';
    goneTo = Math.max(goneTo, ...came.filter(isGone).map(({ revision }) => revision));
    const refused = failures.find(({ failure }) => failure.kind !== 'compacted');
    if (refused !== undefined && goneTo < compactTo)
      return { kind: 'blocked', refusal: compactionRefusal(refused.failure, goneTo, compactTo) };
  }
  return { kind: 'done', note: `The history up to revision ${compactTo} is gone.` };
}

/**
 * What to compact to first, and what then. A member's own figure of what is in use follows only with its third commit after the history went (seen
 * on 3.4.23), and under NOSPACE there may be no other write: each of the last revisions, compacted by itself, is one.
 */
function partsOf(compactTo: number): readonly (readonly number[])[] {
  const [first, ...last] = [compactTo - 3, compactTo - 2, compactTo - 1, compactTo].filter((part) => part > 0);
  return first === undefined ? [] : [[first], last];
}

async function revisionFor(
  compaction: Compaction,
  view: KnownCluster,
  { space, now }: StepContext,
): Promise<number | Refusal> {
  const samples = compaction.kind === 'older-than' ? await space?.samples(view.seen.cluster) : [];
  return resolved(compaction, view, samples ?? [], now());
}

function resolved(
  compaction: Compaction,
  view: KnownCluster,
  samples: readonly SpaceSample[],
  now: Date,
): number | Refusal {
  switch (compaction.kind) {
    case 'to-head':
      return headOf(view);
    case 'keep':
      return headOf(view) - compaction.revisions;
    case 'older-than': {
      const found = revisionOlderThan(samples, view.clusterId, compaction.ageMs, now);
      return found === undefined ? unsampled(view, compaction.ageMs) : found.revision;
    }
  }
}

/** @throws Refusal where the rule drops nothing, or where nobody knows what it would drop */
export function requireHistory(
  compaction: Compaction,
  view: KnownCluster,
  samples: readonly SpaceSample[],
  now: Date,
): void {
  const to = resolved(compaction, view, samples, now);
  if (typeof to !== 'number') throw to;
  const done = compactedTo(view);
  if (to > done && to > 0) return;
  throw new Refusal(
    `Nothing to do: the head of ${view.seen.cluster} is revision ${headOf(view)}, and ${done === 0 ? 'no more is to be kept than there is' : `it is compacted up to ${done}`}.`,
    'kube-apiserver compacts by itself, every 5 minutes. `/etcd defrag` gives back what is free inside.',
  );
}

/** etcd keeps no times of revisions. */
function unsampled(view: KnownCluster, ageMs: number): Refusal {
  return new Refusal(
    `Which revision of ${view.seen.cluster} is ${formatDuration(ageMs)} old is not known: etcd keeps no times, and the bot did not look at that time.`,
    'Give a number of revisions: `/etcd compact --keep-revisions 10000`. The bot keeps the revision and the time by itself, every five minutes as configured, so that later an age will do.',
  );
}

export function sizesOf(view: KnownCluster): NonNullable<Progress['sizesBefore']> {
  return Object.fromEntries(
    view.members.flatMap(({ member, label, status }) =>
      status === null
        ? []
        : [[member.id, { label, dbSizeBytes: status.dbSizeBytes, inUseBytes: status.dbSizeInUseBytes }] as const],
    ),
  );
}

/**
 * Waits until what a compaction dropped is free inside every voter: each does its own work, and the answer to the call told of one only. All hold the
 * same data, so none may stay far above the lowest.
 */
export async function ensureFreed(etcd: EtcdCluster, context: StepContext): Promise<Outcome> {
  const begunAt = context.now().getTime();
  for (const pauseMs of lookAgainMs) {
    const outcome = await lookWhetherFreed(etcd, context);
    if (outcome.kind !== 'waiting' || context.now().getTime() - begunAt > attentionMs) return outcome;
    await pause(pauseMs, undefined, { signal: context.signal });
  }
  return await lookWhetherFreed(etcd, context);
}

async function lookWhetherFreed(etcd: EtcdCluster, context: StepContext): Promise<Outcome> {
  const { sizesBefore = {}, compactTo = 0 } = progressOf(context);
  if (compactTo <= 0) return { kind: 'done', note: 'Nothing was dropped, so nothing is to be waited for.' };
  const { value: view, unseen } = await lookAt(etcd, context.signal, 'last');
  const patience = { recheckAfterMs: 100, timeoutMs: settleTimeoutMs };
  const otherwise = (seen: string) =>
    new Refusal(
      `What was dropped is not free everywhere after ${formatDuration(settleTimeoutMs)}: ${seen}`,
      'The history is compacted; nothing was defragmented and no alarm disarmed. `/etcd health` tells how that member is; then ask again.',
    );
  if (view === undefined) return wait(context, { ...patience, reason: unseen, otherwise: otherwise(unseen) });
  const voters = votersOf(view);
  const silent = voters.filter(({ status }) => status === null).map(({ label }) => label);
  const figures = voters.flatMap(({ member, label, status }) =>
    status === null
      ? []
      : [
          {
            label,
            now: status.dbSizeInUseBytes,
            before: sizesBefore[member.id]?.inUseBytes ?? status.dbSizeInUseBytes,
          },
        ],
  );
  const lowest = Math.min(...figures.map(({ now }) => now));
  const behind = figures.filter(({ now, before }) => now > lowest + Math.max(1024 ** 2, lowest * 0.1, before * 0.1));
  const seen = figures
    .map(({ label, now, before }) => `${label} ${formatBytes(before)} → ${formatBytes(now)}`)
    .join(', ');
  const hasMoved = figures.some(({ now, before }) => now < before * droppedShare);
  const waitedMs = context.now().getTime() - context.startedAt.getTime();
  const isStill = waitedMs >= stillMs;
  if (silent.length === 0 && behind.length === 0 && (hasMoved || isStill))
    return { kind: 'done', note: hasMoved ? `In use: ${seen}.` : `In use, unchanged: ${seen}.` };
  // A defragmentation does not read the figure, and the alarm is disarmed only where enough was freed in the end.
  if (silent.length === 0 && hasMoved && waitedMs >= frozenFigureMs)
    return {
      kind: 'done',
      note: `In use: ${seen}. ${listed(behind.map(({ label }) => label))} ${behind.length === 1 ? 'tells' : 'tell'} the old figure yet: etcd renews it with the next write.`,
    };
  const reason =
    silent.length > 0 ? `${silent.join(', ')} does not tell its size; in use: ${seen}.` : `In use: ${seen}.`;
  return wait(context, { ...patience, reason, otherwise: otherwise(reason) });
}
