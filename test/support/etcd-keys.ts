import type { EtcdTestCluster } from './etcd.ts';
import { connect } from './etcd-fill.ts';

/** As many as etcd takes into one transaction by default (`--max-txn-ops`). */
const transactionKeys = 128;

/** What is to be written: a key, its value, and the lease it hangs on. */
export type FilledKey = { readonly key: string | Buffer; readonly value?: string | Buffer; readonly lease?: string };

/** Writes many keys, some hundred at a time; several of these transactions at once where the order does not matter. */
export async function putKeys(
  cluster: EtcdTestCluster,
  keys: Iterable<FilledKey>,
  { perTransaction = transactionKeys, atOnce = 1 } = {},
): Promise<void> {
  const client = connect(cluster);
  const write = async (batch: readonly FilledKey[]) => {
    await client.kv.txn({
      success: batch.map(({ key, value = 'x', lease = '0' }) => ({
        request_put: { key: Buffer.from(key), value: Buffer.from(value), lease },
      })),
    });
  };
  const waiting = batches(keys, perTransaction);
  const writeAll = async () => {
    for (const batch of waiting) await write(batch);
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, writeAll));
  } finally {
    client.close();
  }
}

function* batches(keys: Iterable<FilledKey>, size: number): Generator<FilledKey[]> {
  let batch: FilledKey[] = [];
  for (const key of keys) {
    batch.push(key);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
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
