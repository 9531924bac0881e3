import { Refusal } from '../../refusal.ts';
import type { Failure } from '../failure.ts';
import { needsRoot, rootAdvice } from '../grants.ts';

/** A compaction that etcd refused. It goes in parts: where a later one is refused, an earlier one stays done. `goneTo` is 0 where none was. */
export function compactionRefusal(failure: Failure, goneTo: number, compactTo: number): Refusal {
  const then = `${needsRoot(failure) ? rootAdvice : '`/etcd health` tells how the cluster is'}; then ask again.`;
  if (goneTo === 0) return new Refusal(`etcd refused to compact: ${failure.said}.`, `Nothing was dropped. ${then}`);
  return new Refusal(
    `etcd refused to compact all the way: ${failure.said}.`,
    `The history up to revision ${goneTo} is gone, that between it and ${compactTo} is not. ${then}`,
  );
}
