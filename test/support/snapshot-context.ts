import { type Clusters, connectClusters } from '../../src/clusters-client.ts';
import { emptyConfig } from '../../src/config.ts';
import type { Context } from '../../src/job.ts';
import type { SnapshotsConfig } from '../../src/snapshot/config.ts';
import type { EtcdTestCluster } from './etcd.ts';
import { snapshotsTo } from './snapshots.ts';

/** What a job is handed, for one cluster called prod whose snapshots go into a folder. Close its clusters. */
export function contextWith(
  etcd: EtcdTestCluster,
  folder: string,
  more: Partial<SnapshotsConfig> = {},
  auth?: { readonly username: string; readonly password: string },
): Context & { readonly clients: Clusters } {
  const clients = connectClusters({
    ...emptyConfig(),
    etcd: {
      clusters: {
        prod: {
          endpoints: [...etcd.endpoints],
          // A machine that is busy with other tests is slow, not down.
          requestTimeout: 5000,
          ...(etcd.tls === undefined ? {} : { tls: { ...etcd.tls } }),
          ...(auth === undefined ? {} : { auth: { ...auth } }),
          snapshots: snapshotsTo(folder, more),
        },
      },
    },
  });
  return { clients, now: () => new Date(), signal: new AbortController().signal, progress() {} };
}
