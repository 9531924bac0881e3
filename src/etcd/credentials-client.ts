import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Refusal } from '../refusal.ts';
import { codeOf, messageOf } from '../thrown.ts';
import { type CertificateFacts, checkKeyPair, factsOf, isSignedByAny, readCertificates } from './certificates.ts';
import type { TlsFiles } from './cluster.ts';
import { plainText } from './failure.ts';

/** The credential files of a cluster, read and checked. */
export type Credentials = {
  /** The files as TLS takes them, parsed once for every member. */
  readonly context: SecureContext;
  readonly clientCertificate: CertificateFacts | null;
  readonly trustedCas: readonly CertificateFacts[];
  /** Changes when a file changes: a renewed certificate is taken up without a restart. */
  readonly stamp: string;
};

/**
 * Reads the files that the configuration names.
 * @throws Refusal that names the file which is missing, unreadable, broken or does not fit the other
 */
export async function readCredentials(tls: TlsFiles | undefined): Promise<Credentials> {
  // The stamp is taken first: a file that changes while it is read is then read again the next time.
  const stamp = await stampOf(tls);
  const [ca, cert, key] = await Promise.all([
    readPem(tls?.ca, 'The CA file'),
    readPem(tls?.cert, 'The certificate file'),
    readPem(tls?.key, 'The key file'),
  ]);
  if ((cert === undefined) !== (key === undefined))
    throw new Refusal(
      cert === undefined
        ? `tls.key ${tls?.key} is configured without tls.cert.`
        : `tls.cert ${tls?.cert} is configured without tls.key.`,
      'Name both the client certificate and its key, or neither.',
    );
  const trusted = ca === undefined ? [] : readCertificates(ca.toString(), tls?.ca ?? '', 'The CA file');
  const [leaf, ...between] =
    cert === undefined ? [] : readCertificates(cert.toString(), tls?.cert ?? '', 'The certificate file');
  if (leaf !== undefined) checkKeyPair(leaf, tls?.cert ?? '', key?.toString() ?? '', tls?.key ?? '');
  return {
    context: contextOf({ ca, cert, key }, tls),
    clientCertificate:
      leaf === undefined
        ? null
        : {
            ...factsOf(leaf),
            ...(trusted.length === 0 ? {} : { isSignedByTrusted: isSignedByAny(leaf, between, trusted) }),
          },
    trustedCas: trusted.map(factsOf),
    stamp,
  };
}

/** OpenSSL may refuse what reads well by itself: a key that is too small, a digest that is too old. */
function contextOf(
  pem: { ca?: Buffer | undefined; cert?: Buffer | undefined; key?: Buffer | undefined },
  tls: TlsFiles | undefined,
) {
  try {
    return createSecureContext(pem);
  } catch (error) {
    throw new Refusal(
      `TLS cannot be set up with ${[tls?.ca, tls?.cert, tls?.key].filter((file) => file !== undefined).join(', ')}: ${plainText(messageOf(error))}.`,
      'Make them again with the defaults of today (RSA of 2048 bits or more, or an elliptic curve; SHA-256).',
    );
  }
}

/** What tells that a file is another one than before; a missing file has a stamp too. */
export async function stampOf(tls: TlsFiles | undefined): Promise<string> {
  const stamps = [tls?.ca, tls?.cert, tls?.key].map(async (file) => {
    if (file === undefined) return '';
    const found = await stat(file).catch(() => undefined);
    return found === undefined ? 'missing' : `${found.ino}:${found.size}:${found.mtimeMs}`;
  });
  return (await Promise.all(stamps)).join(' ');
}

async function readPem(file: string | undefined, role: string): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new Refusal(
        `${role} ${file} is missing.`,
        'Put it there, or correct its path under etcd.clusters in the configuration.',
      );
    if (code === 'EACCES' || code === 'EPERM')
      throw new Refusal(`${role} ${file} may not be read by the bot.`, 'Let the user that the bot runs as read it.');
    if (code === 'EISDIR') throw new Refusal(`${role} ${file} is a directory.`, 'Name the file in it.');
    throw new Refusal(
      `${role} ${file} cannot be read (${code || 'unknown error'}).`,
      'Look at the file and its file system.',
    );
  }
}
