import { z } from 'zod';
import { look } from '../../src/job.ts';
import { killsKeptMs } from '../../src/kubernetes/kill.ts';
import { killPatterns } from '../../src/kubernetes/kill-history.ts';
import { rememberKills } from '../../src/kubernetes/kill-memory.ts';
import { killReport } from '../../src/kubernetes/kill-report.ts';
import { findKills } from '../../src/kubernetes/kill-search.ts';
import { demandNamespace } from '../../src/kubernetes/namespaces.ts';

const input = z.strictObject({
  cluster: z.string(),
  namespace: z.string().nullable(),
  /** How far back, in milliseconds. */
  sinceMs: z.number().positive().max(killsKeptMs),
});

/** Who was OOM-killed, how often, growing or not: from what the pods show now and what earlier looks saw. */
export const oomList = look({
  name: 'oom list',
  input,
  async run({ cluster: clusterName, namespace, sinceMs }, context) {
    const cluster = await context.clients.kubernetes(clusterName);
    if (namespace !== null) demandNamespace(cluster, namespace);
    const namespaces = namespace === null ? cluster.namespaces : [namespace];
    const seen = await findKills(cluster, namespaces);
    const now = cluster.recordedAt ?? context.now();
    // Older kills are not listed, but how long they ran tells a leak.
    const known = await rememberKills(context.kills, clusterName, seen.kills, new Date(now.getTime() - killsKeptMs));
    const isMeant = (place: string) => namespaces.length === 0 || namespaces.includes(place);
    const kills = known.kills.filter((kill) => kill.end === 'killed' && isMeant(kill.namespace));
    return killReport({
      cluster: cluster.name,
      namespaces,
      namespace: namespace ?? undefined,
      sinceMs,
      seen,
      known,
      patterns: killPatterns(kills, new Date(now.getTime() - sinceMs), now),
      now,
    });
  },
});
