import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import type { EtcdClusterConfig } from './cluster.ts';
import { type Credentials, readCredentials } from './credentials-client.ts';
import { addressOf } from './endpoint.ts';
import type { PeerSeen, PeersSeen } from './peers.ts';
import { probeEndpoint } from './probe-client.ts';

/** Which peer URLs are looked at: the members', and those where a new one is to be. */
export type PeerUrls = { readonly members: readonly string[]; readonly fresh: readonly string[] };

/**
 * Reads the certificates that members present on their peer port, all at once, without being let in; each leaves a line in that
 * member's log, so it is asked once per plan and never polled fast.
 * @param peerUrls well-formed http or https URLs; at the fresh ones it is asked too whether an etcd runs there
 * @throws Refusal when a credential file cannot be used
 */
export async function probePeers(
  peerUrls: PeerUrls,
  { tls, peerCa }: Pick<EtcdClusterConfig, 'tls' | 'peerCa'>,
  timeoutMs: number,
): Promise<PeersSeen> {
  const peerCaFile = peerCa ?? tls?.ca ?? null;
  const credentials = await readCredentials({ ...tls, ca: peerCaFile ?? undefined });
  const peerCas = peerCaFile === null ? '' : await readFile(peerCaFile, 'utf8');
  const urls = [...new Set([...peerUrls.members, ...peerUrls.fresh])];
  const probing = urls.map(async (url): Promise<PeerSeen> => {
    const startedAt = performance.now();
    const [addresses, probe] = await Promise.all([
      resolveHost(addressOf(url).host, timeoutMs),
      probeEndpoint(url, credentials, timeoutMs),
    ]);
    const leftMs = timeoutMs - (performance.now() - startedAt);
    const speaks = probe.reached === 'connected' || probe.reached === 'handshake';
    const clusterId =
      peerUrls.fresh.includes(url) && speaks && leftMs > 1 ? await readClusterId(url, credentials, leftMs) : undefined;
    return { url, addresses, probe, ...(clusterId === undefined ? {} : { clusterId }) };
  });
  return { peers: await Promise.all(probing), peerCas, peerCaFile };
}

/** Every address of a host; null where there is none or no answer in time. */
export async function resolveHost(host: string, timeoutMs: number): Promise<readonly string[] | null> {
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

/**
 * An etcd tells those who join which cluster it belongs to (api/etcdhttp/peer.go: /members).
 * @returns undefined where nobody says so
 */
function readClusterId(base: string, { context }: Credentials, timeoutMs: number): Promise<string | undefined> {
  const url = new URL('/members', base);
  const isTls = url.protocol === 'https:';
  const signal = AbortSignal.timeout(Math.ceil(timeoutMs));
  return new Promise((settle) => {
    const take = (response: IncomingMessage) => {
      response.destroy();
      const id = response.headers['x-etcd-cluster-id'];
      settle(typeof id === 'string' && /^[0-9a-f]{1,16}$/i.test(id) ? id.toLowerCase().replace(/^0+/, '') : undefined);
    };
    const request = isTls
      ? https.get(
          url,
          { signal, agent: new https.Agent({ secureContext: context, rejectUnauthorized: false, keepAlive: false }) },
          take,
        )
      : http.get(url, { signal, agent: false }, take);
    request.on('error', () => settle(undefined));
  });
}
