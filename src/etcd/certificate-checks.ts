import type { Check } from '../job.ts';
import { count, listed } from '../report/text.ts';
import { familyChecks } from './address-family.ts';
import { severityOfEnd } from './certificate-end.ts';
import { ageOf, type CertificateFacts, day, namesCover } from './certificates.ts';
import { ok, votersOf } from './checks.ts';
import type { KnownCluster, ListedMember } from './member-reference.ts';
import {
  type CertificateFault,
  certificateFaults,
  type PeerCertificate,
  type PeerHost,
  presentedCertificate,
  readPeerCertificate,
} from './peer-certificate.ts';
import { hostsOf } from './peer-url.ts';
import type { PeerSeen, PeersSeen } from './peers.ts';

/** The certificate that the new node will use, as far as that is known before it starts. */
export type ExpectedCertificate = {
  /** Handed over, shown by something that listens at the new peer URL, or the one that all members share. */
  readonly source: 'given' | 'presented' | 'shared' | 'unknown';
  readonly certificate: PeerCertificate | null;
};

/** What the members present on their peer ports. */
export type MemberCertificates = {
  readonly read: readonly { readonly label: string; readonly facts: CertificateFacts }[];
  readonly unread: readonly { readonly label: string; readonly why: string }[];
  /** True where every member was read and all present the same: then the new node is meant to use it too. */
  readonly isShared: boolean;
};

export type CertificateFacing = {
  readonly view: KnownCluster;
  readonly peers: PeersSeen;
  readonly peerUrls: readonly string[];
  /** PEM text, checked by `requireCertificatePem`; null where none was handed over. */
  readonly given: string | null;
  readonly as: 'learner-then-promote' | 'voter';
  readonly now: Date;
};

export function memberCertificates(view: KnownCluster, peers: PeersSeen): MemberCertificates {
  const all = view.members
    .filter(({ isStarted }) => isStarted)
    .map((member) => ({ member, seen: peersOf(member, peers) }));
  const read = all.flatMap(({ member, seen }) => {
    const facts = seen.find(({ probe }) => probe.chain.length > 0)?.probe.chain[0];
    return facts === undefined ? [] : [{ label: member.label, facts }];
  });
  const unread = all
    .filter(({ member }) => !read.some(({ label }) => label === member.label))
    .map(({ member, seen }) => ({
      label: member.label,
      why: seen[0] === undefined ? 'not asked' : whyUnread(seen[0]),
    }));
  const fingerprints = new Set(read.map(({ facts }) => facts.fingerprint));
  return { read, unread, isShared: read.length > 1 && unread.length === 0 && fingerprints.size === 1 };
}

function areDifferent(read: MemberCertificates['read']): boolean {
  return new Set(read.map(({ facts }) => facts.fingerprint)).size === read.length;
}

function peersOf({ member }: ListedMember, { peers }: PeersSeen): PeerSeen[] {
  return peers.filter(({ url }) => member.peerUrls.includes(url));
}

/** Why no certificate was met there. */
export function whyUnread({ addresses, probe }: PeerSeen): string {
  if (addresses === null) return 'its name is not known here';
  if (probe.reached === 'silent') return 'no answer to the connection';
  return probe.error || 'no certificate was presented';
}

/** What the new node will present to its peers. */
export function expectedCertificate({ view, peers, peerUrls, given }: CertificateFacing): ExpectedCertificate {
  const caIsKnown = peers.peerCas === '' ? 'ca-unknown' : 'ca-known';
  if (given !== null) return { source: 'given', certificate: readPeerCertificate(given, peers.peerCas) };
  const presented = peers.peers
    .filter(({ url }) => peerUrls.includes(url))
    .map(({ probe }) => presentedCertificate(probe, caIsKnown))
    .find((certificate) => certificate !== null);
  if (presented !== undefined) return { source: 'presented', certificate: presented };
  const members = memberCertificates(view, peers);
  const [first] = members.read;
  // Of a single member nobody can tell whether its certificate is meant for all; where it covers the new node it will do.
  const isSharable =
    members.isShared || (members.read.length === 1 && members.unread.length === 0 && covers(first?.facts, peerUrls));
  if (first === undefined || !isSharable) return { source: 'unknown', certificate: null };
  return { source: 'shared', certificate: { facts: first.facts, isSignedByPeersCa: true } };
}

function covers(facts: CertificateFacts | undefined, peerUrls: readonly string[]): boolean {
  return facts !== undefined && hostsOf(peerUrls).every((host) => namesCover(facts.names, host, 'go'));
}

/** The hosts of the new peer URLs, with the addresses that they lead to from here. */
export function peerHosts(peerUrls: readonly string[], { peers }: PeersSeen): PeerHost[] {
  return hostsOf(peerUrls).map((host) => ({
    host,
    addresses: peers.find(({ url }) => hostsOf([url])[0] === host)?.addresses ?? null,
  }));
}

/** Whether the peers of this cluster use TLS at all. */
export function isPeerTls(view: KnownCluster): boolean {
  return view.members.some(({ member }) => member.peerUrls.some((url) => url.startsWith('https:')));
}

/** Every check about certificates: what the members present, and what their peers will say to the new node's. */
export function certificateChecks(facing: CertificateFacing): Check[] {
  const { view, peers, peerUrls, as, now } = facing;
  if (!isPeerTls(view))
    return [ok('Peer certificates', 'The members talk to each other over plain http: there are none to check.')];
  const expected = expectedCertificate(facing);
  const { certificate, source } = expected;
  const intro = membersCheck(facing);
  const ends = {
    members: peerHosts(peerUrlsOfMembers(view), peers),
    fresh: peerHosts(peerUrls, peers),
    memberNames: memberCertificates(view, peers).read.map(({ facts }) => facts.names),
    freshNames: certificate?.facts.names ?? null,
  };
  const outside = [...familyChecks(ends), natCheck(peerUrls)];
  if (certificate === null) return [intro, unknownCertificate(view, peers, peerUrls, as), ...outside];
  const faults = certificateFaults(certificate, ends.fresh, now);
  return [intro, ...judged(certificate, faults, source, facing), ...outside];
}

function membersCheck({ view, peers, now }: CertificateFacing): Check {
  const name = 'The members’ peer certificates are read';
  const { read, unread, isShared } = memberCertificates(view, peers);
  const [first] = read;
  if (unread.length > 0 || first === undefined)
    return {
      name,
      status: 'unknown',
      seen: `Not read: ${unread.map(({ label, why }) => `${label} (${why})`).join(', ')}.`,
      advice: 'Open the way from the bot to the peer ports: which certificate is in use is seen nowhere else.',
    };
  const ending = read.filter(({ facts }) => severityOfEnd(facts, now) !== null);
  if (ending.length > 0)
    return {
      name,
      status: 'warning',
      seen: `${ending.map(({ label, facts }) => `${label}’s ${ageOf(facts, now) === 'expired' ? 'ended' : 'ends'} on ${day(facts.validTo)}`).join(', ')}.`,
      advice: 'Renew them first: a member whose peer certificate has ended is cut off at its next connection.',
    };
  return ok(
    name,
    isShared
      ? `All ${count(read.length, 'member')} share one, until ${day(first.facts.validTo)}: ${first.facts.names.join(', ') || 'no names in it'}.`
      : `${read.length === 1 ? 'One member' : areDifferent(read) ? 'One each' : 'Some share one'}: ${read.map(({ label, facts }) => `${label} until ${day(facts.validTo)}`).join(', ')}.`,
  );
}

/** Without it a wrong certificate shows only once the member is in the cluster; a learner is harmless there, a voter is not. */
function unknownCertificate(
  view: KnownCluster,
  peers: PeersSeen,
  peerUrls: readonly string[],
  as: CertificateFacing['as'],
): Check {
  const { read } = memberCertificates(view, peers);
  const url = new URL(peerUrls[0] ?? 'https://new-node:2380');
  const sufficing = read.find(({ facts }) => covers(facts, peerUrls));
  const own =
    read.length > 1 && areDifferent(read)
      ? 'Each member has a certificate of its own, so the new node needs one too, and'
      : sufficing !== undefined
        ? `${sufficing.label}’s certificate names the new node already; whether the new node has it too is not known, for`
        : 'Which certificate the new node will use is not known, and';
  return {
    name: 'The new node’s certificate is known',
    status: as === 'voter' ? 'blocking' : 'unknown',
    seen: `${own} none was handed over; nothing listens at ${peerUrls.join(', ')} that would present it.`,
    advice: `Hand its PEM file over (without the key): --cert in a terminal, the form of \`/etcd add\` in Slack. Or show it on the node and ask again: openssl s_server -accept ${url.port || '2380'} -cert peer.crt -key peer.key -CAfile ca.crt -Verify 1`,
  };
}

const titles: readonly (readonly [CertificateFault['about'][], string, (certificate: PeerCertificate) => string])[] = [
  [
    ['server-name', 'client-name'],
    'The certificate names the new node',
    ({ facts }) => `It holds ${listed(facts.names)}.`,
  ],
  [['usage'], 'The certificate is for server and client', () => 'serverAuth and clientAuth both.'],
  [['issuer'], 'The certificate is signed by the peers’ CA', ({ facts }) => `Issuer: ${facts.issuer}.`],
  [
    ['dates'],
    'The certificate is in date',
    ({ facts }) => `Valid from ${day(facts.validFrom)} to ${day(facts.validTo)}.`,
  ],
  [
    ['key'],
    'The certificate’s key is long enough',
    ({ facts }) => (facts.keyBits === null ? 'An elliptic curve.' : `RSA of ${facts.keyBits} bits.`),
  ],
];

const whose: Record<Exclude<ExpectedCertificate['source'], 'unknown'>, string> = {
  given: 'the one handed over',
  presented: 'the one presented at the new peer URL',
  shared: 'the one that all members share',
};

function judged(
  certificate: PeerCertificate,
  faults: readonly CertificateFault[],
  source: ExpectedCertificate['source'],
  facing: CertificateFacing,
): Check[] {
  const which = source === 'unknown' ? '' : whose[source];
  return titles.map(([abouts, name, fine]) => {
    const [fault] = faults.filter(({ about }) => abouts.includes(about));
    if (fault === undefined) return ok(name, fine(certificate));
    const outcome = fault.outcome === '' ? '' : ` What would happen: ${fault.outcome}.`;
    return {
      name,
      status: fault.weight,
      seen: `Of ${which}: ${fault.what}.${outcome}`,
      advice: adviceFor(fault, source, facing),
    };
  });
}

function adviceFor(
  { about, weight }: CertificateFault,
  source: ExpectedCertificate['source'],
  { peerUrls, peers }: CertificateFacing,
): string {
  if (about === 'issuer' && weight === 'unknown')
    return peers.peerCaFile === null
      ? 'Name the peers’ CA as peerCa in the configuration, then it is verified.'
      : `Compare it with ${peers.peerCaFile}; if the peers have another CA, name that as peerCa.`;
  if (about === 'server-name' || about === 'client-name')
    return source === 'shared'
      ? `Issue one for the new node with ${listed(hostsOf(peerUrls))} in it (the files are below) and hand it over. The members need no new certificate: only the new node has to present one that names it.`
      : `Issue it again with ${listed(hostsOf(peerUrls))} among its subject alternative names (the files are below).`;
  if (about === 'usage')
    return 'Issue it again with both serverAuth and clientAuth: a peer is both (the files are below).';
  if (about === 'issuer') return 'Let the CA of --peer-trusted-ca-file sign it (the files are below).';
  return 'Issue it again (the files are below).';
}

/** Where packets really come from is known on the node alone (etcd#10524). */
function natCheck(peerUrls: readonly string[]): Check {
  return {
    name: 'Its connections come from the address it names',
    status: 'warning',
    seen: `Not to be seen from here: behind NAT, or with several addresses, the node’s own connections come from another one than ${listed(hostsOf(peerUrls))}, and its peers refuse them.`,
    advice: 'Ask whoever runs the node; put every address of it into the certificate.',
  };
}

/** Voters with whom the new one will have to talk. */
export function peerUrlsOfMembers(view: KnownCluster): string[] {
  return [...new Set([...votersOf(view), ...view.members].flatMap(({ member }) => member.peerUrls))].filter(
    (url) => /^https?:\/\/[^/]/.test(url) && URL.canParse(url),
  );
}
