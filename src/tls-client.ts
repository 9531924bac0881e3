import { readFile } from 'node:fs/promises';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { HttpTlsConfig } from './alerts/config.ts';
import { Refusal } from './refusal.ts';
import { codeOf, messageOf } from './thrown.ts';

/** Certificates are renewed while the process runs. */
const usualReadAgainMs = 60_000;

/** Nobody who is slow holds a connection for long: headers within 5 s, a whole body within 30 s. */
const bounds = {
  headersTimeout: 5000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: 10_000,
};
const mostConnections = 1000;

/**
 * An HTTP server, or an HTTPS one where there are certificates. With a client CA it asks for a client's certificate and says on the socket whether
 * that CA has signed it; it turns nobody away.
 * @param tellFault of files that could not be read again: those that were read before are kept
 * @throws Refusal where a file cannot be read, or does not fit
 */
export async function createHttpServer(
  tls: HttpTlsConfig | undefined,
  listener: RequestListener,
  tellFault: (error: Error) => void,
  readAgainMs = usualReadAgainMs,
): Promise<Server | TlsServer> {
  const server =
    tls === undefined ? createPlainServer(bounds, listener) : await secured(tls, listener, tellFault, readAgainMs);
  server.maxConnections = mostConnections;
  return server;
}

async function secured(
  tls: HttpTlsConfig,
  listener: RequestListener,
  tellFault: (error: Error) => void,
  readAgainMs: number,
): Promise<TlsServer> {
  let read = await readFiles(tls);
  const asking = { requestCert: tls.clientCa !== undefined, rejectUnauthorized: false };
  let server: TlsServer;
  try {
    server = createTlsServer({ ...bounds, ...read, ...asking, minVersion: 'TLSv1.2' }, listener);
  } catch (error) {
    throw new Refusal(
      `http.tls: the certificate and its key cannot be used: ${messageOf(error)}.`,
      'Give a certificate (PEM, with its chain) and the key that belongs to it.',
    );
  }
  const timer = setInterval(async () => {
    try {
      const again = await readFiles(tls);
      if (JSON.stringify(again) === JSON.stringify(read)) return;
      server.setSecureContext(again);
      read = again;
    } catch (error) {
      tellFault(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }, readAgainMs).unref();
  server.once('close', () => clearInterval(timer));
  return server;
}

async function readFiles({ cert, key, clientCa }: HttpTlsConfig): Promise<{ cert: string; key: string; ca?: string }> {
  const [certPem, keyPem, ca] = await Promise.all([
    readPem('cert', cert),
    readPem('key', key),
    clientCa === undefined ? undefined : readPem('clientCa', clientCa),
  ]);
  return { cert: certPem, key: keyPem, ...(ca === undefined ? {} : { ca }) };
}

async function readPem(name: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Refusal(
      `http.tls.${name}: ${path} cannot be read: ${codeOf(error) || messageOf(error)}.`,
      'Name a file that this user may read.',
    );
  }
}
