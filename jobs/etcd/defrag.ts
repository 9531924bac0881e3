import { z } from 'zod';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { leaderCheck, votersOf, worstChecksFirst } from '../../src/etcd/checks.ts';
import { rootChecks } from '../../src/etcd/grants.ts';
import { findMember, labelled, requireKnown } from '../../src/etcd/member-reference.ts';
import { blockSection, type Sweep } from '../../src/etcd/space/defragmentation.ts';
import { seeStaticPods } from '../../src/etcd/space/static-pods.ts';
import { sweepSteps } from '../../src/etcd/space/steps.ts';
import {
  answeringCheck,
  corruptCheck,
  diskCheck,
  livenessCheck,
  requireSomethingFree,
  requireVoter,
  spareCheck,
} from '../../src/etcd/space/upkeep-checks.ts';
import { change } from '../../src/job.ts';

/** Gives back what is free inside the databases: of one member, or of every voter, one at a time. */
export const etcdDefrag = change({
  name: 'etcd defrag',
  input: z.strictObject({
    cluster: z.string(),
    member: z.string().nullable(),
    care: z.enum(['careful', 'forced']),
  }),
  plan: z.strictObject({
    cluster: z.string(),
    memberIds: z.array(z.string()).readonly(),
    care: z.enum(['careful', 'forced']),
  }),
  planVersion: 1,

  async propose({ cluster, member: word, care }, { clients, signal }) {
    const etcd = await clients.etcd(cluster);
    const [seen, pods] = await Promise.all([etcd.see(signal, 'fresh'), seeStaticPods(clients, cluster)]);
    const view = requireKnown(seen);
    const members = word === null ? votersOf(view) : [requireVoter(findMember(view, word))];
    requireSomethingFree(view, members);
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      plan: { cluster, memberIds: members.map(({ member }) => member.id).sort(), care },
      checks: worstChecksFirst([
        ...(await rootChecks(etcd, view)),
        corruptCheck(view),
        leaderCheck(view),
        answeringCheck(members),
        spareCheck(view, care),
        livenessCheck(members, pods, care),
        diskCheck(members),
      ]),
      ...(care === 'forced' ? { approvers: 2 } : {}),
      words: `defragment ${labelled(members)} of ${cluster}${members.length === 1 ? '' : ', one at a time, the leader last'}`,
      sections: [blockSection(members)],
    };
  },

  steps: (plan: Sweep) => [
    ...sweepSteps<Sweep>(plan),
    {
      title: 'Cluster healthy',
      ensure: async (_plan, context) =>
        ensureCalm(await context.clients.etcd(plan.cluster), context, () => [], plan.memberIds),
    },
  ],
});
