import type { Clients } from '../job.ts';
import { messageOf } from '../thrown.ts';
import { canonicalEndpoint } from './endpoint.ts';

/** A kube-apiserver and the etcd endpoints that it names. */
export type ApiServer = { readonly name: string; readonly etcdServers: readonly string[] };

/** The kube-apiservers of a cluster, or why they could not be seen. */
export type ApiServersSeen =
  | { readonly servers: readonly ApiServer[]; readonly unseen?: undefined }
  | { readonly servers?: undefined; readonly unseen: string };

/** More control planes than anybody runs. */
const mostApiServers = 50;
const flag = /^--etcd-servers=(.*)$/;

/**
 * Reads the kube-apiservers of the Kubernetes cluster that has the etcd cluster's name in the configuration. They are to be seen
 * where they run as pods (kubeadm and most installers).
 */
export async function seeApiServers(clients: Clients, cluster: string): Promise<ApiServersSeen> {
  try {
    const kubernetes = await clients.kubernetes(cluster);
    const { pods } = await kubernetes.listPods({
      namespace: 'kube-system',
      labelSelector: 'component=kube-apiserver',
      limit: mostApiServers,
    });
    const servers = pods.flatMap((pod) => {
      const etcdServers = etcdServersOf(pod.spec.containers.flatMap(({ command, args }) => [...command, ...args]));
      return etcdServers.length === 0 ? [] : [{ name: pod.metadata.name ?? '', etcdServers }];
    });
    return servers.length === 0 ? { unseen: 'no kube-apiserver runs there as a pod that names its etcd' } : { servers };
  } catch (error) {
    const said = messageOf(error);
    return {
      unseen: /There is no Kubernetes cluster/.test(said)
        ? `no Kubernetes cluster in the configuration is called ${cluster}`
        : said,
    };
  }
}

/** The endpoints of `--etcd-servers=https://10.0.0.1:2379,https://10.0.0.2:2379`, or of the flag and its value as two words. */
export function etcdServersOf(words: readonly string[]): string[] {
  return words
    .flatMap((word, index) => (word === '--etcd-servers' ? [words[index + 1] ?? ''] : [flag.exec(word)?.[1] ?? '']))
    .flatMap((value) => value.split(','))
    .map((url) => url.trim())
    .filter((url) => url !== '')
    .map(canonicalEndpoint);
}
