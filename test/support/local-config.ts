import { type Config, emptyConfig } from '../../src/config.ts';
import type { EtcdTestCluster } from './etcd.ts';
import type { SlackWorkspace } from './slack/slack-workspace.ts';

/** The parts on loopback that the bot is to use. */
export type LocalParts = {
  readonly slack: SlackWorkspace;
  readonly mode?: 'socket' | 'http';
  readonly redis: { readonly url: string; readonly prefix: string };
  readonly etcd: Readonly<Record<string, EtcdTestCluster>>;
  /** Kubeconfig files by cluster name. */
  readonly kubeconfigs: Readonly<Record<string, string>>;
  /** Addresses of Prometheus by the Kubernetes cluster's name. */
  readonly prometheus?: Readonly<Record<string, string>>;
  /** Namespaces of every Kubernetes cluster whose memory is sampled, and how often. */
  readonly sampled?: { readonly namespaces: readonly string[]; readonly everyMs: number };
  /** Whether workloads of the Kubernetes clusters may be changed. */
  readonly allowFixes?: boolean;
  /** Whether commands may be run in their containers. */
  readonly allowExec?: boolean;
  readonly access: Partial<Config['access']>;
  readonly links?: Config['links'];
};

/** A config for parts that run on this machine; every port of the bot's own is a free one. */
export function localConfig(parts: LocalParts): Config {
  const { slack, mode = 'socket', redis, etcd, kubeconfigs, access, links = {}, prometheus = {}, sampled } = parts;
  const empty = emptyConfig();
  const { botToken, appToken, signingSecret, apiUrl } = slack;
  return {
    ...empty,
    slack: { mode, botToken, appToken, signingSecret, apiUrl, port: 0, host: '127.0.0.1', commandPrefix: '' },
    redis: { url: redis.url, prefix: redis.prefix },
    http: { port: 0, host: '127.0.0.1' },
    etcd: {
      clusters: Object.fromEntries(
        Object.entries(etcd).map(([name, { endpoints, tls }]) => [
          name,
          { endpoints: [...endpoints], requestTimeout: 1000, ...(tls === undefined ? {} : { tls: { ...tls } }) },
        ]),
      ),
    },
    kubernetes: {
      clusters: Object.fromEntries(
        Object.entries(kubeconfigs).map(([name, kubeconfig]) => [
          name,
          {
            kubeconfig,
            inCluster: false,
            namespaces: [],
            requestTimeout: 3000,
            allowFixes: parts.allowFixes ?? false,
            allowExec: parts.allowExec ?? false,
            sampleNamespaces: [...(sampled?.namespaces ?? [])],
            sampleEvery: sampled?.everyMs ?? 30_000,
          },
        ]),
      ),
    },
    prometheus: Object.fromEntries(
      Object.entries(prometheus).map(([name, url]) => [name, { url, labels: {}, requestTimeout: 1000 }]),
    ),
    access: { ...empty.access, ...access },
    links,
  };
}
