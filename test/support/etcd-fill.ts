import { readFileSync } from 'node:fs';
import { Etcd3 } from 'etcd3';
import type { EtcdTestCluster } from './etcd.ts';

/** Writes megabytes until the cluster refuses one: the real NOSPACE alarm. @returns the refusal's text */
export async function putUntilRefused({ endpoints, tls }: EtcdTestCluster): Promise<string> {
  const [endpoint] = endpoints;
  if (endpoint === undefined || tls === undefined) throw new Error('a cluster with TLS is wanted');
  const client = new Etcd3({
    hosts: endpoint,
    credentials: {
      rootCertificate: readFileSync(tls.ca),
      certChain: readFileSync(tls.cert),
      privateKey: readFileSync(tls.key),
    },
  });
  try {
    for (let megabytes = 0; megabytes < 64; megabytes += 1)
      await client.put(`fill/${megabytes}`).value(Buffer.alloc(1024 ** 2));
    throw new Error('64 MB were written and none was refused');
  } catch (error) {
    return String(error);
  } finally {
    client.close();
  }
}
