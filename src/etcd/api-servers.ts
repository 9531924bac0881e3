import { isIP } from 'node:net';
import type { Clients } from '../job.ts';
import { messageOf } from '../thrown.ts';
import { canonicalEndpoint, hostPort } from './endpoint.ts';
import { flagValue } from './space/static-pods.ts';

/** A kube-apiserver and the etcd endpoints that it names. */
export type ApiServer = {
  readonly name: string;
  readonly etcdServers: readonly string[];
  /** Its own address, `https://10.0.0.1:6443`, where its flags tell. */
  readonly url?: string;
  /** `--etcd-servers-overrides` as it stands there. */
  readonly overrides?: string;
};

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
      const words = pod.spec.containers.flatMap(({ command, args }) => [...command, ...args]);
      const etcdServers = etcdServersOf(words);
      const url = ownUrl(words);
      const overrides = flagValue(words, 'etcd-servers-overrides');
      const server = {
        name: pod.metadata.name ?? '',
        etcdServers,
        ...(url === undefined ? {} : { url }),
        ...(overrides === undefined ? {} : { overrides }),
      };
      return etcdServers.length === 0 ? [] : [server];
    });
    return servers.length === 0 ? { unseen: 'no kube-apiserver runs there as a pod that names its etcd' } : { servers };
  } catch (error) {
    return { unseen: whyUnseen(error, cluster) };
  }
}

/** Why a Kubernetes cluster of this name could not be looked at. */
export function whyUnseen(error: unknown, cluster: string): string {
  return isUnconfigured(error) ? `no Kubernetes cluster in the configuration is called ${cluster}` : messageOf(error);
}

/** Whether the configuration names no such cluster: then there is nothing to look at, and nothing is the matter. */
export function isUnconfigured(error: unknown): boolean {
  return /There is no Kubernetes cluster/.test(messageOf(error));
}

/** Where it tells others that it is: `--advertise-address`, and its `--secure-port` (6443 where not given). */
function ownUrl(words: readonly string[]): string | undefined {
  const host = flagValue(words, 'advertise-address');
  if (host === undefined || isIP(host) === 0) return undefined;
  return `https://${hostPort(host, Number(flagValue(words, 'secure-port') ?? 6443))}`;
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
