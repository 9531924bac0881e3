import type { Config } from './config.ts';
import type { Clients } from './job.ts';
import { hintsOf } from './jvm/config.ts';
import type { Prometheus } from './prometheus/client.ts';
import { Refusal } from './refusal.ts';
import { settingsOf } from './snapshot/config.ts';

/** The configured clusters, connected on first use and closed together. Drivers are imported only when one is asked for. */
export type Clusters = Clients & { close(): Promise<void> };

/**
 * @param recorded a folder that answers in place of every Kubernetes cluster (see docs/commands.md, `--recorded`)
 */
export function connectClusters(config: Config, recorded?: string): Clusters {
  const open = new Map<string, Promise<{ close(): void | Promise<void> }>>();

  /** A connection that could not be made is forgotten, so that a mended file works without a restart. */
  function once<T extends { close(): void | Promise<void> }>(key: string, connect: () => Promise<T>): Promise<T> {
    const known = open.get(key);
    if (known !== undefined) return known as Promise<T>;
    const connecting = connect();
    open.set(key, connecting);
    connecting.catch(() => open.delete(key));
    return connecting;
  }

  return {
    etcd: (name) =>
      once(`etcd ${name}`, async () => {
        const cluster = found(config.etcd.clusters, name, 'etcd');
        const { connectEtcd } = await import('./etcd/client.ts');
        const { requestTimeout, endpoints, tls, auth, quotaBytes, peerCa, metricsUrls, eventsPrefix, snapshots } =
          cluster;
        return await connectEtcd({
          name,
          endpoints,
          requestTimeoutMs: requestTimeout,
          ...(tls === undefined ? {} : { tls }),
          ...(auth === undefined ? {} : { auth }),
          ...(quotaBytes === undefined ? {} : { quotaBytes }),
          ...(peerCa === undefined ? {} : { peerCa }),
          ...(metricsUrls === undefined ? {} : { metricsUrls }),
          ...(eventsPrefix === undefined ? {} : { eventsPrefix }),
          ...(snapshots === undefined ? {} : { snapshots: settingsOf(snapshots, config.changes.snapshotMaxAge) }),
        });
      }),
    kubernetes: (name) =>
      once(`kubernetes ${name}`, async () => {
        if (recorded !== undefined) {
          const { recordedKubernetes } = await import('./kubernetes/recorded-client.ts');
          return await recordedKubernetes(recorded, name);
        }
        const cluster = found(config.kubernetes.clusters, name, 'Kubernetes');
        const { connectKubernetes } = await import('./kubernetes/client.ts');
        const { kubeconfig, context, inCluster, namespaces, requestTimeout, allowFixes, allowExec } = cluster;
        return await connectKubernetes({
          name,
          namespaces,
          inCluster,
          allowFixes,
          allowExec,
          requestTimeoutMs: requestTimeout,
          ...(kubeconfig === undefined ? {} : { kubeconfig }),
          ...(context === undefined ? {} : { context }),
        });
      }),
    kubernetesNames: Object.keys(config.kubernetes.clusters),
    memory: async (name) => {
      if (recorded !== undefined) {
        const { recordedMemory } = await import('./prometheus/recorded-client.ts');
        return await recordedMemory(recorded);
      }
      const settings = config.prometheus[name];
      if (settings === undefined) return undefined;
      return await once(`prometheus ${name}`, () => openPrometheus(name, settings));
    },
    jvmHints: hintsOf(config.jvm),
    async close() {
      const connected = await Promise.allSettled(open.values());
      open.clear();
      await Promise.all(connected.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)));
    },
  };
}

/** The Prometheus of a Kubernetes cluster. Asks nothing yet. @throws Refusal where the CA's file cannot be read */
export async function openPrometheus(name: string, settings: Config['prometheus'][string]): Promise<Prometheus> {
  const { connectPrometheus } = await import('./prometheus/client.ts');
  const { url, token, auth, tls, labels, requestTimeout } = settings;
  return await connectPrometheus({
    name,
    url,
    labels,
    requestTimeoutMs: requestTimeout,
    ...(token === undefined ? {} : { token }),
    ...(auth === undefined ? {} : { auth }),
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
  });
}

/**
 * Loads the drivers of the configured clusters. Loading one takes up to half a second in which nothing else runs: in the middle of
 * another cluster's deadline of a second, a healthy member would seem to hang.
 */
export async function loadDrivers(config: Config): Promise<void> {
  if (Object.keys(config.etcd.clusters).length > 0) await import('./etcd/client.ts');
  if (Object.keys(config.kubernetes.clusters).length > 0)
    await Promise.all([import('./kubernetes/client.ts'), import('@kubernetes/client-node')]);
}

function found<T>(clusters: Readonly<Record<string, T>>, name: string, kind: string): T {
  const cluster = clusters[name];
  if (cluster === undefined)
    throw new Refusal(
      `There is no ${kind} cluster \`${name}\` in the config.`,
      'Ask again with one that there is.',
      Object.keys(clusters),
    );
  return cluster;
}
