import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Binary, findBinary } from '../../scripts/binaries.mjs';
import { hostPort } from '../../src/etcd/endpoint.ts';
import type { Certificate } from './certificates.ts';
import { runToEnd } from './command-line.ts';
import { type EtcdProbe, openProbe } from './etcd-probe.ts';
import { type RunningProcess, Stop, startProcess, waitFor } from './process.ts';

/** One member of a test cluster: a process of ours with its own folder, ports and certificates. */
export interface EtcdTestMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly metricsUrl: string;
  /** 0 while it does not run. */
  readonly pid: number;
  /** The certificates it was started with, as files. */
  readonly files: {
    readonly serverCert: string;
    readonly serverKey: string;
    readonly peerCert: string;
    readonly peerKey: string;
  };
  /** What it shows to its peers. */
  peerCertificate(): Certificate;
  /** Shows clients another certificate from the next connection on: etcd reads its files at each handshake. */
  showCertificate(certificate: Certificate): void;
  /** Shows its peers another certificate, from the next connection on as well. */
  usePeerCertificate(certificate: Certificate): void;
  isRunning(): boolean;
  isPaused(): boolean;
  /** What it has logged since it was last started. */
  log(): string;
  /** SIGTERM. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: it is hung, its connections stay open. */
  pause(): void;
  resume(): void;
  /** Starts it again on its data, ports and certificates; back when it answers. */
  restart(): Promise<void>;
}

/** A member that was made ready beside the cluster and joins it when started. */
export interface SpareEtcdMember extends EtcdTestMember {
  /** Throws its data away, as a node's that never was a member: it must not run. */
  emptyData(): void;
  /** Starts it with `--initial-cluster-state existing`, after it was added; its process may end by itself if it is refused. */
  join(initialCluster: readonly { readonly name: string; readonly peerUrl: string }[]): Promise<void>;
}

/** What a member is made from. */
export interface MemberPlan {
  readonly name: string;
  readonly folder: string;
  /** Where it listens: an address, or localhost. */
  readonly host: string;
  readonly ports: { readonly client: number; readonly peer: number; readonly metrics: number | undefined };
  readonly tls: { readonly caPem: string; readonly caFile: string; readonly client: Certificate } | undefined;
  readonly server: Certificate | undefined;
  readonly peer: Certificate | undefined;
  readonly flags: readonly string[];
  /** What its peer URL names instead of that address. */
  readonly peerHost?: string;
  /** Words before the command, to run it as somebody else. */
  readonly under?: readonly string[];
}

/** A member as the cluster handles it: with the start and the probe that tests have no use for. */
export interface ManagedMember extends SpareEtcdMember {
  readonly probe: EtcdProbe;
  launch(initialCluster: string, state: 'new' | 'existing'): Promise<void>;
  process(): RunningProcess | undefined;
  close(): Promise<void>;
}

/** Prepares a member: writes its certificates, starts nothing. */
export function prepareMember(plan: MemberPlan): ManagedMember {
  const scheme = plan.tls === undefined ? 'http' : 'https';
  const { host } = plan;
  const clientUrl = `${scheme}://${hostPort(host, plan.ports.client)}`;
  const listenPeerUrl = `${scheme}://${hostPort(host, plan.ports.peer)}`;
  const peerUrl = `${scheme}://${hostPort(plan.peerHost ?? host, plan.ports.peer)}`;
  const metricsUrl = plan.ports.metrics === undefined ? clientUrl : `http://${hostPort(host, plan.ports.metrics)}`;
  const file = (name: string): string => join(plan.folder, `${plan.name}-${name}`);
  const showCertificate = ({ certPem, keyPem }: Certificate): void => {
    writeFileSync(file('server.crt'), certPem);
    writeFileSync(file('server.key'), keyPem, { mode: 0o600 });
  };
  if (plan.server !== undefined) showCertificate(plan.server);
  const usePeerCertificate = ({ certPem, keyPem }: Certificate): void => {
    writeFileSync(file('peer.crt'), certPem);
    writeFileSync(file('peer.key'), keyPem, { mode: 0o600 });
  };
  if (plan.peer !== undefined) usePeerCertificate(plan.peer);
  const probe = openProbe(hostPort(host, plan.ports.client), plan.tls);
  let running: RunningProcess | undefined;
  let lastStart: { readonly initialCluster: string; readonly state: 'new' | 'existing' } | undefined;

  const launch = async (initialCluster: string, state: 'new' | 'existing'): Promise<void> => {
    lastStart = { initialCluster, state };
    const binary = requireEtcd();
    const [command = binary.path, ...before] = [...(plan.under ?? []), binary.path];
    running = await startProcess({
      name: `etcd ${plan.name}`,
      command,
      env: etcdEnvironment(binary),
      cwd: plan.folder,
      stopTimeoutMs: 3000,
      args: [
        ...before,
        ...['--name', plan.name, '--data-dir', file('data'), '--logger', 'zap'],
        ...['--initial-cluster-state', state, '--initial-cluster', initialCluster],
        ...['--initial-advertise-peer-urls', peerUrl, '--listen-peer-urls', listenPeerUrl],
        ...['--advertise-client-urls', clientUrl, '--listen-client-urls', clientUrl],
        // Fast timers: elections within 0.2 s. They are no model for a real cluster.
        ...['--heartbeat-interval', '20', '--election-timeout', '200'],
        ...(plan.ports.metrics === undefined ? [] : ['--listen-metrics-urls', metricsUrl]),
        ...(plan.tls === undefined
          ? []
          : [
              ...['--client-cert-auth', '--trusted-ca-file', plan.tls.caFile],
              ...['--cert-file', file('server.crt'), '--key-file', file('server.key')],
              ...['--peer-client-cert-auth', '--peer-trusted-ca-file', plan.tls.caFile],
              ...['--peer-cert-file', file('peer.crt'), '--peer-key-file', file('peer.key')],
            ]),
        ...((await skipsFsync(binary)) ? ['--unsafe-no-fsync'] : []),
        ...plan.flags,
      ],
    });
  };

  return {
    name: plan.name,
    clientUrl,
    peerUrl,
    metricsUrl,
    files: {
      serverCert: file('server.crt'),
      serverKey: file('server.key'),
      peerCert: file('peer.crt'),
      peerKey: file('peer.key'),
    },
    peerCertificate: () => ({
      certPem: readFileSync(file('peer.crt'), 'utf8'),
      keyPem: readFileSync(file('peer.key'), 'utf8'),
    }),
    showCertificate,
    usePeerCertificate,
    emptyData: () => rmSync(file('data'), { recursive: true, force: true }),
    probe,
    get pid() {
      return running?.isRunning() ? running.pid : 0;
    },
    isRunning: () => running?.isRunning() ?? false,
    isPaused: () => running?.isPaused() ?? false,
    process: () => running,
    log: () => running?.log() ?? '',
    launch,
    join: (cluster) => launch(cluster.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(','), 'existing'),
    stop: async () => {
      await running?.stop();
    },
    kill: async () => {
      await running?.kill();
    },
    pause: () => running?.pause(),
    resume: () => running?.resume(),
    restart: async () => {
      if (lastStart === undefined) throw new Error(`${plan.name} was never started, so it cannot be restarted.`);
      await running?.stop();
      await launch(lastStart.initialCluster, lastStart.state);
      await waitFor(`etcd ${plan.name} after its restart`, () => answersStatus(plan.name, running, probe), {
        timeoutMs: 10_000,
      });
    },
    close: async () => {
      probe.close();
      if (running?.isRunning()) await running.kill();
    },
  };
}

/** Throws what the process logged where it has ended. */
export function demandRunning(name: string, running: RunningProcess | undefined): void {
  if (running?.isRunning()) return;
  throw new Stop(new Error(`etcd ${name} ended at its start:\n${running?.log() ?? 'it was not started'}`));
}

function answersStatus(name: string, running: RunningProcess | undefined, probe: EtcdProbe): Promise<true> {
  demandRunning(name, running);
  return probe.answers(200);
}

/** The etcd to start, or an Error that tells how to get one. */
export function requireEtcd(): Binary {
  const binary = findBinary('etcd');
  if (binary === undefined) throw new Error('No etcd was found. Run `node scripts/setup.mjs`, or put etcd on PATH.');
  return binary;
}

/** etcd reads ETCD_… by itself and refuses to start where such a variable and a flag name the same setting. */
export function etcdEnvironment(binary: Binary): NodeJS.ProcessEnv {
  const own = Object.entries(binary.env).filter(([name]) => !/^ETCD(CTL)?_/.test(name));
  // Up to 3.4 the word is needed on 64-bit ARM; later versions only mention it in their log.
  return { ...Object.fromEntries(own), ...(process.arch === 'arm64' ? { ETCD_UNSUPPORTED_ARCH: 'arm64' } : {}) };
}

let fsyncAnswer: Promise<boolean> | undefined;

/** `--unsafe-no-fsync` exists from etcd 3.5 on; a test cluster has nothing to lose. */
function skipsFsync(binary: Binary): Promise<boolean> {
  fsyncAnswer ??= runToEnd({
    name: 'etcd --help',
    command: binary.path,
    args: ['--help'],
    env: etcdEnvironment(binary),
  }).then(({ stdout, stderr }) => `${stdout}${stderr}`.includes('--unsafe-no-fsync'));
  return fsyncAnswer;
}
