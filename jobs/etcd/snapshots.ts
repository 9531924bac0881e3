import { z } from 'zod';
import { viewCluster } from '../../src/etcd/view.ts';
import { look } from '../../src/job.ts';
import { readCatalogue } from '../../src/snapshot/catalogue.ts';
import { reportCatalogue } from '../../src/snapshot/snapshot-report.ts';
import { requireKeeping } from '../../src/snapshot/taking.ts';

/** Lists what there is of one cluster in its storage; the cluster itself may be gone. */
export const etcdSnapshots = look({
  name: 'etcd snapshots',
  input: z.strictObject({ cluster: z.string() }),
  async run({ cluster }, { clients, now, signal }) {
    const etcd = await clients.etcd(cluster);
    const { settings, storage } = requireKeeping(etcd);
    const [catalogue, seen] = await Promise.all([readCatalogue(storage), etcd.see(signal)]);
    const { clusterId } = viewCluster(seen);
    const about = { cluster, clusterId, where: storage.where, maxAgeMs: settings.maxAgeMs };
    return reportCatalogue(catalogue, about, now());
  },
});
