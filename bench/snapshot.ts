import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { findBinary } from '../scripts/binaries.mjs';
import { connectClusters } from '../src/clusters-client.ts';
import { readConfig } from '../src/config-client.ts';
import type { Context } from '../src/job.ts';
import { takeSnapshot } from '../src/snapshot/taking.ts';
import { type EtcdTestCluster, startEtcd } from '../test/support/etcd.ts';
import { putMegabytes } from '../test/support/etcd-fill.ts';
import { snapshotsTo } from '../test/support/snapshots.ts';
import { loadMethod } from './bare-etcd.ts';
import { type Ground, writeConfig } from './ground.ts';
import { withPeak } from './peak.ts';
import { compare, type Round } from './rounds.ts';
import { type Row, row } from './row.ts';

const megabytes = 400;
const rounds = 3;

/** A store of 400 MB, streamed, verified, encrypted and written, against the same stream thrown away. */
export async function benchSnapshot(ground: Ground): Promise<Row[]> {
  if (findBinary('etcd') === undefined) return [];
  const etcd = await startEtcd({ own: true, members: 1 });
  const config = await readConfig(writeConfig({ ...ground, etcd }, 'snapshot', 'socket'), {}, []);
  const prod = config.etcd.clusters.prod;
  if (prod === undefined) throw new Error('the config has no cluster');
  const snapshots = snapshotsTo(join(ground.folder, 'snapshots'), { keep: { last: 1, days: 1 } });
  const clients = connectClusters({
    ...config,
    etcd: { clusters: { prod: { ...prod, requestTimeout: 10_000, snapshots } } },
  });
  const context: Context = { clients, now: () => new Date(), signal: new AbortController().signal, progress() {} };
  try {
    await putMegabytes(etcd, megabytes);
    const times: Round[] = [];
    const peaks: Round[] = [];
    let count = 0;
    const take = () => takeSnapshot({ cluster: 'prod', id: `bench-${count++}`, why: 'asked' }, context);
    await streamBare(etcd);
    await take();
    for (let round = 0; round < rounds; round += 1) {
      const bare = await withPeak(() => streamBare(etcd));
      const ours = await withPeak(take);
      times.push({ ours: ours.tookMs, baseline: bare.tookMs });
      peaks.push({ ours: Math.max(0, ours.extraMb - bare.extraMb), baseline: bare.peakMb });
    }
    return [
      row(compare(times), {
        what: 'snapshot of 400 MB, encrypted',
        baselineIs: 'the bare gRPC stream',
        aim: { kind: 'ratio', atMost: 1.3 },
        note: 'from the ask to the file and its facts on the disk (fsync); the bare stream is decoded and thrown away, with the window that grpc-js has by itself (64 KiB; ours is 2 MiB)',
      }),
      row(compare(peaks), {
        what: 'snapshot of 400 MB, extra memory',
        baselineIs: 'peak of the process in the bare stream',
        unit: 'MB',
        aim: { kind: 'ours', atMost: 80 },
        note: 'how much further the resident memory rises while it is taken than while the bare stream runs',
      }),
    ];
  } finally {
    await clients.close();
    await etcd.stop();
  }
}

export function streamBare({ endpoints, tls }: EtcdTestCluster): Promise<number> {
  const security =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
  const client = new Client(new URL(endpoints[0] ?? '').host, security, { 'grpc.use_local_subchannel_pool': 1 });
  const { path, requestSerialize, responseDeserialize } = loadMethod('Maintenance', 'Snapshot');
  return new Promise<number>((resolve, reject) => {
    let bytes = 0;
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    stream.on('data', ({ blob }: { blob: Buffer }) => {
      bytes += blob.length;
    });
    stream.on('error', (error: ServiceError) => reject(error));
    stream.on('end', () => resolve(bytes));
  }).finally(() => client.close());
}
