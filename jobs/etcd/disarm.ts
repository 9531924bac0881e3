import { z } from 'zod';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { leaderCheck, worstChecksFirst } from '../../src/etcd/checks.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import { ensureDisarmed } from '../../src/etcd/space/disarming.ts';
import { seeStaticPods } from '../../src/etcd/space/static-pods.ts';
import { corruptCheck, hasNoSpace, roomCheck } from '../../src/etcd/space/upkeep-checks.ts';
import { change } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';

/** Ends the NOSPACE alarm of every member, once there is room. */
export const etcdDisarm = change({
  name: 'etcd disarm',
  input: z.strictObject({ cluster: z.string() }),
  plan: z.strictObject({ cluster: z.string(), alarm: z.literal('NOSPACE') }),
  planVersion: 1,

  async propose({ cluster }, { clients, signal }) {
    const etcd = await clients.etcd(cluster);
    const [seen, pods] = await Promise.all([etcd.see(signal), seeStaticPods(clients, cluster)]);
    const view = requireKnown(seen);
    if (seen.alarms !== null && !hasNoSpace(view))
      throw new Refusal(`Nothing to do: no NOSPACE alarm is on in ${cluster}.`, '`/etcd alarms` lists those that are.');
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      plan: { cluster, alarm: 'NOSPACE' },
      checks: worstChecksFirst([roomCheck(view, pods), corruptCheck(view), leaderCheck(view)]),
      words: `disarm the NOSPACE alarm of every member of ${cluster}`,
      sections: [],
    };
  },

  steps: ({ cluster }) => [
    {
      title: 'NOSPACE disarmed',
      ensure: async (_plan, context) =>
        ensureDisarmed(await context.clients.etcd(cluster), await seeStaticPods(context.clients, cluster), context),
    },
    {
      title: 'Cluster healthy',
      ensure: async (_plan, context) => ensureCalm(await context.clients.etcd(cluster), context),
    },
  ],
});
