import { z } from 'zod';
import { defaultStartTimeoutMs } from '../../src/etcd/add-plan.ts';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { peerUrlsOfMembers } from '../../src/etcd/certificate-checks.ts';
import { ensureCaughtUp, ensureLinked } from '../../src/etcd/joining.ts';
import { findMember, requireKnown } from '../../src/etcd/member-reference.ts';
import {
  ensurePromoted,
  type PromotionPlan,
  planPromotion,
  promotionChecks,
  promotionSections,
} from '../../src/etcd/promotion.ts';
import { change } from '../../src/job.ts';

/** Makes a learner a voter, once it has caught up and its peers are connected to it. */
export const etcdPromote = change({
  name: 'etcd promote',
  input: z.strictObject({ cluster: z.string(), member: z.string() }),
  plan: z.strictObject({
    cluster: z.string(),
    memberId: z.string(),
    name: z.string(),
    peerUrls: z.array(z.string()).readonly(),
  }),
  planVersion: 1,

  async propose({ cluster, member: word }, { clients, signal, now }) {
    const etcd = await clients.etcd(cluster);
    const view = requireKnown(await etcd.see(signal));
    const member = findMember(view, word);
    const plan = planPromotion(view, member);
    const peers = await etcd.seePeers({ members: peerUrlsOfMembers(view), fresh: [] });
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      plan,
      checks: promotionChecks(view, member, peers, now()),
      words: `promote the learner ${member.label} (${plan.memberId}) of ${cluster} to a voter`,
      sections: promotionSections(view, member),
    };
  },

  steps: (plan: PromotionPlan) => {
    const joining = { ...plan, startTimeoutMs: defaultStartTimeoutMs, spare: [] };
    return [
      {
        title: 'Caught up',
        ensure: async (_plan, context) => ensureCaughtUp(await context.clients.etcd(plan.cluster), joining, context),
      },
      {
        title: 'Certificate and links fine',
        ensure: async (_plan, context) => ensureLinked(await context.clients.etcd(plan.cluster), joining, context),
      },
      {
        title: 'Promoted',
        ensure: async (_plan, context) => ensurePromoted(await context.clients.etcd(plan.cluster), plan, context),
      },
      {
        title: 'Cluster healthy',
        ensure: async (_plan, context) =>
          ensureCalm(await context.clients.etcd(plan.cluster), context, () => [], [plan.memberId]),
      },
    ];
  },
});
