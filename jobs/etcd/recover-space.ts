import { z } from 'zod';
import { worstChecksFirst } from '../../src/etcd/checks.ts';
import { rootChecks } from '../../src/etcd/grants.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import { compactionSchema } from '../../src/etcd/space/compaction.ts';
import { ensureDisarmed } from '../../src/etcd/space/disarming.ts';
import {
  describeRecovery,
  ensureRecovered,
  planRecovery,
  type RecoveryPlan,
  recoveryChecks,
  recoverySections,
} from '../../src/etcd/space/recovery.ts';
import { seeStaticPods } from '../../src/etcd/space/static-pods.ts';
import { compactionSteps, sweepSteps } from '../../src/etcd/space/steps.ts';
import { change } from '../../src/job.ts';
import { formatBytes } from '../../src/report/text.ts';
import { takeSnapshot } from '../../src/snapshot/taking.ts';

/** A large database over a slow line. */
const snapshotTimeLimitMs = 3_600_000;

/** The whole way out of a full quota, as one change. */
export const etcdRecoverSpace = change({
  name: 'etcd recover-space',
  input: z.strictObject({
    cluster: z.string(),
    snapshot: z.enum(['first', 'none']),
    care: z.enum(['careful', 'forced']),
  }),
  plan: z.strictObject({
    cluster: z.string(),
    memberIds: z.array(z.string()).readonly(),
    compaction: compactionSchema,
    snapshot: z.enum(['first', 'none']),
    care: z.enum(['careful', 'forced']),
  }),
  planVersion: 1,

  async propose({ cluster, snapshot, care }, { clients, signal }) {
    const etcd = await clients.etcd(cluster);
    const [seen, pods] = await Promise.all([etcd.see(signal, 'fresh'), seeStaticPods(clients, cluster)]);
    const facts = { view: requireKnown(seen), pods, canSnapshot: etcd.snapshots !== null };
    const plan = planRecovery(facts, { snapshot, care });
    return {
      target: { kind: 'etcd', name: cluster, identity: facts.view.clusterId },
      plan,
      checks: worstChecksFirst([...(await rootChecks(etcd, facts.view)), ...recoveryChecks(facts, plan)]),
      ...(snapshot === 'none' || care === 'forced' ? { approvers: 2 } : {}),
      words: describeRecovery(plan),
      sections: recoverySections(facts.view, plan),
    };
  },

  steps: (plan: RecoveryPlan) => {
    const { cluster } = plan;
    return [
      ...(plan.snapshot === 'none'
        ? []
        : [
            {
              title: 'Snapshot taken and verified',
              timeLimitMs: snapshotTimeLimitMs,
              ensure: async (_plan: RecoveryPlan, context: Parameters<typeof ensureDisarmed>[2]) => {
                // The same in every run of this step: a second run finds the first one's snapshot.
                const id = `${context.ticketId ?? context.startedAt.toISOString()}-snapshot`;
                const { facts, where } = await takeSnapshot({ cluster, id, why: 'change' }, context);
                return { kind: 'done' as const, note: `${facts.name}, ${formatBytes(facts.bytes)}, in ${where}.` };
              },
            },
          ]),
      ...compactionSteps<RecoveryPlan>(cluster, plan.compaction),
      ...sweepSteps<RecoveryPlan>(plan),
      {
        title: 'NOSPACE disarmed',
        ensure: async (_plan, context) =>
          ensureDisarmed(await context.clients.etcd(cluster), await seeStaticPods(context.clients, cluster), context),
      },
      {
        title: 'A write and a read prove it',
        ensure: async (_plan, context) =>
          ensureRecovered(await context.clients.etcd(cluster), await seeStaticPods(context.clients, cluster), context),
      },
    ];
  },
});
