import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { EtcdClusterConfig } from './cluster.ts';
import { readCredentials } from './credentials-client.ts';
import { addressOf } from './endpoint.ts';
import type { PeerSeen, PeersSeen } from './peers.ts';
import { probeEndpoint } from './probe-client.ts';

/**
 * Reads the certificates that members present on their peer port, all at once, without being let in; each leaves a line in that
 * member's log, so it is asked once per plan and never polled fast.
 * @param urls well-formed http or https URLs
 * @throws Refusal when a credential file cannot be used
 */
export async function probePeers(
  urls: readonly string[],
  { tls, peerCa }: Pick<EtcdClusterConfig, 'tls' | 'peerCa'>,
  timeoutMs: number,
): Promise<PeersSeen> {
  const peerCaFile = peerCa ?? tls?.ca ?? null;
  const credentials = await readCredentials({ ...tls, ca: peerCaFile ?? undefined });
  const peerCas = peerCaFile === null ? '' : await readFile(peerCaFile, 'utf8');
  const probing = [...new Set(urls)].map(async (url): Promise<PeerSeen> => {
    const [addresses, probe] = await Promise.all([
      resolve(addressOf(url).host, timeoutMs),
      probeEndpoint(url, credentials, timeoutMs),
    ]);
    return { url, addresses, probe };
  });
  return { peers: await Promise.all(probing), peerCas, peerCaFile };
}

/** Every address of a host; null where there is none or no answer in time. */
async function resolve(host: string, timeoutMs: number): Promise<readonly string[] | null> {
  if (isIP(host) !== 0) return [host];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((settle) => {
    timer = setTimeout(() => settle(null), timeoutMs);
  });
  const found = lookup(host, { all: true }).then(
    (entries) => entries.map(({ address }) => address),
    () => null,
  );
  const addresses = await Promise.race([found, late]);
  clearTimeout(timer);
  return addresses;
}
