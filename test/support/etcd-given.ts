import type { EtcdTestCluster, EtcdTestMember } from './etcd.ts';
import { runEtcdctl } from './etcdctl.ts';

/** Whether the environment names an etcd to use: QUORUM_ETCD_ENDPOINTS, with QUORUM_ETCD_CA, _CERT and _KEY for TLS. */
export function isEtcdGiven(): boolean {
  return Boolean(process.env.QUORUM_ETCD_ENDPOINTS);
}

/** The cluster that the environment names, as it is: nothing of it is started, checked or stopped. */
export function givenEtcd(): EtcdTestCluster {
  const endpoints = (process.env.QUORUM_ETCD_ENDPOINTS ?? '').split(',').map((endpoint) => endpoint.trim());
  const { QUORUM_ETCD_CA: ca, QUORUM_ETCD_CERT: cert, QUORUM_ETCD_KEY: key } = process.env;
  const tls = ca && cert && key ? { ca, cert, key } : undefined;
  if (tls === undefined && endpoints.some((endpoint) => endpoint.startsWith('https:'))) {
    throw new Error(
      'QUORUM_ETCD_ENDPOINTS names https addresses: set QUORUM_ETCD_CA, _CERT and _KEY to its PEM files too.',
    );
  }
  return {
    endpoints,
    peerUrls: [],
    metricsUrls: endpoints,
    tls,
    authority: undefined,
    members: endpoints.map(givenMember),
    given: true,
    ready: async () => undefined,
    prepareSpare: async () => refuse(),
    etcdctl: (args) => runEtcdctl(endpoints, tls, args),
    stop: async () => undefined,
  };
}

function givenMember(clientUrl: string, index: number): EtcdTestMember {
  return {
    name: `given-${index + 1}`,
    clientUrl,
    peerUrl: '',
    metricsUrl: clientUrl,
    pid: 0,
    files: { serverCert: '', serverKey: '', peerCert: '', peerKey: '' },
    peerCertificate: refuse,
    showCertificate: refuse,
    usePeerCertificate: refuse,
    isRunning: () => true,
    isPaused: () => false,
    log: () => '',
    stop: async () => refuse(),
    kill: async () => refuse(),
    pause: refuse,
    resume: refuse,
    restart: async () => refuse(),
  };
}

function refuse(): never {
  throw new Error(
    'This etcd was given by QUORUM_ETCD_ENDPOINTS: it is not ours to touch. Ask for one with { own: true }.',
  );
}
