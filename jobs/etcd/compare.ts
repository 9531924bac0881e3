import { z } from 'zod';
import { compareClusters, isNamingKeys } from '../../src/etcd/keys/comparison.ts';
import { reportComparison } from '../../src/etcd/keys/comparison-report.ts';
import { look } from '../../src/job.ts';

/** Whether two clusters are in step: a mirror, a migration. */
export const etcdCompare = look({
  name: 'etcd compare',
  input: z.strictObject({ a: z.string(), b: z.string(), prefix: z.string(), naming: z.enum(['namespaces', 'keys']) }),
  timeLimitMs: 60 * 60_000,
  isForAskerAlone: (input) => isNamingKeys(input),
  async run(input, context) {
    return reportComparison(await compareClusters(input, context), context.now());
  },
});
