import type { CertificateFacts } from '../../src/etcd/certificates.ts';
import type { Probe } from '../../src/etcd/cluster.ts';
import type { PeerSeen, PeersSeen } from '../../src/etcd/peers.ts';
import { authority } from './etcd-seen.ts';

/** The certificate that the three members of `seenCluster` share, as a look at their peer ports reads it. */
export const sharedCertificate: CertificateFacts = {
  ...authority,
  subject: 'CN=etcd-peer',
  names: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  validTo: '2029-01-01T00:00:00.000Z',
  fingerprint: 'SHARED',
  isCa: false,
};

const nothing: Probe = {
  reached: 'closed',
  speaks: 'nothing',
  said: '',
  chain: [],
  authorizationError: '',
  error: 'connect ECONNREFUSED',
  speaksOtherScheme: false,
};

/** One peer URL: with a certificate something presents it there; without one the port is closed. */
export function peerSeen(url: string, certificate?: CertificateFacts, more: Partial<PeerSeen> = {}): PeerSeen {
  return {
    url,
    addresses: [new URL(url).hostname.replace(/^\[|\]$/g, '')],
    probe:
      certificate === undefined
        ? nothing
        : { ...nothing, reached: 'handshake', speaks: 'http1', error: '', chain: [certificate, authority] },
    ...more,
  };
}

/** The three members, sharing a certificate, and what is met at further URLs. */
export function seenPeers(
  fresh: readonly PeerSeen[] = [],
  members: readonly CertificateFacts[] = [sharedCertificate, sharedCertificate, sharedCertificate],
): PeersSeen {
  return {
    peers: [
      ...members.map((certificate, index) => peerSeen(`https://10.0.0.${index + 1}:2380`, certificate)),
      ...fresh,
    ],
    peerCas: '',
    peerCaFile: null,
  };
}
