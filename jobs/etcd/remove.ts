import { z } from 'zod';
import { seeApiServers } from '../../src/etcd/api-servers.ts';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { ensureLeadership } from '../../src/etcd/leadership.ts';
import { findMember, requireKnown } from '../../src/etcd/member-reference.ts';
import {
  describeRemoval,
  ensureRemoved,
  isDead,
  leftToDo,
  planRemoval,
  type RemovalPlan,
  removalChecks,
  removalSections,
} from '../../src/etcd/removal.ts';
import { seeSnapshotAge } from '../../src/etcd/snapshot-age.ts';
import { change } from '../../src/job.ts';
import { quotedWord } from '../../src/shell-quoting.ts';

const removedTitle = 'Removed';

/** Removes a member: never below the quorum, the dead one first, after leadership has moved away from it. */
export const etcdRemove = change({
  name: 'etcd remove',
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
    const [seen, apiServers] = await Promise.all([etcd.see(signal), seeApiServers(clients, cluster)]);
    const view = requireKnown(seen);
    const snapshot = await seeSnapshotAge(etcd, view.clusterId, now());
    const member = findMember(view, word);
    const plan = planRemoval({ view, member });
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      plan,
      ...(isDead(member)
        ? {}
        : {
            notAlone: `${plan.name === '' ? plan.memberId : plan.name} is not dead as far as can be seen: nobody removes it alone.`,
          }),
      checks: removalChecks({ view, member, apiServers, snapshot, now: now() }),
      words: describeRemoval(plan),
      sections: [...removalSections(view, member), leftToDo(plan, view.quorum.voters - (member.isLearner ? 0 : 1))],
    };
  },

  undo: ({ cluster, name, peerUrls }, { steps }) => {
    const isRemoved = steps.some(({ title, state }) => title === removedTitle && state === 'done');
    // One that never started has no name to come back by.
    if (!isRemoved || name === '') return undefined;
    return {
      title: `Add ${name} again`,
      line: ['etcd', 'add', name, ...peerUrls, '--cluster', cluster].map(quotedWord).join(' '),
    };
  },

  steps: (plan: RemovalPlan) => [
    {
      title: 'Leadership elsewhere',
      ensure: async (_plan, context) =>
        ensureLeadership(
          await context.clients.etcd(plan.cluster),
          { kind: 'away-from', memberId: plan.memberId },
          context,
        ),
    },
    {
      title: removedTitle,
      ensure: async (_plan, context) => ensureRemoved(await context.clients.etcd(plan.cluster), plan, context),
    },
    {
      title: 'Cluster healthy',
      ensure: async (_plan, context) =>
        ensureCalm(await context.clients.etcd(plan.cluster), context, (view) => [leftToDo(plan, view.quorum.voters)]),
    },
  ],
});
