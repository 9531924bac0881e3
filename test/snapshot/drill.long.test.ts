import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { etcdSnapshot } from '../../jobs/etcd/snapshot.ts';
import { etcdSnapshotDrill } from '../../jobs/etcd/snapshot-drill.ts';
import { etcdSnapshots } from '../../jobs/etcd/snapshots.ts';
import { findBinary } from '../../scripts/binaries.mjs';
import type { Context } from '../../src/job.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putMegabytes } from '../support/etcd-fill.ts';
import { makeFolder, removeFolder } from '../support/process.ts';
import { contextWith } from '../support/snapshot-context.ts';

jest.setTimeout(120_000);

let etcd: EtcdTestCluster;
let folder: string;
let context: ReturnType<typeof contextWith>;
const path = process.env.PATH;
const _root = { username: 'root', password: 'secret' };

beforeAll(async () => {
  etcd = await startEtcd({ own: true });
  folder = makeFolder('quorum-drill-test');
  context = contextWith(etcd, folder);
  process.env.PATH = `${dirname(findBinary('etcdctl')?.path ?? '')}:${path}`;
  await putMegabytes(etcd, 8);
  // A history: changed, removed and made again, with a lease, and compacted in between.
  const lease = /lease (\w+) granted/.exec((await etcd.etcdctl(['lease', 'grant', '3600'])).stdout)?.[1] ?? '';
  for (let index = 0; index < 30; index += 1)
    await etcd.etcdctl(['put', `/registry/pods/shop/web-${index % 10}`, `v${index}`]);
  await etcd.etcdctl(['put', '--lease', lease, '/registry/events/shop/web-1.1', 'Killing']);
  await etcd.etcdctl(['compact', '20']);
  await etcd.etcdctl(['del', '/registry/pods/shop/web-3']);
  await etcd.etcdctl(['del', '/registry/pods/shop/web-4']);
  await etcd.etcdctl(['put', '/registry/pods/shop/web-4', 'again']);
});
afterAll(async () => {
  process.env.PATH = path;
  await context.clients.close();
  await etcd.stop();
  removeFolder(folder);
});

const drill = (given: Context = context) => etcdSnapshotDrill.run({ cluster: 'prod', snapshot: 'latest' }, given);

test('what is restored is what is in it, key by key, and the list says so', async () => {
  await etcdSnapshot.run({ cluster: 'prod' }, context);
  const report = await drill();
  expect(report.verdict).toBe('ok');
  expect(report.summary).toMatch(/ restores: 18 keys at revision \d+, all as in it, in /);
  expect(report.sections[0]).toMatchObject({
    columns: ['Prefix', 'In it', 'Restored', ''],
    rows: [
      ['/registry/pods', '9', '9', 'same'],
      ['fill/0', '1', '1', 'same'],
      ...Array.from({ length: 7 }, (_, index) => [`fill/${index + 1}`, '1', '1', 'same']),
      ['/registry/events', '1', '1', 'same'],
    ].sort((a, b) => Number(b[1]) - Number(a[1]) || String(a[0]).localeCompare(String(b[0]))),
  });
  const listed = await etcdSnapshots.run({ cluster: 'prod' }, context);
  expect(JSON.stringify(listed.sections)).toMatch(/restored \d+(\.\d)? m?s ago/);
});
