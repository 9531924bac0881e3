import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { Refusal } from '../refusal.ts';
import { listed } from '../report/text.ts';
import { endWords, severityOfEnd } from './certificate-end.ts';
import { ageOf, type CertificateFacts, factsOf, namesCover, readCertificates, shortAddress } from './certificates.ts';
import type { Probe } from './cluster.ts';

/** A chain of certificates has a few KB; a megabyte is something else. */
export const longestPem = 64 * 1024;

/**
 * Takes a certificate as it was handed over, before anything else is done with it.
 * @returns the certificates of it alone, without what stood around them
 * @throws Refusal, which never repeats what was given, for a private key, no certificate or too much of it
 */
export function requireCertificatePem(text: string): string {
  if (text.length > longestPem)
    throw new Refusal(
      `That is ${Math.round(text.length / 1024)} KB, and no certificate is that long.`,
      'Give the PEM file of the new node’s peer certificate, at most 64 KB.',
    );
  if (/PRIVATE KEY/.test(text))
    throw new Refusal(
      'That file holds a private key. It was not kept; but whoever saw it on its way here can have it.',
      'Make a new key and certificate for that node, and give the certificate alone (the part that begins with BEGIN CERTIFICATE).',
    );
  const certificates = readCertificates(text, 'that was given', 'The certificate');
  const [leaf] = certificates;
  if (leaf?.ca === true)
    throw new Refusal(
      'The first certificate of that file is a CA’s.',
      'Put the node’s own certificate first, the ones that signed it behind it.',
    );
  return certificates.map((certificate) => certificate.toString()).join('');
}

/** A peer certificate that can be judged, wherever it was found. */
export type PeerCertificate = {
  readonly facts: CertificateFacts;
  /** null where it could not be told. */
  readonly isSignedByPeersCa: boolean | null;
};

/** Reads a handed-over chain, leaf first. @param peerCas PEM of the CAs that peers trust; '' where none is known */
export function readPeerCertificate(pem: string, peerCas: string): PeerCertificate | null {
  const [leaf, ...rest] = readCertificates(pem, 'that was given', 'The certificate');
  if (leaf === undefined) return null;
  const roots = peerCas === '' ? [] : readCertificates(peerCas, 'of the peers', 'The CA file');
  return { facts: factsOf(leaf), isSignedByPeersCa: roots.length === 0 ? null : leadsTo(leaf, rest, roots) };
}

/** Follows the chain upwards by signature, as Go does: names alone prove nothing. */
function leadsTo(leaf: X509Certificate, rest: readonly X509Certificate[], roots: readonly X509Certificate[]): boolean {
  let at = leaf;
  for (let step = 0; step <= rest.length; step += 1) {
    const current = at;
    if (roots.some((root) => isSignedBy(current, root))) return true;
    const above = rest.find((candidate) => candidate !== current && candidate.ca && isSignedBy(current, candidate));
    if (above === undefined) return false;
    at = above;
  }
  return false;
}

function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  try {
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}

/** The certificate that was presented to a probe which trusts the peers' CA; null where none was. */
export function presentedCertificate(
  { chain, authorizationError }: Probe,
  isCaKnown: 'ca-known' | 'ca-unknown',
): PeerCertificate | null {
  const [facts] = chain;
  if (facts === undefined) return null;
  if (isCaKnown === 'ca-unknown') return { facts, isSignedByPeersCa: null };
  // Of several faults OpenSSL tells one; a wrong name is only looked for once the signature is good.
  if (authorizationError === '' || /ALTNAME/.test(authorizationError)) return { facts, isSignedByPeersCa: true };
  return {
    facts,
    isSignedByPeersCa: /UNABLE|SELF_SIGNED|SIGNATURE|self.signed|unable/.test(authorizationError) ? false : null,
  };
}

/** Where the new node is dialled, and from where its own connections come as far as that can be known. */
export type PeerHost = { readonly host: string; readonly addresses: readonly string[] | null };

/** What is wrong with a peer certificate, and what etcd will do about it. */
export type CertificateFault = {
  readonly about: 'server-name' | 'client-name' | 'usage' | 'issuer' | 'dates' | 'key';
  readonly what: string;
  /** What is seen on the machines when it is used all the same. */
  readonly outcome: string;
  /** `warning` for what works for now. */
  readonly weight: 'blocking' | 'warning' | 'unknown';
};

/** What is seen where the members refuse the new node's connections. */
export const exits = 'the new process ends at its start ("discovery failed"), and the member stays unstarted';
/** What is seen where only connections to the new node are refused. */
export const zombie =
  'it starts, replicates and reports itself healthy, but its peers refuse every connection to it: a zombie that etcd would even promote';

/**
 * Why peers would refuse this certificate. The rules are etcd's: the dialling side verifies the server name as Go does; the listening
 * side holds the client's IP against the certificate's IP SANs, then against where its DNS SANs lead, and takes one without any SAN
 * (client/pkg/transport/listener_tls.go, checkCertSAN).
 */
export function certificateFaults(
  { facts, isSignedByPeersCa }: PeerCertificate,
  hosts: readonly PeerHost[],
  now: Date,
): CertificateFault[] {
  return [
    ...nameFaults(facts.names, hosts),
    ...usageFaults(facts),
    ...issuerFaults(facts, isSignedByPeersCa),
    ...dateFaults(facts, now),
    ...keyFaults(facts),
  ];
}

function nameFaults(names: readonly string[], hosts: readonly PeerHost[]): CertificateFault[] {
  const missing = hosts.filter(({ host }) => !namesCover(names, host, 'go')).map(({ host }) => host);
  if (missing.length > 0) {
    const without = names.filter(isSubjectName).length === 0;
    return [
      {
        about: 'server-name',
        what: without
          ? `it has no subject alternative name at all, so none for ${listed(missing)}`
          : `it lacks ${listed(missing)} (it has ${names.join(', ')})`,
        outcome: without || clientLetIn(names, hosts) ? zombie : refusalOf(names, missing[0] ?? ''),
        weight: 'blocking',
      },
    ];
  }
  return hosts.flatMap((host): CertificateFault[] => clientNameFault(names, host));
}

/** What a node meets that the members do not take for the one in its certificate. */
function refusalOf(names: readonly string[], host: string): string {
  const looked = names.filter((name) => isIP(name) === 0);
  if (looked.length === 0)
    return `peers answer "x509: certificate is valid for ${names.join(', ')}, not ${host}", the node logs "remote error: tls: bad certificate"; ${exits}`;
  return `peers look ${listed(looked)} up. Where none leads to the node, they answer "does not match any of DNSNames", and ${exits}. Where one does, ${zombie}`;
}

const isSubjectName = (name: string) => !name.includes('@') && !name.includes('://');

/**
 * Whether the listening side would take it from this host although the name is wrong. On one machine connections between loopback
 * addresses come from 127.0.0.1, whichever of them was dialled.
 */
function clientLetIn(names: readonly string[], hosts: readonly PeerHost[]): boolean {
  return hosts.every(
    (host) => clientNameFault(names, host).length === 0 || (/^127\./.test(host.host) && names.includes('127.0.0.1')),
  );
}

function clientNameFault(names: readonly string[], { host, addresses }: PeerHost): CertificateFault[] {
  const sources = isIP(host) === 0 ? addresses : [host];
  if (sources === null || sources.length === 0 || names.length === 0) return [];
  const about = 'client-name' as const;
  const own = names.filter((name) => isIP(name) !== 0);
  if (sources.some((source) => own.includes(shortAddress(source)))) return [];
  // Only where no address fits are the names looked up: one that stands there as it is leads to the node by itself.
  const looked = names.filter((name) => isIP(name) === 0);
  if (looked.some((name) => name.toLowerCase() === host)) return [];
  if (looked.length === 0)
    return [
      {
        about,
        what: `it names addresses, but none that ${host} leads to (${sources.join(', ')})`,
        outcome: `peers refuse its connections: "x509: certificate is valid for ${own.join(', ')}, not ${sources[0]}"; ${exits}`,
        weight: 'blocking',
      },
    ];
  if (namesCover(looked, host, 'go'))
    return [
      {
        about,
        what: `only a wildcard covers ${host}`,
        outcome: 'peers look up the name of its address (reverse DNS), and refuse it where that fails',
        weight: 'warning',
      },
    ];
  return [
    {
      about,
      what: `it names no address of ${host}, only ${names.join(', ')}`,
      outcome: `peers look those names up, and refuse it where none leads to ${host}`,
      weight: 'blocking',
    },
  ];
}

function usageFaults({ canServe, canBeClient }: CertificateFacts): CertificateFault[] {
  if (canServe && canBeClient) return [];
  return [
    {
      about: 'usage',
      what: `its extended key usage lacks ${canServe ? 'clientAuth' : canBeClient ? 'serverAuth' : 'serverAuth and clientAuth'}`,
      outcome: canBeClient
        ? `peers that dial it say "x509: certificate specifies an incompatible key usage": ${zombie}`
        : `peers answer "x509: certificate specifies an incompatible key usage"; ${exits}`,
      weight: 'blocking',
    },
  ];
}

function issuerFaults({ issuer }: CertificateFacts, isSignedByPeersCa: boolean | null): CertificateFault[] {
  if (isSignedByPeersCa === true) return [];
  if (isSignedByPeersCa === null)
    return [
      {
        about: 'issuer',
        what: `whether the peers’ CA signed it (its issuer is ${issuer || 'not named'}) could not be verified`,
        outcome: 'peers refuse one that another CA signed',
        weight: 'unknown',
      },
    ];
  return [
    {
      about: 'issuer',
      what: `the peers’ CA has not signed it (its issuer is ${issuer || 'not named'})`,
      outcome: `peers answer "x509: certificate signed by unknown authority"; ${exits}`,
      weight: 'blocking',
    },
  ];
}

function dateFaults(facts: CertificateFacts, now: Date): CertificateFault[] {
  const age = ageOf(facts, now);
  const about = 'dates' as const;
  const outcome = `peers answer "x509: certificate has expired or is not yet valid"; ${exits}`;
  const what = `it ${endWords(facts, now)}`;
  if (age !== 'valid') return [{ about, what, outcome, weight: 'blocking' }];
  if (severityOfEnd(facts, now) === null) return [];
  return [{ about, what, outcome: 'from then on its peers refuse it', weight: 'warning' }];
}

/** RSA keys below 1024 bits are refused by Go since 1.24; below 2048 they are held for weak everywhere. */
function keyFaults({ keyBits }: CertificateFacts): CertificateFault[] {
  if (keyBits === null || keyBits >= 2048) return [];
  return [
    {
      about: 'key',
      what: `its RSA key has ${keyBits} bits`,
      outcome:
        keyBits < 1024
          ? 'etcd built with Go 1.24 or later refuses it'
          : 'it is held for weak, and some TLS libraries refuse it',
      weight: keyBits < 1024 ? 'blocking' : 'warning',
    },
  ];
}
