import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { Credentials } from './credentials-client.ts';

/**
 * Whether a member serves etcd's old API beside the new one (`--enable-v2`; gone with 3.6): no snapshot holds its keys.
 * @returns null where it could not be seen
 */
export function servesV2(endpoint: string, credentials: Credentials, timeoutMs: number): Promise<boolean | null> {
  const url = new URL('/v2/keys', endpoint);
  const isTls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const options = {
    agent: isTls ? new https.Agent({ secureContext: credentials.context, keepAlive: false }) : undefined,
    ...(isIP(host) === 0 ? {} : { servername: '' }),
    signal: AbortSignal.timeout(timeoutMs),
  };
  return new Promise((resolve) => {
    const request = (isTls ? https : http).get(url, options, (response) => {
      response.destroy();
      const { statusCode = 0 } = response;
      // With authentication on, the old API asks for a name; switched off there is no such page.
      resolve(statusCode === 200 || statusCode === 401 ? true : statusCode === 404 ? false : null);
    });
    request.on('error', () => resolve(null));
  });
}
