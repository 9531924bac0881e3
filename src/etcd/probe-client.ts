import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { messageOf } from '../thrown.ts';
import { factsOf } from './certificates.ts';
import type { Probe } from './cluster.ts';
import type { Credentials } from './credentials-client.ts';
import { type Address, addressOf } from './endpoint.ts';
import { plainText } from './failure.ts';

/** HTTP/2's client preface and an empty SETTINGS frame (RFC 9113, 3.4): any gRPC server answers with its own SETTINGS. */
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

type Found = { -readonly [key in keyof Probe]: Probe[key] };

/**
 * Connects, trusting nobody, and tells how far it came: whether the port is open, which certificate is shown, whether
 * ours is taken, and what speaks there. Where the port hangs up at once, the other scheme is tried too.
 * Leaves a line or two in the member's log.
 */
export async function probeEndpoint(
  endpoint: string,
  credentials: Pick<Credentials, 'context'>,
  timeoutMs: number,
): Promise<Probe> {
  const address = addressOf(endpoint);
  const startedAt = performance.now();
  const found = await attempt(address, credentials, timeoutMs);
  const leftMs = timeoutMs - (performance.now() - startedAt);
  const isUnclear = found.reached === 'connected' && found.speaks === 'nothing' && leftMs > 1;
  if (!isUnclear) return found.speaks === 'tls' ? { ...found, speaksOtherScheme: true } : found;
  const other = await attempt({ ...address, isTls: !address.isTls }, credentials, leftMs);
  const speaksOtherScheme = address.isTls
    ? other.speaks !== 'nothing' && other.speaks !== 'tls'
    : other.reached === 'handshake';
  return speaksOtherScheme
    ? { ...found, speaks: other.speaks, said: other.said, chain: other.chain, speaksOtherScheme }
    : found;
}

/** One connection, ended by the first bytes that come, an error, or the time. */
function attempt(
  { host, port, isTls }: Address,
  credentials: Pick<Credentials, 'context'>,
  timeoutMs: number,
): Promise<Probe> {
  const found: Found = {
    reached: 'silent',
    speaks: 'nothing',
    said: '',
    chain: [],
    authorizationError: '',
    error: '',
    speaksOtherScheme: false,
  };
  return new Promise((resolve) => {
    const socket: Socket | TLSSocket = isTls
      ? connectTls({
          host,
          port,
          secureContext: credentials.context,
          rejectUnauthorized: false,
          ALPNProtocols: ['h2', 'http/1.1'],
          ...(isIP(host) === 0 ? { servername: host } : {}),
        })
      : connectTcp({ host, port });
    let isOver = false;
    const finish = () => {
      isOver = true;
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(finish, Math.max(1, timeoutMs));
    socket.on('connect', () => {
      found.reached = 'connected';
      if (!isTls) socket.write(preface);
    });
    if ('getPeerX509Certificate' in socket)
      socket.on('secureConnect', () => {
        takeCertificate(socket, found);
        if (socket.alpnProtocol === 'http/1.1') {
          found.speaks = 'http1';
          finish();
        } else {
          if (socket.alpnProtocol !== 'h2') found.lacksHttp2 = true;
          socket.write(preface);
        }
      });
    socket.on('data', (bytes: Buffer) => {
      found.speaks = speakerOf(bytes);
      if (found.speaks !== 'http2') found.said = printable(bytes);
      finish();
    });
    socket.on('error', (error: Error & { code?: string }) => {
      // TLS 1.2 refuses before 'secureConnect', yet the server's certificate has been received by then.
      if ('getPeerX509Certificate' in socket && found.chain.length === 0) takeCertificate(socket, found);
      found.error = plainText(error.message);
      if (error.code === 'ECONNREFUSED') found.reached = 'closed';
      if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') found.reached = 'name';
      finish();
    });
    socket.on('close', () => {
      // A peer port of 3.4 agrees on HTTP/2 and hangs up at its first frame; later ones agree on nothing.
      if (!isOver && found.reached === 'handshake' && found.error === '') found.lacksHttp2 = true;
      finish();
    });
  });
}

function takeCertificate(socket: TLSSocket, found: Found): void {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return;
  found.reached = 'handshake';
  const chain = [factsOf(leaf)];
  let issuer: X509Certificate | undefined = leaf.issuerCertificate;
  while (issuer !== undefined && chain.length < 5 && issuer.fingerprint256 !== chain.at(-1)?.fingerprint) {
    chain.push(factsOf(issuer));
    issuer = issuer.issuerCertificate;
  }
  found.chain = chain;
  // Typed as an Error, but Node sets the error's code where it has one.
  const refused: unknown = socket.authorizationError;
  found.authorizationError = refused === null || refused === undefined ? '' : messageOf(refused);
}

function speakerOf(bytes: Buffer): Probe['speaks'] {
  if (bytes.length >= 4 && bytes[3] === 4 && bytes[0] === 0) return 'http2';
  if (bytes.subarray(0, 5).toString('latin1') === 'HTTP/') return 'http1';
  return bytes[0] === 0x15 && bytes[1] === 3 ? 'tls' : 'other';
}

function printable(bytes: Buffer): string {
  return bytes
    .subarray(0, 200)
    .toString('latin1')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 80);
}
