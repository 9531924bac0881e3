import { z } from 'zod';
import { look } from '../../src/job.ts';
import { reportTaken } from '../../src/snapshot/snapshot-report.ts';
import { takeSnapshot } from '../../src/snapshot/taking.ts';

/** Takes a snapshot of one cluster into its storage. Nothing in etcd is changed, so it needs no approval. */
export const etcdSnapshot = look({
  name: 'etcd snapshot',
  input: z.strictObject({ cluster: z.string() }),
  timeLimitMs: 2 * 3_600_000,
  async run({ cluster }, context) {
    const id = context.ticketId ?? `terminal-${context.now().toISOString()}`;
    return reportTaken(await takeSnapshot({ cluster, id, why: 'asked' }, context), context.now());
  },
});
