import type { Clients } from '../../job.ts';
import { whyUnseen } from '../api-servers.ts';
import { mostMembers } from '../space/static-pods.ts';
import { readPod } from './pod-manifest.ts';
import type { GivenSettings } from './setting.ts';

/** The settings in the static pods of a cluster's members, or why there are none to be seen. */
export type PodSettingsSeen =
  | {
      readonly found: readonly { readonly pod: string; readonly settings: GivenSettings }[];
      readonly unseen?: undefined;
    }
  | { readonly found?: undefined; readonly unseen: string };

/** Reads the etcd pods of the Kubernetes cluster that has the etcd cluster's name in the configuration. */
export async function seeSettingsOfPods(clients: Clients, cluster: string): Promise<PodSettingsSeen> {
  try {
    const kubernetes = await clients.kubernetes(cluster);
    const query = { namespace: 'kube-system', labelSelector: 'component=etcd', limit: mostMembers };
    const { pods } = await kubernetes.listPods(query);
    const found = pods.flatMap((pod) => {
      const settings = readPod(pod);
      return settings === null ? [] : [{ pod: pod.metadata.name ?? '', settings }];
    });
    return found.length === 0 ? { unseen: 'no etcd runs there as a pod that names its settings' } : { found };
  } catch (error) {
    return { unseen: whyUnseen(error, cluster).replace(/\.$/, '') };
  }
}
