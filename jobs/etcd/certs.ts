import { z } from 'zod';
import { isUnconfigured, seeApiServers } from '../../src/etcd/api-servers.ts';
import { peerUrlAt } from '../../src/etcd/certificate-host.ts';
import { type ApiSeen, clientUrlsOf, peerUrlsOf } from '../../src/etcd/certificate-list.ts';
import { reportCertificates } from '../../src/etcd/certificate-report.ts';
import { tryLook } from '../../src/etcd/patience.ts';
import { viewCluster } from '../../src/etcd/view.ts';
import { type Clients, look } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';

/** Reads every certificate on the way to a cluster and to the API servers of the configured clusters, each part by itself. */
export const etcdCerts = look({
  name: 'etcd certs',
  input: z.strictObject({
    cluster: z.string(),
    /** An address that is asked about. */
    host: z.string().nullable(),
    /** The Kubernetes cluster whose API servers to read; null for all that are configured. */
    kubernetes: z.string().nullable(),
  }),
  async run({ cluster, host, kubernetes }, { clients, now, signal }) {
    const etcd = await clients.etcd(cluster);
    const view = viewCluster(await etcd.see(signal));
    const peerUrls = peerUrlsOf(view);
    const names = kubernetesOf(clients, cluster, kubernetes, host);
    const [listeners, peers, apis] = await Promise.all([
      tryLook(() => etcd.seeListeners(clientUrlsOf(view))),
      tryLook(() =>
        etcd.seePeers({ members: [...peerUrls, ...(host === null ? [] : [peerUrlAt(host, peerUrls)])], fresh: [] }),
      ),
      Promise.all(names.map((name) => seeApi(clients, name, kubernetes === null ? 'configuration' : 'name'))),
    ]);
    const found = apis.filter((api) => api !== undefined);
    return reportCertificates({ view, listeners, peers, apis: found }, host, now());
  },
});

/** The one that was named; else every one that is configured, that of the same name first. An address is asked about where the members are. */
function kubernetesOf(
  { kubernetesNames = [] }: Clients,
  cluster: string,
  named: string | null,
  host: string | null,
): string[] {
  if (named !== null) return [named];
  return host !== null ? [cluster] : [...new Set([cluster, ...kubernetesNames])];
}

/** undefined where the configuration has no such cluster, and nobody has named it. */
async function seeApi(clients: Clients, name: string, by: 'name' | 'configuration'): Promise<ApiSeen | undefined> {
  try {
    const kubernetes = await clients.kubernetes(name);
    const { servers = [] } = await seeApiServers(clients, name);
    const others = servers.flatMap(({ url }) => (url === undefined ? [] : [url]));
    return { name, value: await kubernetes.certificates(others) };
  } catch (error) {
    if (!(error instanceof Refusal) || (by === 'name' && isUnconfigured(error))) throw error;
    return isUnconfigured(error) ? undefined : { name, unseen: error.message };
  }
}
