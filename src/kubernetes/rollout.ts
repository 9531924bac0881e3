import { count } from '../report/text.ts';
import type { RolledKind, RolledWorkload } from './workload-object.ts';

/**
 * Where a rollout stands. `settled`: every pod is of the present template, ready or not: a workload that crash-loops is settled too.
 * `rolling`: pods are still being replaced. `stuck`: the Deployment's own deadline has passed over it. `unobserved`: the controller has
 * not yet seen the last change. `paused`, `by-hand`: nothing is replaced until somebody does something.
 */
export type RolloutState = 'settled' | 'rolling' | 'stuck' | 'unobserved' | 'paused' | 'by-hand';

export type Rollout = {
  readonly state: RolloutState;
  readonly wanted: number;
  /** Pods of the present template. */
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
  /** Pods of older templates that are still there. */
  readonly old: number;
  /** In words: `2 of 3 pods updated, 1 available`. */
  readonly seen: string;
};

/** How pods are replaced, in pods: how many more there may be, how many fewer that are ready. */
export type Replacement = {
  readonly strategy: 'rolling' | 'recreate' | 'on-delete';
  readonly surge: number;
  readonly unavailable: number;
};

/** Reads a rollout's state from the workload alone, as `kubectl rollout status` does. */
export function rolloutOf(kind: RolledKind, workload: RolledWorkload): Rollout {
  const { metadata, spec, status } = workload;
  const isDaemonSet = kind === 'DaemonSet';
  const wanted = isDaemonSet ? (status.desiredNumberScheduled ?? 0) : (spec.replicas ?? 1);
  const there = isDaemonSet ? wanted : (status.replicas ?? 0);
  const updated = updatedPods(kind, workload, wanted);
  const ready = (isDaemonSet ? status.numberReady : status.readyReplicas) ?? 0;
  const available = (isDaemonSet ? status.numberAvailable : (status.availableReplicas ?? status.readyReplicas)) ?? 0;
  const old = Math.max(0, there - updated);
  const isUnobserved = (status.observedGeneration ?? 0) < (metadata.generation ?? 0);
  const figures = { wanted, updated, ready, available, old };
  const seen = `${updated} of ${count(wanted, 'pod')} updated, ${available} available${old > 0 ? `, ${old} of before still there` : ''}`;
  if (isUnobserved) return { ...figures, state: 'unobserved', seen: 'Its controller has not seen the last change yet' };
  if (kind === 'Deployment' && spec.paused) return { ...figures, state: 'paused', seen: `It is paused: ${seen}` };
  // One that makes its pods in order stops at the first that dies: those that are missing are no rollout.
  const isCurrent =
    kind === 'StatefulSet' && status.updateRevision !== undefined && status.updateRevision === status.currentRevision;
  const isReplaced = isCurrent || (updated >= wanted - heldBack(kind, workload) && old <= heldBack(kind, workload));
  if (isReplaced) return { ...figures, state: 'settled', seen };
  if (replacementOf(kind, workload).strategy === 'on-delete') return { ...figures, state: 'by-hand', seen };
  const isOverdue = status.conditions.some(
    ({ type, status: said, reason }) =>
      type === 'Progressing' && said === 'False' && reason === 'ProgressDeadlineExceeded',
  );
  return { ...figures, state: isOverdue ? 'stuck' : 'rolling', seen };
}

function updatedPods(kind: RolledKind, { status }: RolledWorkload, wanted: number): number {
  if (kind === 'DaemonSet') return status.updatedNumberScheduled ?? 0;
  if (kind === 'Deployment') return status.updatedReplicas ?? 0;
  // Where the update is the current revision all that are there have it, whatever was counted before.
  if (status.updateRevision !== undefined && status.updateRevision === status.currentRevision)
    return Math.max(status.updatedReplicas ?? 0, Math.min(wanted, status.replicas ?? 0));
  return status.updatedReplicas ?? 0;
}

/** A StatefulSet's partition keeps pods of lower ordinals as they are. */
function heldBack(kind: RolledKind, { spec }: RolledWorkload): number {
  if (kind !== 'StatefulSet') return 0;
  return Math.min(spec.updateStrategy?.rollingUpdate?.partition ?? 0, spec.replicas ?? 1);
}

/** How many pods keep their template because of a partition. */
export function partitionOf(kind: RolledKind, workload: RolledWorkload): number {
  return heldBack(kind, workload);
}

/** How pods are replaced when the template changes. Source: the defaults and the rounding of apps/v1. */
export function replacementOf(kind: RolledKind, { spec, status }: RolledWorkload): Replacement {
  const chosen = kind === 'Deployment' ? spec.strategy : spec.updateStrategy;
  const type = chosen?.type ?? 'RollingUpdate';
  const rolling = chosen?.rollingUpdate;
  if (type === 'Recreate') return { strategy: 'recreate', surge: 0, unavailable: spec.replicas ?? 1 };
  if (type === 'OnDelete') return { strategy: 'on-delete', surge: 0, unavailable: 0 };
  if (kind === 'StatefulSet')
    return {
      strategy: 'rolling',
      surge: 0,
      unavailable: Math.max(1, pods(rolling?.maxUnavailable ?? 1, spec.replicas ?? 1, Math.ceil)),
    };
  if (kind === 'DaemonSet') {
    const wanted = status.desiredNumberScheduled ?? 0;
    const surge = pods(rolling?.maxSurge ?? 0, wanted, Math.ceil);
    return {
      strategy: 'rolling',
      surge,
      unavailable: surge > 0 ? 0 : Math.max(1, pods(rolling?.maxUnavailable ?? 1, wanted, Math.ceil)),
    };
  }
  const wanted = spec.replicas ?? 1;
  const surge = pods(rolling?.maxSurge ?? '25%', wanted, Math.ceil);
  const unavailable = pods(rolling?.maxUnavailable ?? '25%', wanted, Math.floor);
  // Both zero would never move: the controller takes one (ResolveFenceposts).
  return { strategy: 'rolling', surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function pods(amount: number | string, wanted: number, round: (value: number) => number): number {
  if (typeof amount === 'number') return amount;
  const share = /^(\d+(?:\.\d+)?)%$/.exec(amount)?.[1];
  return share === undefined ? Number(amount) || 0 : round((Number(share) * wanted) / 100);
}

/** Pods of another revision that cannot be made say so of the whole Deployment until the controller has scaled that down. */
const othersFailureMs = 15_000;
const defaultDeadlineSeconds = 600;

/**
 * What the controller itself says it cannot do; undefined where it says nothing, or what it says may be of the rollout before: a deadline that
 * was passed stays on record until pods come or go, and no rollout has passed it before it has lasted that long (k8s.io/kubernetes,
 * deployment/progress.go).
 * @param forMs how long this rollout has been under way
 */
export function failureOf({ spec, status }: RolledWorkload, forMs: number): string | undefined {
  const failed = status.conditions.find(({ type, status: said }) => type === 'ReplicaFailure' && said === 'True');
  if (failed !== undefined && forMs >= othersFailureMs)
    return failed.message ?? failed.reason ?? 'its pods cannot be made';
  const overdue = status.conditions.find(
    ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
  );
  const deadlineMs = (spec.progressDeadlineSeconds ?? defaultDeadlineSeconds) * 1000;
  return forMs < deadlineMs ? undefined : overdue?.message;
}
