import { readFileSync } from 'node:fs';
import { Etcd3 } from 'etcd3';
import type { EtcdTestCluster } from './etcd.ts';

/** A client of a test's own, beside the bot's. */
export function connect(
  { endpoints, tls }: EtcdTestCluster,
  auth?: { readonly username: string; readonly password: string },
): Etcd3 {
  const [endpoint] = endpoints;
  if (endpoint === undefined || tls === undefined) throw new Error('a cluster with TLS is wanted');
  return new Etcd3({
    hosts: endpoint,
    ...(auth === undefined ? {} : { auth }),
    credentials: {
      rootCertificate: readFileSync(tls.ca),
      certChain: readFileSync(tls.cert),
      privateKey: readFileSync(tls.key),
    },
  });
}

/** Writes megabytes until the cluster refuses one: the real NOSPACE alarm. @returns the refusal's text */
export async function putUntilRefused(cluster: EtcdTestCluster): Promise<string> {
  const client = connect(cluster);
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

/** Writes so many megabytes, each a key of its own. */
export async function putMegabytes(cluster: EtcdTestCluster, megabytes: number): Promise<void> {
  const client = connect(cluster);
  try {
    let next = 0;
    const put = async () => {
      for (let index = next++; index < megabytes; index = next++)
        await client.put(`fill/${index}`).value(Buffer.alloc(1024 ** 2, index % 251));
    };
    await Promise.all(Array.from({ length: 8 }, put));
  } finally {
    client.close();
  }
}

/** Writes one key over and over until the cluster refuses it: a quota that is full of history alone. @returns the refusal's text */
export async function overwriteUntilRefused(
  cluster: EtcdTestCluster,
  auth?: { readonly username: string; readonly password: string },
): Promise<string> {
  const client = connect(cluster, auth);
  const value = Buffer.alloc(512 * 1024, 7);
  try {
    for (let times = 0; times < 128; times += 1) await client.put('fill/one').value(value);
    throw new Error('64 MB were written and none was refused');
  } catch (error) {
    return String(error);
  } finally {
    client.close();
  }
}
