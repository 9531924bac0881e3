import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, type Certificate, issue, makeAuthority } from './certificates.ts';
import type { CommandResult } from './command-line.ts';
import { givenEtcd, isEtcdGiven } from './etcd-given.ts';
import {
  demandRunning,
  type EtcdTestMember,
  type ManagedMember,
  prepareMember,
  type SpareEtcdMember,
} from './etcd-member.ts';
import { runEtcdctl } from './etcdctl.ts';
import { findFreePorts, makeFolder, removeFolder, waitFor } from './process.ts';

export type { EtcdTestMember, SpareEtcdMember } from './etcd-member.ts';

/** How the cluster is to be. */
export interface EtcdOptions {
  /** How many members; 3 where not given. */
  readonly members?: number;
  /** Mutual TLS for clients and peers; on where not given. */
  readonly tls?: boolean;
  /** Where /metrics is: on the client address (needs the client certificate, etcd's default), or on one of its own in plain HTTP. */
  readonly metrics?: 'client' | 'http';
  readonly quotaBytes?: number;
  /** Further flags for every member. */
  readonly flags?: readonly string[];
  /** What one member shows to clients instead of a good certificate: an expired one, one for another address. */
  readonly serverCertificate?: (authority: Authority, memberName: string) => Promise<Certificate | undefined>;
  /** One peer certificate for all members, as in the field's best-known trouble; one each where not given. */
  readonly peerCertificates?: 'shared' | 'own';
  /** True for a cluster whose members will be paused, killed or changed: QUORUM_ETCD_ENDPOINTS is then not used. */
  readonly own?: boolean;
}

/** A running cluster for tests and the demo. */
export interface EtcdTestCluster {
  readonly endpoints: readonly string[];
  readonly peerUrls: readonly string[];
  readonly metricsUrls: readonly string[];
  /** The client's files, as the config wants them; undefined without TLS. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;
  /** Signs further certificates that this cluster trusts; undefined without TLS or where the cluster was given. */
  readonly authority: Authority | undefined;
  readonly members: readonly EtcdTestMember[];
  /** True where QUORUM_ETCD_ENDPOINTS named it: it is never stopped, and its members cannot be touched. */
  readonly given: boolean;
  /** Back when every member that runs answers a linearizable read. */
  ready(): Promise<void>;
  /**
   * Makes a member ready beside the cluster, not yet added and not started; addresses are for its certificate, host (127.0.0.1 where not
   * given) is where it listens.
   */
  prepareSpare(name: string, addresses?: readonly string[], host?: string): Promise<SpareEtcdMember>;
  /** Runs etcdctl against all endpoints, with the client's certificate. */
  etcdctl(args: readonly string[]): Promise<CommandResult>;
  /** Ends every member and removes what they wrote. */
  stop(): Promise<void>;
}

const LOOPBACK = ['127.0.0.1', 'localhost'];
/** Members that open their listeners at the same instant wait a second for each other: measured with 3.4 and 3.5. */
const STAGGER_MS = 40;

/** Starts a cluster on free loopback ports, or gives back the one that QUORUM_ETCD_ENDPOINTS names. Ready for reads and writes. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdTestCluster> {
  const { own, ...shape } = options;
  if (isEtcdGiven() && !own && Object.keys(shape).length === 0) return givenEtcd();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOwnCluster(options);
    } catch (error) {
      // Another process may have taken a port between our look and the start.
      const isTaken = error instanceof Error && /address already in use/.test(error.message);
      if (!isTaken || attempt === 3) throw error;
    }
  }
}

async function startOwnCluster(options: EtcdOptions): Promise<EtcdTestCluster> {
  const folder = makeFolder('quorum-etcd');
  const tls = options.tls === false ? undefined : await makeClusterTls(folder);
  const names = Array.from({ length: options.members ?? 3 }, (_, index) => `etcd-${index + 1}`);
  const flags = [
    ...['--initial-cluster-token', folder],
    ...(options.quotaBytes === undefined ? [] : ['--quota-backend-bytes', String(options.quotaBytes)]),
    ...(options.flags ?? []),
  ];

  const shared =
    tls !== undefined && options.peerCertificates === 'shared'
      ? await issue(tls.authority, { commonName: 'etcd-peer', addresses: LOOPBACK, usages: ['server', 'client'] })
      : undefined;
  const prepare = async (name: string, addresses: readonly string[], host: string): Promise<ManagedMember> => {
    const [client = 0, peer = 0, metrics] = await findFreePorts(options.metrics === 'http' ? 3 : 2);
    const request = { commonName: name, addresses, usages: ['server', 'client'] as const };
    const [server, peerCertificate] =
      tls === undefined
        ? []
        : await Promise.all([
            options.serverCertificate?.(tls.authority, name).then((own) => own ?? issue(tls.authority, request)) ??
              issue(tls.authority, request),
            issue(tls.authority, request),
          ]);
    return prepareMember({
      name,
      folder,
      host,
      ports: { client, peer, metrics },
      tls,
      server,
      peer: peerCertificate,
      flags,
    });
  };

  const members = await Promise.all(names.map((name) => prepare(name, LOOPBACK, '127.0.0.1')));
  if (shared !== undefined) for (const member of members) member.usePeerCertificate(shared);
  const spares: ManagedMember[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...members, ...spares].map((member) => member.close()));
    removeFolder(folder);
  };
  const ready = async (): Promise<void> => {
    await Promise.all(members.filter((member) => member.isRunning() && !member.isPaused()).map(waitUntilReady));
  };
  try {
    const initialCluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
    for (const [index, member] of members.entries()) {
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, STAGGER_MS));
      await member.launch(initialCluster, 'new');
    }
    await Promise.all(members.map(waitUntilReady));
  } catch (error) {
    await stop();
    throw error;
  }

  const endpoints = members.map(({ clientUrl }) => clientUrl);
  return {
    endpoints,
    peerUrls: members.map(({ peerUrl }) => peerUrl),
    metricsUrls: members.map(({ metricsUrl }) => metricsUrl),
    tls: tls?.files,
    authority: tls?.authority,
    members,
    given: false,
    ready,
    prepareSpare: async (name, addresses = LOOPBACK, host = '127.0.0.1') => {
      const spare = await prepare(name, addresses, host);
      spares.push(spare);
      return spare;
    },
    etcdctl: (args) => runEtcdctl(endpoints, tls?.files, args),
    stop,
  };
}

async function waitUntilReady(member: ManagedMember): Promise<void> {
  await waitFor(
    `a linearizable read on ${member.name}`,
    () => {
      demandRunning(member.name, member.process());
      // A read that is sent before there is a leader hangs until its deadline, so the deadline is short.
      return member.probe.readsLinearizably(200);
    },
    { timeoutMs: 15_000, everyMs: 5 },
  );
}

async function makeClusterTls(folder: string) {
  const authority = await makeAuthority('quorum test etcd');
  const client = await issue(authority, { commonName: 'quorum', addresses: [], usages: ['client'] });
  const files = { ca: join(folder, 'ca.crt'), cert: join(folder, 'client.crt'), key: join(folder, 'client.key') };
  writeFileSync(files.ca, authority.certPem);
  writeFileSync(files.cert, client.certPem);
  writeFileSync(files.key, client.keyPem, { mode: 0o600 });
  return { authority, client, files, caPem: authority.certPem, caFile: files.ca };
}
