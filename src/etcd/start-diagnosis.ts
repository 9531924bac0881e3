import { listed } from '../report/text.ts';
import type { Member } from './cluster.ts';
import { type CertificateFault, certificateFaults, presentedCertificate } from './peer-certificate.ts';
import { hostsOf } from './peer-url.ts';
import type { PeerSeen, PeersSeen } from './peers.ts';

/** Why a member that was added has not started, as far as that is to be seen from outside. */
export type StartDiagnosis = {
  /** A word for tests and runbooks. */
  readonly cause:
    | 'port-closed'
    | 'no-answer'
    | 'unknown-name'
    | 'not-tls'
    | 'certificate'
    | 'other-cluster'
    | 'listens';
  /** What is seen. */
  readonly seen: string;
  readonly advice: string;
};

/** Looks at what is met at the new member's peer URLs. Pure. */
export function diagnoseStart(
  member: Pick<Member, 'peerUrls'>,
  peers: PeersSeen,
  clusterId: string,
  now: Date,
): StartDiagnosis {
  const seen = peers.peers.filter(({ url }) => member.peerUrls.includes(url));
  const foreign = seen.find((peer) => peer.clusterId !== undefined && peer.clusterId !== clusterId);
  if (foreign !== undefined)
    return {
      cause: 'other-cluster',
      seen: `The etcd at ${foreign.url} belongs to another cluster (${foreign.clusterId}; this one is ${clusterId}).`,
      advice:
        'It was started with `--initial-cluster-state new`, or on an old data directory. Stop it, empty its data directory, and start it with `existing` and the configuration that was handed over.',
    };
  const faults = peerFaults(member, peers, now);
  const [fault] = faults.filter(({ weight }) => weight === 'blocking');
  if (fault !== undefined)
    return {
      cause: 'certificate',
      seen: `The certificate that is presented at ${listed(seen.map(({ url }) => url))} will be refused: ${fault.what}. ${capital(fault.outcome)}.`,
      advice: `Issue it again: with ${listed(hostsOf(member.peerUrls))} among its names, for server and client, by the peers’ CA. Only the new node needs it; the members keep theirs.`,
    };
  const [first] = seen;
  if (first === undefined)
    return {
      cause: 'no-answer',
      seen: 'Its peer URL could not be looked at.',
      advice: 'Look at the log of the new node.',
    };
  return silence(first);
}

function silence({ url, addresses, probe }: PeerSeen): StartDiagnosis {
  if (addresses === null)
    return {
      cause: 'unknown-name',
      seen: `The name in ${url} is not known here.`,
      advice: 'Give it an address in the name service that all members use.',
    };
  if (probe.reached === 'closed')
    return {
      cause: 'port-closed',
      seen: `Nothing listens at ${url}.`,
      advice: [
        'Start etcd there. Where it was started it ended again; its log tells why:',
        '"discovery failed" or "bad certificate": its peers refuse its certificate, their logs say "rejected connection" and the reason.',
        '"permanently removed" or "data-dir used by this member must be removed": the data directory is a removed member’s, so empty it.',
        '"error validating peerURLs" or "member count is unequal": --initial-cluster is not the one that was handed over.',
      ].join('\n'),
    };
  if (probe.reached === 'silent' || probe.reached === 'name')
    return {
      cause: 'no-answer',
      seen: `No answer from ${url}${probe.error === '' ? '' : `: ${probe.error}`}.`,
      advice: 'Look at the machine, its route and its firewall: the members have to reach that port too.',
    };
  if (probe.speaksOtherScheme)
    return {
      cause: 'not-tls',
      seen: `What listens at ${url} speaks ${url.startsWith('https:') ? 'plain http' : 'TLS'}.`,
      advice: 'Give --listen-peer-urls and --initial-advertise-peer-urls with the scheme of the other peers.',
    };
  return {
    cause: 'listens',
    seen: `Something listens at ${url}, but the member has not joined yet${probe.error === '' ? '' : ` (${probe.error})`}.`,
    advice:
      'Look at its log: a first start receives the whole database. "request cluster ID mismatch" means another cluster’s data directory or --initial-cluster.',
  };
}

/** What peers will say to the certificate that is presented at a member's peer URLs; none where none was presented. */
export function peerFaults(
  { peerUrls }: Pick<Member, 'peerUrls'>,
  { peers, peerCas }: PeersSeen,
  now: Date,
): CertificateFault[] {
  const seen = peers.filter(({ url }) => peerUrls.includes(url));
  return seen.flatMap((peer) => {
    const certificate = presentedCertificate(peer.probe, peerCas === '' ? 'ca-unknown' : 'ca-known');
    if (certificate === null) return [];
    const hosts = hostsOf([peer.url]).map((host) => ({ host, addresses: peer.addresses }));
    return certificateFaults(certificate, hosts, now);
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
