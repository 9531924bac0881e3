import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { Refusal } from '../refusal.ts';

/** What a certificate says, as plain data. */
export type CertificateFacts = {
  readonly subject: string;
  readonly issuer: string;
  /** `10.0.0.1`, `etcd-1.example`: addresses and names alike, IPv6 in its short form. */
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly validFrom: string;
  readonly validTo: string;
  /** sha256, as openssl prints it. */
  readonly fingerprint: string;
  readonly isCa: boolean;
  readonly canServe: boolean;
  readonly canBeClient: boolean;
  readonly keyBits: number | null;
  /** `RSA 2048`, `ECDSA P-256`, `ED25519`. */
  readonly keyName: string;
  /** Whether a CA of the configured file has signed it, itself or through the file's further certificates; absent where that was not verified. */
  readonly isSignedByTrusted?: boolean;
};

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyPurpose = '2.5.29.37.0';

/** Reads one certificate. An absent extended key usage allows every use (RFC 5280, 4.2.1.12). */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  // Node types keyUsage as always there; it is undefined for a certificate without the extension.
  const uses: readonly string[] | undefined = certificate.keyUsage;
  const allows = (use: string) =>
    uses === undefined || uses.length === 0 || uses.includes(use) || uses.includes(anyPurpose);
  const { asymmetricKeyDetails: details, asymmetricKeyType: kind } = certificate.publicKey;
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: subjectNames(certificate.subjectAltName),
    validFrom: isoDate(certificate.validFrom),
    validTo: isoDate(certificate.validTo),
    fingerprint: certificate.fingerprint256,
    isCa: certificate.ca,
    canServe: allows(serverAuth),
    canBeClient: allows(clientAuth),
    keyBits: details?.modulusLength ?? null,
    keyName: keyNameOf(kind, details),
  };
}

/** The curves as everybody but OpenSSL calls them. */
const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

function keyNameOf(kind: string | undefined, details: X509Certificate['publicKey']['asymmetricKeyDetails']): string {
  if (kind === 'ec') return `ECDSA ${curves[details?.namedCurve ?? ''] ?? details?.namedCurve ?? ''}`.trim();
  return [(kind ?? 'unknown').toUpperCase(), details?.modulusLength ?? ''].join(' ').trim();
}

function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ');
}

function isoDate(date: string): string {
  const parsed = new Date(date);
  return Number.isNaN(parsed.getTime()) ? date : parsed.toISOString();
}

/** The subject alternative names, from Node's `DNS:a, IP Address:10.0.0.1`. */
export function subjectNames(alternatives: string | undefined): string[] {
  if (alternatives === undefined) return [];
  return alternatives
    .split(', ')
    .map((entry) => /^(DNS|IP Address|URI|email):(.*)$/.exec(entry))
    .flatMap((match) =>
      match?.[2] === undefined ? [] : [match[1] === 'IP Address' ? shortAddress(match[2]) : match[2]],
    );
}

/** `0:0:0:0:0:0:0:1` and `::1` are the same address; a certificate's and a URL's are compared in one form. */
export function shortAddress(address: string): string {
  const bare = address.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 6) return bare;
  return new URL(`http://[${bare}]`).hostname.replace(/^\[|\]$/g, '');
}

/**
 * Whether a client that dials this host accepts the names: an address must stand in the list, a name may match a wildcard.
 * @param client Node wants two labels behind the asterisk (`*.etcd.example`); Go, which etcd is made with, takes `*.etcd` too
 */
export function namesCover(names: readonly string[], host: string, client: 'node' | 'go' = 'node'): boolean {
  const wanted = shortAddress(host).toLowerCase();
  if (isIP(wanted) !== 0) return names.includes(wanted);
  const [, ...domain] = wanted.split('.');
  return names.some((name) => {
    const lower = name.toLowerCase();
    const least = client === 'node' ? 2 : 1;
    return (
      lower === wanted || (lower.startsWith('*.') && domain.length >= least && lower.slice(2) === domain.join('.'))
    );
  });
}

export type CertificateAge = 'not-yet-valid' | 'valid' | 'expired';

/** Where `now` lies in the certificate's time. */
export function ageOf(certificate: CertificateFacts, now: Date): CertificateAge {
  if (now < new Date(certificate.validFrom)) return 'not-yet-valid';
  return now > new Date(certificate.validTo) ? 'expired' : 'valid';
}

/** Whole days until the certificate ends; negative afterwards. */
export function daysLeft(certificate: CertificateFacts, now: Date): number {
  return Math.floor((new Date(certificate.validTo).getTime() - now.getTime()) / 86_400_000);
}

/** Why a server may refuse this client certificate, as far as the certificate itself tells; '' where it looks right. */
export function clientCertificateFault(
  certificate: CertificateFacts | null,
  trusted: readonly CertificateFacts[],
  now: Date,
): string {
  if (certificate === null) return 'no client certificate is configured';
  if (ageOf(certificate, now) === 'expired') return `it expired on ${day(certificate.validTo)}`;
  if (ageOf(certificate, now) === 'not-yet-valid') return `it is valid only from ${day(certificate.validFrom)}`;
  if (!certificate.canBeClient) return 'its extended key usage lacks clientAuth';
  if (certificate.isSignedByTrusted === true) return '';
  const namesake = trusted.some((ca) => ca.subject === certificate.issuer);
  if (namesake && certificate.isSignedByTrusted === false)
    return `it is signed by another CA of the same name (${certificate.issuer}) as the one in the configured ca file`;
  if (trusted.length > 0 && !namesake)
    return `its issuer (${certificate.issuer}) is none of the CAs in the configured ca file`;
  return '';
}

/** Whether one of these CAs has signed a certificate, by the signature and not by the name; through others on the way where needed. */
export function isSignedByAny(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): boolean {
  const signs = (ca: X509Certificate) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey);
  if (trusted.some(signs)) return true;
  return between.some(
    (ca) =>
      signs(ca) &&
      isSignedByAny(
        ca,
        between.filter((other) => other !== ca),
        trusted,
      ),
  );
}

/** The day of an ISO date. */
export function day(iso: string): string {
  return iso.slice(0, 10);
}

/** A certificate in one line. */
export function describeCertificate({ subject, issuer, validFrom, validTo }: CertificateFacts): string {
  return `Certificate of ${subject || '(no subject)'}, issued by ${issuer || '(no issuer)'}, valid ${day(validFrom)} to ${day(validTo)}.`;
}

const block = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/**
 * The certificates of a PEM file, in its order.
 * @throws Refusal that names the file, when there is none or one does not read
 */
export function readCertificates(pem: string, file: string, role: string): X509Certificate[] {
  const blocks = pem.match(block) ?? [];
  if (blocks.length === 0)
    throw new Refusal(
      `${role} ${file} holds no certificate${contentHint(pem)}.`,
      'Name a PEM file with a -----BEGIN CERTIFICATE----- block.',
    );
  return blocks.map((text, index) => {
    try {
      return new X509Certificate(text);
    } catch {
      const which = blocks.length > 1 ? `certificate ${index + 1} of ${blocks.length} in it` : 'its certificate';
      throw new Refusal(
        `${role} ${file} is broken: ${which} cannot be read.`,
        'Copy the file again from where it was made, and compare its size or sum.',
      );
    }
  });
}

function contentHint(pem: string): string {
  if (pem.trim() === '') return ' (it is empty)';
  if (/PRIVATE KEY-----/.test(pem)) return ' (it holds a private key)';
  if (/CERTIFICATE REQUEST-----/.test(pem)) return ' (it holds a signing request)';
  return pem.includes('-----BEGIN ') ? '' : ' (it is not PEM)';
}

/**
 * Checks that a private key reads and belongs to the certificate.
 * @throws Refusal that names both files
 */
export function checkKeyPair(certificate: X509Certificate, certFile: string, keyPem: string, keyFile: string): void {
  const key = readPrivateKey(keyPem, keyFile);
  if (!certificate.checkPrivateKey(key))
    throw new Refusal(
      `The key in ${keyFile} does not belong to the certificate in ${certFile}.`,
      'Name the two files that were made together; after a renewal both have to be copied.',
    );
}

function readPrivateKey(keyPem: string, keyFile: string) {
  try {
    return createPrivateKey(keyPem);
  } catch {
    if (/ENCRYPTED/.test(keyPem))
      throw new Refusal(
        `The key in ${keyFile} is encrypted.`,
        'Give a key without a passphrase, readable for the bot only.',
      );
    const hint = /BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(keyPem)
      ? ' (it holds a certificate)'
      : contentHint(keyPem);
    throw new Refusal(
      `The key file ${keyFile} holds no private key that can be read${hint}.`,
      'Name the PEM file with the client key.',
    );
  }
}
