import { z } from 'zod';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import { rememberSpace } from '../../src/etcd/space/sample.ts';
import { reportSpace } from '../../src/etcd/space/space-report.ts';
import { seeStaticPods } from '../../src/etcd/space/static-pods.ts';
import { look } from '../../src/job.ts';

/** How large each member's database is, how much of it is used, and how fast that grows. */
export const etcdSpace = look({
  name: 'etcd space',
  input: z.strictObject({ cluster: z.string() }),
  async run({ cluster }, { clients, space, now, signal }) {
    const etcd = await clients.etcd(cluster);
    const [seen, pods] = await Promise.all([etcd.see(signal), seeStaticPods(clients, cluster)]);
    const view = requireKnown(seen);
    return reportSpace({ view, pods, seen: await rememberSpace(space, view, now()), now: now() });
  },
});
