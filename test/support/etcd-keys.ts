import type { EtcdTestCluster } from './etcd.ts';
import { connect } from './etcd-fill.ts';

/** As many as etcd takes into one transaction by default (`--max-txn-ops`). */
const transactionKeys = 128;

/** What is to be written: a key, its value, and the lease it hangs on. */
export type FilledKey = { readonly key: string | Buffer; readonly value?: string | Buffer; readonly lease?: string };

/** Writes many keys, some hundred at a time. */
export async function putKeys(
  cluster: EtcdTestCluster,
  keys: Iterable<FilledKey>,
  perTransaction = transactionKeys,
): Promise<void> {
  const client = connect(cluster);
  const write = async (batch: readonly FilledKey[]) => {
    if (batch.length === 0) return;
    await client.kv.txn({
      success: batch.map(({ key, value = 'x', lease = '0' }) => ({
        request_put: { key: Buffer.from(key), value: Buffer.from(value), lease },
      })),
    });
  };
  try {
    let batch: FilledKey[] = [];
    for (const key of keys) {
      batch.push(key);
      if (batch.length < perTransaction) continue;
      await write(batch);
      batch = [];
    }
    await write(batch);
  } finally {
    client.close();
  }
}

/** Grants a lease. @returns its id, as `FilledKey` takes it */
export async function grantLease(cluster: EtcdTestCluster, seconds: number): Promise<string> {
  const client = connect(cluster);
  try {
    return (await client.leaseClient.leaseGrant({ TTL: seconds, ID: 0 })).ID;
  } finally {
    client.close();
  }
}
