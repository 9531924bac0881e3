import type { Step, StepContext } from '../../job.ts';
import type { JsonObject } from '../../report/report.ts';
import type { EtcdCluster } from '../client.ts';
import { type Compaction, ensureCompacted, ensureFreed } from './compaction.ts';
import { ensureDefragmented, type Sweep } from './defragmentation.ts';

/** The steps that changes which give space back have in common. A plan's members are known, the order of their turns is not. */

const clusterOf = (cluster: string, { clients }: StepContext): Promise<EtcdCluster> => clients.etcd(cluster);

export function compactionSteps<Plan extends JsonObject>(cluster: string, compaction: Compaction): Step<Plan>[] {
  return [
    {
      title: 'History compacted',
      ensure: async (_plan, context) => ensureCompacted(await clusterOf(cluster, context), compaction, context),
    },
    {
      title: 'Free inside every member',
      ensure: async (_plan, context) => ensureFreed(await clusterOf(cluster, context), context),
    },
  ];
}

export function sweepSteps<Plan extends JsonObject>(sweep: Sweep): Step<Plan>[] {
  return sweep.memberIds.map((_id, index) => ({
    title: sweep.memberIds.length === 1 ? 'Defragmented' : `Defragmented, ${index + 1} of ${sweep.memberIds.length}`,
    ensure: async (_plan, context) =>
      ensureDefragmented(await clusterOf(sweep.cluster, context), sweep, index, context),
  }));
}
