import { type ChangeRecord, isEnded } from './change-record.ts';
import type { Change, Undo } from './job.ts';

/**
 * What would take an ended change back, as its job tells it; undefined where it never began, where nothing of it stands, or where this
 * version does not know the plan.
 */
export function undoOf(record: ChangeRecord, jobs: readonly Change[]): Undo | undefined {
  if (!isEnded(record) || record.startedAt === undefined) return undefined;
  const job = jobs.find(({ name }) => name === record.job);
  if (job?.undo === undefined || job.planVersion !== record.planVersion) return undefined;
  const plan = job.plan.safeParse(record.plan);
  return plan.success ? job.undo(plan.data, record) : undefined;
}
