import { z } from 'zod';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { leaderCheck, snapshotCheck, votersOf, worstChecksFirst } from '../../src/etcd/checks.ts';
import { seeEvents } from '../../src/etcd/keys/events.ts';
import { ensureDeleted, ensureExpired } from '../../src/etcd/keys/expiring.ts';
import {
  describeExpiry,
  type ExpiryPlan,
  expiryChecks,
  expiryPlanSchema,
  expirySections,
  requireEvents,
} from '../../src/etcd/keys/expiry-plan.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import { seeSnapshotAge } from '../../src/etcd/snapshot-age.ts';
import { ensureDisarmed } from '../../src/etcd/space/disarming.ts';
import { ensureRecovered, spaceChecks } from '../../src/etcd/space/recovery.ts';
import { seeStaticPods } from '../../src/etcd/space/static-pods.ts';
import { compactionSteps, sweepSteps } from '../../src/etcd/space/steps.ts';
import { corruptCheck, hasNoSpace } from '../../src/etcd/space/upkeep-checks.ts';
import { change, type Step } from '../../src/job.ts';

/** Ends a flood of events: the old ones by their leases; under NOSPACE all of them, and then the whole way out of the full quota. */
export const etcdExpireEvents = change({
  name: 'etcd expire-events',
  input: z.strictObject({ cluster: z.string(), olderThanMs: z.number().positive() }),
  plan: expiryPlanSchema,
  planVersion: 1,

  async propose({ cluster, olderThanMs }, { clients, signal, now }) {
    const etcd = await clients.etcd(cluster);
    const view = requireKnown(await etcd.see(signal, 'fresh'));
    const isFull = hasNoSpace(view);
    const members = isFull ? votersOf(view) : [];
    const plan: ExpiryPlan = {
      cluster,
      prefix: etcd.eventsPrefix,
      events: isFull ? { kind: 'all' } : { kind: 'older-than', ageMs: olderThanMs },
      memberIds: members.map(({ member }) => member.id).sort(),
    };
    const seen = await seeEvents(etcd, view, plan, signal);
    requireEvents(plan, seen);
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      plan,
      checks: worstChecksFirst([
        ...expiryChecks(plan, seen),
        ...(isFull
          ? [
              snapshotCheck(view, await seeSnapshotAge(etcd, view.clusterId, now())),
              ...spaceChecks(view, members, await seeStaticPods(clients, cluster), 'careful', 'to-head'),
            ]
          : [corruptCheck(view), leaderCheck(view)]),
      ]),
      words: describeExpiry(plan),
      sections: expirySections(plan, seen),
    };
  },

  steps: (plan: ExpiryPlan) =>
    plan.events.kind === 'all' ? emergencySteps(plan) : expirySteps(plan, plan.events.ageMs),
});

function expirySteps({ cluster, prefix }: ExpiryPlan, ageMs: number): Step<ExpiryPlan>[] {
  return [
    {
      title: 'Old events expired',
      ensure: async (_plan, context) =>
        ensureExpired(await context.clients.etcd(cluster), { prefix: Buffer.from(prefix), ageMs }, context),
    },
    {
      title: 'Cluster healthy',
      ensure: async (_plan, context) => ensureCalm(await context.clients.etcd(cluster), context),
    },
  ];
}

function emergencySteps({ cluster, prefix, memberIds }: ExpiryPlan): Step<ExpiryPlan>[] {
  return [
    {
      title: 'Events deleted',
      ensure: async (_plan, context) =>
        ensureDeleted(await context.clients.etcd(cluster), Buffer.from(prefix), context),
    },
    ...compactionSteps<ExpiryPlan>(cluster, { kind: 'to-head' }),
    ...sweepSteps<ExpiryPlan>({ cluster, memberIds, care: 'careful' }),
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
}
