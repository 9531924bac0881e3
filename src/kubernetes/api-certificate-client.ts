import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import { type CertificateFacts, factsOf, readCertificates } from '../etcd/certificates.ts';
import { addressOf, canonicalEndpoint } from '../etcd/endpoint.ts';
import { resolveHost } from '../etcd/peer-probe-client.ts';
import { probeEndpoint } from '../etcd/probe-client.ts';
import { Refusal } from '../refusal.ts';
import type { ApiCertificates } from './cluster.ts';

/**
 * Reads what is presented at the addresses of a cluster's API servers, all at once; each may leave a line in that server's log.
 * @throws Refusal where the CA of the kubeconfig cannot be read
 */
export async function readApiCertificates(
  kubeConfig: KubeConfig,
  addresses: readonly string[],
  timeoutMs: number,
): Promise<ApiCertificates> {
  const cluster = kubeConfig.getCurrentCluster();
  const user = kubeConfig.getCurrentUser();
  const [ca, cert] = await Promise.all([
    pemOf(cluster?.caData, cluster?.caFile, 'The CA of the kubeconfig'),
    pemOf(user?.certData, user?.certFile, 'The client certificate of the kubeconfig'),
  ]);
  const context = createSecureContext(ca === undefined ? {} : { ca });
  const urls = [...new Set(addresses.map(canonicalEndpoint))];
  const presented = await Promise.all(
    urls.map(async (url) => {
      const [found, probe] = await Promise.all([
        resolveHost(addressOf(url).host, timeoutMs),
        probeEndpoint(url, { context }, timeoutMs),
      ]);
      return { url, addresses: found, probe };
    }),
  );
  return {
    cas: factsIn(ca, 'The CA'),
    clientCertificate: factsIn(cert, 'The client certificate')[0] ?? null,
    serverName: cluster?.tlsServerName ?? null,
    isVerified: cluster?.skipTLSVerify !== true,
    presented,
  };
}

async function pemOf(data: string | undefined, file: string | undefined, role: string): Promise<string | undefined> {
  if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString();
  if (file === undefined || file === '') return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new Refusal(
      `${role}, ${file}, cannot be read.`,
      'Mend that path, or let the user that Quorum runs as read it.',
    );
  }
}

function factsIn(pem: string | undefined, role: string): CertificateFacts[] {
  return pem === undefined ? [] : readCertificates(pem, 'of the kubeconfig', role).map(factsOf);
}
