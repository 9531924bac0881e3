import type { Clients } from '../../job.ts';
import type { Pod } from '../../kubernetes/objects.ts';
import { messageOf } from '../../thrown.ts';
import type { Member } from '../cluster.ts';
import { canonicalEndpoint, isEndpoint } from '../endpoint.ts';

/** What the static pod of a member tells that etcd itself does not. */
export type StaticPod = {
  readonly pod: string;
  readonly memberName: string | null;
  readonly clientUrls: readonly string[];
  /** `--quota-backend-bytes`; null where it is not set. */
  readonly quotaBytes: number | null;
  /** How long its liveness probe may fail until the kubelet ends it; null where it has none. */
  readonly livenessMs: number | null;
};

/** The static pods of a cluster's members, or why they could not be seen. */
export type StaticPodsSeen =
  | { readonly pods: readonly StaticPod[]; readonly unseen?: undefined }
  | { readonly pods?: undefined; readonly unseen: string };

/** More members than anybody runs. */
export const mostMembers = 50;
/** Kubernetes' own defaults of a probe. */
const defaultProbe = { failureThreshold: 3, periodSeconds: 10 };

/** Reads the etcd pods of the Kubernetes cluster that has the etcd cluster's name in the configuration: kubeadm and most installers make them. */
export async function seeStaticPods(clients: Clients, cluster: string): Promise<StaticPodsSeen> {
  try {
    const kubernetes = await clients.kubernetes(cluster);
    const { pods } = await kubernetes.listPods({
      namespace: 'kube-system',
      labelSelector: 'component=etcd',
      limit: mostMembers,
    });
    return pods.length === 0 ? { unseen: 'no etcd runs there as a pod' } : { pods: pods.map(staticPodOf) };
  } catch (error) {
    const said = messageOf(error);
    return {
      unseen: /There is no Kubernetes cluster/.test(said)
        ? `no Kubernetes cluster in the configuration is called ${cluster}`
        : said.replace(/\.$/, ''),
    };
  }
}

/** The pod of one member: by its name, else by the address that it advertises. */
export function podOf({ pods = [] }: StaticPodsSeen, member: Member): StaticPod | undefined {
  const urls = member.clientUrls.filter(isEndpoint).map(canonicalEndpoint);
  return (
    pods.find(({ memberName }) => memberName !== null && memberName === member.name) ??
    pods.find(({ clientUrls }) => clientUrls.some((url) => urls.includes(url)))
  );
}

export function staticPodOf({ metadata, spec }: Pod): StaticPod {
  const container = spec.containers.find(({ name }) => name === 'etcd') ?? spec.containers[0];
  const words = [...(container?.command ?? []), ...(container?.args ?? [])];
  const variable = (name: string) => container?.env.find((each) => each.name === name)?.value;
  const setting = (flag: string) =>
    flagValue(words, flag) ?? variable(`ETCD_${flag.toUpperCase().replaceAll('-', '_')}`) ?? null;
  const quota = Number(setting('quota-backend-bytes') ?? 0);
  const probe = container?.livenessProbe;
  const { failureThreshold = defaultProbe.failureThreshold, periodSeconds = defaultProbe.periodSeconds } = probe ?? {};
  return {
    pod: metadata.name ?? '',
    memberName: setting('name'),
    clientUrls: (setting('advertise-client-urls') ?? '')
      .split(',')
      .map((url) => url.trim())
      .filter(isEndpoint)
      .map(canonicalEndpoint),
    quotaBytes: Number.isSafeInteger(quota) && quota > 0 ? quota : null,
    livenessMs: probe === undefined ? null : failureThreshold * periodSeconds * 1000,
  };
}

/** `--name=etcd-1`, or the flag and its value as two words. */
export function flagValue(words: readonly string[], flag: string): string | undefined {
  for (const [index, word] of words.entries()) {
    if (word === `--${flag}`) return words[index + 1];
    if (word.startsWith(`--${flag}=`)) return word.slice(flag.length + 3);
  }
  return undefined;
}
