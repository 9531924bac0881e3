import { z } from 'zod';
import { reportHealth } from '../../src/etcd/health.ts';
import { defragmentingNow } from '../../src/etcd/space/progress.ts';
import { noteSpace } from '../../src/etcd/space/sample.ts';
import { look } from '../../src/job.ts';

/** Asks every member of one cluster at once, and judges what was seen. */
export const etcdHealth = look({
  name: 'etcd health',
  input: z.strictObject({ cluster: z.string() }),
  async run({ cluster }, { clients, desk, space, now, signal }) {
    const etcd = await clients.etcd(cluster);
    const [seen, defragmenting] = await Promise.all([etcd.see(signal), defragmentingNow(desk, cluster)]);
    noteSpace(space, seen, now());
    return reportHealth({ ...seen, defragmenting }, now());
  },
});
