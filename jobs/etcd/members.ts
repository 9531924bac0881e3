import { z } from 'zod';
import { reportMembers } from '../../src/etcd/members.ts';
import { look } from '../../src/job.ts';

/** Asks who the members of one cluster are, and counts its quorum. */
export const etcdMembers = look({
  name: 'etcd members',
  input: z.strictObject({ cluster: z.string() }),
  async run({ cluster }, { clients, now, signal }) {
    const etcd = await clients.etcd(cluster);
    return reportMembers(await etcd.see(signal), now());
  },
});
