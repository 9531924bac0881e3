import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { etcdRecoverSpace } from '../jobs/etcd/recover-space.ts';
import { findBinary } from '../scripts/binaries.mjs';
import { connectEtcd, type EtcdCluster } from '../src/etcd/client.ts';
import type { Context, StepContext } from '../src/job.ts';
import type { JsonObject } from '../src/report/report.ts';
import { type EtcdTestCluster, startEtcd } from '../test/support/etcd.ts';
import { overwriteUntilRefused } from '../test/support/etcd-fill.ts';
import { alternate, timeMs } from './rounds.ts';
import { type Row, row } from './row.ts';

const rounds = 3;
const quotaBytes = 32 * 1024 ** 2;

/** A quota of 32 MB, full of history: the steps of the change, the snapshot aside, against the bare calls that they cannot do without. */
export async function benchRecovery(): Promise<Row[]> {
  if (findBinary('etcd') === undefined) return [];
  const etcd = await startEtcd({ own: true, quotaBytes });
  const cluster = await connectEtcd({ name: 'prod', endpoints: etcd.endpoints, tls: etcd.tls, quotaBytes });
  const bare = openBare(etcd);
  try {
    await cluster.see();
    const measured = await alternate(
      rounds,
      async () => {
        await overwriteUntilRefused(etcd);
        return [await recoverAsChange(cluster)];
      },
      async () => {
        await overwriteUntilRefused(etcd);
        return [await recoverBare(cluster, bare)];
      },
    );
    return [
      row(measured, {
        what: 'recovery of a full 32 MB store',
        baselineIs: 'its bare calls, one after another',
        aim: { kind: 'ratio', atMost: 1.5 },
        note: 'the steps of the change without its snapshot, its records and its queue, against compact, 3 × defragment, move leader, disarm, put, get and delete on open connections. Ours looks at the whole cluster before each of them and waits for what it asks for',
      }),
    ];
  } finally {
    for (const client of bare.values()) client.close();
    cluster.close();
    await etcd.stop();
  }
}

async function recoverAsChange(cluster: EtcdCluster): Promise<number> {
  const context: Context = {
    clients: { etcd: async () => cluster, kubernetes: async () => Promise.reject(new Error('there is none')) },
    now: () => new Date(),
    signal: new AbortController().signal,
    progress() {},
  };
  const { plan } = await etcdRecoverSpace.propose({ cluster: 'prod', snapshot: 'none', care: 'careful' }, context);
  let intent: JsonObject = {};
  return await timeMs(async () => {
    for (const step of etcdRecoverSpace.steps(plan)) {
      const stepContext: StepContext = {
        ...context,
        startedAt: new Date(),
        intent: {
          get value() {
            return intent;
          },
          async write(more) {
            intent = { ...intent, ...more };
          },
        },
        fence: async () => undefined,
      };
      for (;;) {
        const outcome = await step.ensure(plan, stepContext);
        if (outcome.kind === 'done') break;
        if (outcome.kind === 'blocked') throw outcome.refusal;
        await wait(outcome.recheckAfterMs);
      }
    }
  });
}

type Bare = ReadonlyMap<string, Etcd3>;

/** One client a member. */
function openBare({ endpoints, tls }: EtcdTestCluster): Bare {
  if (tls === undefined) throw new Error('a cluster with TLS is wanted');
  const credentials = {
    rootCertificate: readFileSync(tls.ca),
    certChain: readFileSync(tls.cert),
    privateKey: readFileSync(tls.key),
  };
  return new Map(endpoints.map((endpoint) => [endpoint, new Etcd3({ hosts: endpoint, credentials })]));
}

async function recoverBare(cluster: EtcdCluster, bare: Bare): Promise<number> {
  const { asked } = await cluster.see();
  const members = asked.flatMap(({ endpoint, status }) => {
    const client = bare.get(endpoint);
    return client === undefined || status === undefined ? [] : [{ client, status }];
  });
  const leader = members.find(({ status }) => status.leaderId === status.memberId);
  const followers = members.filter((member) => member !== leader);
  const [next] = followers;
  if (leader === undefined || next === undefined) throw new Error('three members are wanted');
  // Connections are open before the clock runs.
  for (const { client } of members) await client.maintenance.status();
  return await timeMs(async () => {
    await leader.client.kv.compact({ revision: String(leader.status.revision), physical: true });
    for (const { client } of followers) await client.maintenance.defragment();
    await leader.client.maintenance.moveLeader({ targetID: BigInt(`0x${next.status.memberId}`).toString() });
    await leader.client.maintenance.defragment();
    const { alarms } = await next.client.maintenance.alarm({ action: 0, memberID: '0', alarm: 0 });
    for (const { memberID } of alarms) await next.client.maintenance.alarm({ action: 2, memberID, alarm: 1 });
    const key = Buffer.from('bench/proof');
    await next.client.kv.put({ key, value: key });
    await next.client.kv.range({ key });
    await next.client.kv.deleteRange({ key });
  });
}
