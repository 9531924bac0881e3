import { z } from 'zod';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { leaderCheck, votersOf, worstChecksFirst } from '../../src/etcd/checks.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import {
  type Compaction,
  compactedTo,
  compactionSchema,
  describeCompaction,
  requireHistory,
} from '../../src/etcd/space/compaction.ts';
import { rememberSpace } from '../../src/etcd/space/sample.ts';
import { compactionSteps } from '../../src/etcd/space/steps.ts';
import { corruptCheck, toHeadCheck, watchesCheck } from '../../src/etcd/space/upkeep-checks.ts';
import { headOf } from '../../src/etcd/space-recovery.ts';
import { change } from '../../src/job.ts';

type Plan = { readonly cluster: string; readonly compaction: Compaction };

/** Drops old history; what that frees stays inside the databases until they are defragmented. */
export const etcdCompact = change({
  name: 'etcd compact',
  input: z.strictObject({ cluster: z.string(), compaction: compactionSchema }),
  plan: z.strictObject({ cluster: z.string(), compaction: compactionSchema }),
  planVersion: 1,

  async propose({ cluster, compaction: rule }, { clients, space, now, signal }) {
    const view = requireKnown(await (await clients.etcd(cluster)).see(signal, 'fresh'));
    const { samples } = await rememberSpace(space, view, now());
    requireHistory(rule, view, samples, now());
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      plan: { cluster, compaction: rule },
      checks: worstChecksFirst([
        corruptCheck(view),
        leaderCheck(view),
        ...(rule.kind === 'to-head' ? [toHeadCheck(view)] : []),
        watchesCheck(rule.kind === 'to-head'),
      ]),
      words: `compact ${cluster}: ${describeCompaction(rule)}`,
      sections: [
        {
          kind: 'text',
          title: 'What it means',
          text: `The head is revision ${headOf(view)}; ${compactedTo(view) === 0 ? 'nothing is known to be compacted' : `it is compacted up to ${compactedTo(view)}`}. What is freed stays inside the ${votersOf(view).length === 1 ? 'database' : 'databases'}: \`/etcd defrag\` gives it back.`,
        },
      ],
    };
  },

  steps: ({ cluster, compaction: rule }: Plan) => [
    ...compactionSteps<Plan>(cluster, rule),
    {
      title: 'Cluster healthy',
      ensure: async (_plan, context) => ensureCalm(await context.clients.etcd(cluster), context),
    },
  ],
});
