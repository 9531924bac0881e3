import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { etcdSnapshot } from '../../jobs/etcd/snapshot.ts';
import { etcdSnapshotDrill } from '../../jobs/etcd/snapshot-drill.ts';
import { etcdSnapshots } from '../../jobs/etcd/snapshots.ts';
import { findBinary } from '../../scripts/binaries.mjs';
import { emptyConfig } from '../../src/config.ts';
import type { Context } from '../../src/job.ts';
import { decryptSnapshot } from '../../src/snapshot/decrypt-client.ts';
import { runToEnd } from '../support/command-line.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putMegabytes } from '../support/etcd-fill.ts';
import { makeFolder, removeFolder } from '../support/process.ts';
import { contextWith } from '../support/snapshot-context.ts';
import { snapshotsTo } from '../support/snapshots.ts';

jest.setTimeout(120_000);

let etcd: EtcdTestCluster;
let folder: string;
let context: ReturnType<typeof contextWith>;
const path = process.env.PATH;
const root = { username: 'root', password: 'secret' };

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

test('the commands that the list prints restore each member, once the file is decrypted as they say', async () => {
  const report = await etcdSnapshots.run({ cluster: 'prod' }, context);
  const [commands = ''] = report.sections.flatMap((section) => (section.kind === 'code' ? [section.text] : []));
  const [, sealed = '', plain = ''] = /^quorum snapshot decrypt (\S+) (\S+)$/m.exec(commands) ?? [];
  const config = {
    ...emptyConfig(),
    etcd: { clusters: { prod: { endpoints: [], requestTimeout: 1, snapshots: snapshotsTo(folder) } } },
  };
  const { sha256 } = await decryptSnapshot(config, sealed, join(folder, plain));
  expect(commands).toContain(`sha256sum ${plain}    # ${sha256}`);
  const restores = commands.split('\n').filter((line) => line.includes('snapshot restore'));
  expect(restores).toHaveLength(3);
  for (const [index, line] of restores.entries()) {
    const data = join(folder, `restored-${index}`);
    const { exitCode, stderr } = await runToEnd({
      name: 'sh',
      command: '/bin/sh',
      args: ['-c', line.replace('--data-dir /var/lib/etcd', `--data-dir ${data}`)],
      cwd: folder,
      // Jest's own copy: a child would get that of the process.
      env: { ...process.env },
    });
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(existsSync(join(data, 'member', 'snap', 'db'))).toBe(true);
  }
});

test('with authentication on, the restored member asks for the password and gets it', async () => {
  for (const words of ['user add root:secret', 'user grant-role root root', 'auth enable'])
    expect((await etcd.etcdctl(words.split(' '))).exitCode).toBe(0);
  const known = contextWith(etcd, folder, {}, root);
  try {
    await etcdSnapshot.run({ cluster: 'prod' }, known);
    expect((await drill(known)).verdict).toBe('ok');
  } finally {
    await known.clients.close();
  }
});

test('without the programs it is refused politely, and nothing of it stays in memory', async () => {
  const before = process.env.PATH;
  process.env.PATH = '/nowhere';
  try {
    await expect(drill(contextWith(etcd, folder, {}, root))).rejects.toThrow(
      'A drill needs the programs of etcd beside the worker, and etcd is not on its PATH.',
    );
  } finally {
    process.env.PATH = before;
  }
  expect(readdirSync('/dev/shm').filter((name) => name.startsWith('quorum-drill-'))).toEqual([]);
});
