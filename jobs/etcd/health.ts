import { z } from 'zod';
import { reportHealth } from '../../src/etcd/health.ts';
import { look } from '../../src/job.ts';

/** Asks every member of one cluster at once, and judges what was seen. */
export const etcdHealth = look({
  name: 'etcd health',
  input: z.strictObject({ cluster: z.string() }),
  async run({ cluster }, { clients, now, signal }) {
    const etcd = await clients.etcd(cluster);
    return reportHealth(await etcd.see(signal), now());
  },
});
