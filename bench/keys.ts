import { createHash } from 'node:crypto';
import { findBinary } from '../scripts/binaries.mjs';
import { connectEtcd, type EtcdCluster } from '../src/etcd/client.ts';
import { keyAfter, prefixRange } from '../src/etcd/keys/key-range.ts';
import { Paging } from '../src/etcd/keys/paging.ts';
import { surveyKeys } from '../src/etcd/keys/survey.ts';
import type { Context } from '../src/job.ts';
import { startEtcd } from '../test/support/etcd.ts';
import { type FilledKey, putKeys } from '../test/support/etcd-keys.ts';
import { withPeak } from './peak.ts';
import { compare, type Round } from './rounds.ts';
import { type Row, row } from './row.ts';

const amount = 1_000_000;
const rounds = 2;
/** What a loop with an open end asks for at a time: with fewer, etcd counts still more of the rest. */
const openPageKeys = 10_000;

/** A million small keys, counted and measured by prefix with the pace of the product, against loops that only count and sum. */
export async function benchKeys(): Promise<Row[]> {
  if (findBinary('etcd') === undefined) return [];
  const etcd = await startEtcd({ own: true, quotaBytes: 4 * 1024 ** 3 });
  const cluster = await connectEtcd({
    name: 'prod',
    endpoints: etcd.endpoints,
    tls: etcd.tls,
    requestTimeoutMs: 10_000,
  });
  try {
    await putKeys(etcd, smallKeys(), { atOnce: 16 });
    const at = await followerOf(cluster);
    await countClose(cluster, at);
    const times: Round[] = [];
    const peaks: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const ours = await withPeak(() => survey(cluster));
      const bare = await withPeak(() => countClose(cluster, at));
      times.push({ ours: ours.tookMs, baseline: bare.tookMs });
      peaks.push({ ours: ours.extraMb, baseline: bare.extraMb });
    }
    const open = await withPeak(() => countOpen(cluster, at));
    const what = 'keys over 1,000,000 small keys';
    return [
      row(compare(times), {
        what,
        baselineIs: 'the same pages back to back, counted and summed',
        aim: { kind: 'ratio', atMost: 1.5 },
        note: 'the whole look with its pace, its grouping by prefix and its progress, from a follower; both with the same client and the same choice of pages',
      }),
      row(compare(times.map(({ ours }) => ({ ours, baseline: open.tookMs }))), {
        what,
        baselineIs: `a paged loop with an open end, ${openPageKeys} keys a page`,
        aim: { kind: 'ratio', atMost: 1.5 },
        note: 'with an open end etcd counts the rest of the store again at each page',
      }),
      row(compare(peaks), {
        what: 'keys over 1,000,000 small keys, extra memory',
        baselineIs: 'the same pages back to back',
        unit: 'MB',
        aim: { kind: 'ours', atMost: 80 },
        note: 'how far the resident memory rises while it runs',
      }),
    ];
  } finally {
    cluster.close();
    await etcd.stop();
  }
}

/** As Kubernetes names them: half of them events, numbered, and half of them pods, by hashes; in fifty namespaces. */
function* smallKeys(): Generator<FilledKey> {
  const value = 'x'.repeat(40);
  for (let index = 0; index < amount; index += 1) {
    const name =
      index % 2 === 0
        ? `events/ns-${index % 50}/pod.${index.toString(16).padStart(12, '0')}`
        : `pods/ns-${index % 50}/web-${createHash('sha1').update(String(index)).digest('hex').slice(0, 10)}`;
    yield { key: `/registry/${name}`, value };
  }
}

async function survey(cluster: EtcdCluster): Promise<void> {
  const context: Context = {
    clients: { etcd: async () => cluster, kubernetes: async () => Promise.reject(new Error('there is none')) },
    now: () => new Date(),
    signal: new AbortController().signal,
    progress() {},
  };
  const { total } = await surveyKeys({ cluster: 'prod', prefix: '', depth: null, top: 20 }, cluster, context);
  demandAll(total.keys);
}

async function followerOf(cluster: EtcdCluster): Promise<string> {
  const { asked } = await cluster.see();
  const follower = asked.find(({ status }) => status !== undefined && status.leaderId !== status.memberId);
  if (follower === undefined) throw new Error('a follower is wanted');
  // As the cluster agrees on it: the follower has then applied all that was written.
  const { failure } = await cluster.keys.head(follower.endpoint, 'agreed');
  if (failure !== undefined) throw new Error(failure.said);
  return follower.endpoint;
}

async function countClose(cluster: EtcdCluster, at: string): Promise<void> {
  const paging = new Paging(prefixRange(Buffer.alloc(0)));
  const sum = new Sum();
  let revision = 0;
  for (let next = paging.next(); next !== undefined; next = paging.next()) {
    const { value, failure } = await cluster.keys.page(at, { ...next, revision, content: 'sizes' });
    if (value === undefined) throw new Error(failure.said);
    if (revision === 0) revision = value.revision;
    sum.add(value.keys);
    paging.took(value);
  }
  demandAll(sum.keys);
}

async function countOpen(cluster: EtcdCluster, at: string): Promise<void> {
  const sum = new Sum();
  let { from, to } = prefixRange(Buffer.alloc(0));
  for (let hasMore = true, revision = 0; hasMore; ) {
    const page = { range: { from, to }, limit: openPageKeys, revision, content: 'sizes' } as const;
    const { value, failure } = await cluster.keys.page(at, page);
    const last = value?.keys.at(-1);
    if (value === undefined || last === undefined) throw new Error(failure?.said ?? 'an empty page');
    revision = value.revision;
    sum.add(value.keys);
    hasMore = value.hasMore;
    from = keyAfter(last.key);
  }
  demandAll(sum.keys);
}

class Sum {
  keys = 0;
  bytes = 0;

  add(keys: readonly { readonly key: Buffer; readonly valueBytes: number }[]): void {
    for (const { key, valueBytes } of keys) {
      this.keys += 1;
      this.bytes += key.length + valueBytes;
    }
  }
}

function demandAll(keys: number): void {
  if (keys !== amount) throw new Error(`${keys} keys were counted, and there are ${amount}`);
}
