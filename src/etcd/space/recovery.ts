import type { Check, Outcome, StepContext } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import type { Section } from '../../report/report.ts';
import { formatBytes } from '../../report/text.ts';
import { errorsCheck, leaderCheck, ok, votersOf, worstChecksFirst } from '../checks.ts';
import type { EtcdCluster } from '../client.ts';
import type { KnownCluster, ListedMember } from '../member-reference.ts';
import { type Compaction, compactedTo, describeCompaction } from './compaction.ts';
import { blockSection } from './defragmentation.ts';
import { tightShare } from './figures.ts';
import { progressOf } from './progress.ts';
import { ensureWritable } from './proof.ts';
import { quotaRaiseSections } from './quota-raise.ts';
import type { StaticPodsSeen } from './static-pods.ts';
import {
  answeringCheck,
  type Care,
  corruptCheck,
  diskCheck,
  fullestOf,
  hasNoSpace,
  livenessCheck,
  spareCheck,
  watchesCheck,
} from './upkeep-checks.ts';

/** What is decided: the whole way out of a full quota, and nothing that changes by itself. */
export type RecoveryPlan = {
  readonly cluster: string;
  /** The voters, sorted. */
  readonly memberIds: readonly string[];
  readonly compaction: Compaction;
  readonly snapshot: 'first' | 'none';
  readonly care: Care;
};

export type RecoveryFacts = {
  readonly view: KnownCluster;
  readonly pods: StaticPodsSeen;
  /** Whether a place for snapshots is configured. */
  readonly canSnapshot: boolean;
};

/** Where space is short and yet taken: who watches from a little behind is spared. */
const keptRevisions = 10_000;

/**
 * @throws Refusal where there is nothing to recover from
 */
export function planRecovery(
  { view, pods }: RecoveryFacts,
  { snapshot, care }: Pick<RecoveryPlan, 'snapshot' | 'care'>,
): RecoveryPlan {
  const { cluster } = view.seen;
  const isFull = hasNoSpace(view);
  const fullest = fullestOf(view, pods);
  if (fullest === undefined)
    throw new Refusal(`No voter of ${cluster} tells its size.`, '`/etcd health` tells what is the matter.');
  if (!isFull && fullest.dbSizeBytes < fullest.quotaBytes * tightShare)
    throw new Refusal(
      `Nothing to do: no NOSPACE alarm is on in ${cluster}, and ${fullest.label}, the fullest, has ${formatBytes(fullest.dbSizeBytes)} of ${formatBytes(fullest.quotaBytes)}.`,
      'To give back what is free inside, `/etcd defrag`; to drop old history, `/etcd compact`.',
    );
  return {
    cluster,
    memberIds: votersOf(view)
      .map(({ member }) => member.id)
      .sort(),
    compaction: isFull ? { kind: 'to-head' } : { kind: 'keep', revisions: keptRevisions },
    snapshot,
    care,
  };
}

/** Every check before space is recovered, worst first. */
export function recoveryChecks({ view, pods, canSnapshot }: RecoveryFacts, plan: RecoveryPlan): Check[] {
  const members = votersOf(view).filter(({ member }) => plan.memberIds.includes(member.id));
  return worstChecksFirst([
    snapshotFirstCheck(plan, canSnapshot),
    ...spaceChecks(view, members, pods, plan.care, plan.compaction.kind),
  ]);
}

/** What has to hold before history is dropped and these members are defragmented. */
export function spaceChecks(
  view: KnownCluster,
  members: readonly ListedMember[],
  pods: StaticPodsSeen,
  care: Care,
  compaction: Compaction['kind'],
): Check[] {
  return [
    corruptCheck(view),
    leaderCheck(view),
    errorsCheck(view),
    answeringCheck(members),
    spareCheck(view, care),
    livenessCheck(members, pods, care),
    diskCheck(members),
    watchesCheck(compaction === 'to-head'),
  ];
}

function snapshotFirstCheck({ snapshot, cluster }: RecoveryPlan, canSnapshot: boolean): Check {
  const name = 'A verified snapshot first';
  if (snapshot === 'none')
    return {
      name,
      status: 'warning',
      seen: 'None is taken: --without-snapshot.',
      advice: 'What is dropped cannot be had back. Two approvers are needed.',
    };
  if (canSnapshot) return ok(name, 'Taken and verified as the first step; without it nothing else is done.');
  return {
    name,
    status: 'blocking',
    seen: `No place for snapshots of ${cluster} is configured.`,
    advice: `Add etcd.clusters.${cluster}.snapshots to quorum.yaml, or ask with \`--without-snapshot\`, which needs two approvers.`,
  };
}

/** What an approver wants to see. */
export function recoverySections(view: KnownCluster, plan: RecoveryPlan): Section[] {
  return [
    blockSection(view.members.filter(({ member }) => plan.memberIds.includes(member.id))),
    {
      kind: 'text',
      title: 'What it does, and stops at the first thing that is not as expected',
      text: [
        plan.snapshot === 'first' ? 'A verified snapshot.' : 'No snapshot.',
        `Compact: ${describeCompaction(plan.compaction)}${compactedTo(view) === 0 ? '' : `; it is compacted up to revision ${compactedTo(view)} now`}.`,
        'Wait until that is free inside every member.',
        'Defragment one member at a time, the leader last, each only when all others are healthy.',
        'Disarm NOSPACE, only if there is room then; never another alarm.',
        'Write a key of the bot’s own, read it, remove it.',
      ].join('\n'),
    },
  ];
}

export function describeRecovery({ cluster, snapshot, compaction }: RecoveryPlan): string {
  return `recover the space of ${cluster}: ${snapshot === 'first' ? 'take a snapshot, ' : 'WITHOUT a snapshot '}${describeCompaction(compaction)}, defragment each member, disarm NOSPACE, prove a write`;
}

/** The last step: a write is proven, and it is told what came of it. */
export async function ensureRecovered(etcd: EtcdCluster, pods: StaticPodsSeen, context: StepContext): Promise<Outcome> {
  return await ensureWritable(etcd, context, (view) => {
    const { sizesBefore = {} } = progressOf(context);
    const fullest = fullestOf(view, pods);
    const isTight = fullest !== undefined && fullest.dbSizeInUseBytes > fullest.quotaBytes * tightShare;
    const first = Object.values(sizesBefore);
    const largestBefore = Math.max(0, ...first.map(({ dbSizeBytes }) => dbSizeBytes));
    return {
      kind: 'done',
      note: `${view.seen.cluster} takes writes again: ${formatBytes(largestBefore)} before, ${formatBytes(fullest?.dbSizeBytes ?? 0)} now${fullest === undefined ? '' : ` of ${formatBytes(fullest.quotaBytes)}`}. ${isTight ? 'More than 80% is in use: raise the quota.' : 'Find out what has grown, before it fills up again: `/etcd space`.'}`,
      sections: [beforeAndAfter(view, sizesBefore), ...(isTight ? quotaRaiseSections(view, fullest.quotaBytes) : [])],
    };
  });
}

/** The figures of each member, as they were and as they are. */
export function beforeAndAfter(
  view: KnownCluster,
  sizesBefore: NonNullable<ReturnType<typeof progressOf>['sizesBefore']>,
): Section {
  const pair = (db: number, inUse: number) => `${formatBytes(db)} · ${formatBytes(inUse)} in use`;
  return {
    kind: 'table',
    title: 'Before and after',
    columns: ['Member', 'Before', 'After'],
    rows: votersOf(view).map(({ member, label, status }) => {
      const before = sizesBefore[member.id];
      return [
        label,
        before === undefined ? 'unknown' : pair(before.dbSizeBytes, before.inUseBytes),
        status === null ? 'unknown' : pair(status.dbSizeBytes, status.dbSizeInUseBytes),
      ];
    }),
  };
}
