import { z } from 'zod';
import { isUnconfigured, seeApiServers } from '../../src/etcd/api-servers.ts';
import { peerUrlAt } from '../../src/etcd/certificate-host.ts';
import { type CertificatesSeen, clientUrlsOf, peerUrlsOf } from '../../src/etcd/certificate-list.ts';
import { reportCertificates } from '../../src/etcd/certificate-report.ts';
import { tryLook } from '../../src/etcd/patience.ts';
import { viewCluster } from '../../src/etcd/view.ts';
import { type Clients, look } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';

/** Reads every certificate on the way to a cluster and to its API servers, each part by itself. */
export const etcdCerts = look({
  name: 'etcd certs',
  input: z.strictObject({
    cluster: z.string(),
    /** An address that is asked about. */
    host: z.string().nullable(),
    /** The Kubernetes cluster that it belongs to; null for the one of the same name, if there is one. */
    kubernetes: z.string().nullable(),
  }),
  async run({ cluster, host, kubernetes }, { clients, now, signal }) {
    const etcd = await clients.etcd(cluster);
    const view = viewCluster(await etcd.see(signal));
    const peerUrls = peerUrlsOf(view);
    const [listeners, peers, api] = await Promise.all([
      tryLook(() => etcd.seeListeners(clientUrlsOf(view))),
      tryLook(() =>
        etcd.seePeers({ members: [...peerUrls, ...(host === null ? [] : [peerUrlAt(host, peerUrls)])], fresh: [] }),
      ),
      seeApi(clients, cluster, kubernetes),
    ]);
    return reportCertificates({ view, listeners, peers, api }, host, now());
  },
});

async function seeApi(clients: Clients, cluster: string, named: string | null): Promise<CertificatesSeen['api']> {
  const name = named ?? cluster;
  try {
    const kubernetes = await clients.kubernetes(name);
    const { servers = [] } = await seeApiServers(clients, name);
    const others = servers.flatMap(({ url }) => (url === undefined ? [] : [url]));
    return { name, value: await kubernetes.certificates(others) };
  } catch (error) {
    if (!(error instanceof Refusal) || (named !== null && isUnconfigured(error))) throw error;
    return isUnconfigured(error) ? null : { name, unseen: error.message };
  }
}
