import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { etcdCompare } from '../../jobs/etcd/compare.ts';
import { etcdDefrag } from '../../jobs/etcd/defrag.ts';
import { etcdExpireEvents } from '../../jobs/etcd/expire-events.ts';
import { etcdKeys } from '../../jobs/etcd/keys.ts';
import { etcdSnapshot } from '../../jobs/etcd/snapshot.ts';
import { etcdSpace } from '../../jobs/etcd/space.ts';
import { type Clusters, connectClusters } from '../../src/clusters-client.ts';
import { emptyConfig } from '../../src/config.ts';
import { requireKnown } from '../../src/etcd/member-reference.ts';
import type { Context } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putMegabytes } from '../support/etcd-fill.ts';
import { putKeys } from '../support/etcd-keys.ts';
import { snapshotsTo } from '../support/snapshots.ts';
import { driveChange } from '../support/step-driver.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let etcd: EtcdTestCluster;
let mirror: EtcdTestCluster;
let folder: string;
let clusters: Clusters;

beforeAll(async () => {
  [etcd, mirror] = await Promise.all([startEtcd({ own: true, members: 1 }), startEtcd({ own: true, members: 1 })]);
  folder = await mkdtemp(join(tmpdir(), 'restricted-'));
  await putKeys(etcd, [{ key: '/registry/pods/shop/web-1' }, { key: '/registry/events/shop/web.1' }]);
  await putKeys(mirror, [{ key: '/registry/pods/shop/web-1' }]);
  // So that there is something to defragment.
  await putMegabytes(etcd, 4);
  for (const command of [
    ['del', 'fill/', '--prefix'],
    ['compact', '7', '--physical'],
  ])
    expect((await etcd.etcdctl(command)).exitCode).toBe(0);
  for (const command of [
    ['role', 'add', 'pods'],
    ['role', 'grant-permission', 'pods', 'read', '/registry/pods/', '--prefix'],
    ['user', 'add', 'bot:pods-only'],
    ['user', 'grant-role', 'bot', 'pods'],
    ['user', 'add', 'root:all'],
    ['user', 'grant-role', 'root', 'root'],
    ['auth', 'enable'],
  ])
    expect((await etcd.etcdctl(command)).exitCode).toBe(0);
  clusters = connectClusters({
    ...emptyConfig(),
    etcd: {
      clusters: {
        prod: {
          endpoints: [...etcd.endpoints],
          requestTimeout: 5000,
          auth: { username: 'bot', password: 'pods-only' },
          snapshots: snapshotsTo(folder),
          ...(etcd.tls === undefined ? {} : { tls: { ...etcd.tls } }),
        },
        mirror: {
          endpoints: [...mirror.endpoints],
          requestTimeout: 5000,
          ...(mirror.tls === undefined ? {} : { tls: { ...mirror.tls } }),
        },
      },
    },
  });
});
afterAll(async () => {
  await clusters.close();
  await Promise.all([etcd.stop(), mirror.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const context = (): Context => ({
  clients: clusters,
  now: () => new Date(),
  signal: new AbortController().signal,
  progress() {},
});

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return `${error.message} ${error.advice}`;
  throw error ?? new Error('nothing was refused');
}

const asked = { cluster: 'prod', prefix: '', depth: null, top: 20 };

test('an etcd user who may read one prefix counts that one, and for all keys is told what to grant', async () => {
  const report = await etcdKeys.run({ ...asked, prefix: '/registry/pods/' }, context());
  expect(report.summary).toBe('prod: 1 key, 26 bytes under /registry/pods/');
  expect(await refusalOf(etcdKeys.run(asked, context()))).toBe(
    'The keys of prod may not be read: 7 PERMISSION_DENIED: etcdserver: permission denied. Grant the bot’s etcd user a role that may: `etcdctl role grant-permission <role> read <prefix> --prefix`, with an empty prefix for all keys.',
  );
});

test('sizes are told all the same', async () => {
  expect((await etcdSpace.run({ cluster: 'prod' }, context())).summary).toMatch(/^prod: etcd-1 has .*room enough$/);
});

test('events that may not be read are a check in the way, with what to grant', async () => {
  const { checks } = await etcdExpireEvents.propose({ cluster: 'prod', olderThanMs: 3_600_000 }, context());
  expect(checks[0]).toEqual({
    name: 'Events and leases can be read',
    status: 'blocking',
    seen: 'They cannot: 7 PERMISSION_DENIED: etcdserver: permission denied.',
    advice:
      'Grant the bot’s etcd user a role that may: `etcdctl role grant-permission <role> readwrite /registry/events/ --prefix`.',
  });
});

describe('two clusters held against each other', () => {
  const wish = { a: 'prod', b: 'mirror', prefix: '', naming: 'namespaces' as const };

  test('are told apart by the one whose keys may not be read, with what to grant', async () => {
    const refused =
      'The keys of prod may not be read: 7 PERMISSION_DENIED: etcdserver: permission denied. Grant the bot’s etcd user a role that may: `etcdctl role grant-permission <role> read <prefix> --prefix`, with an empty prefix for all keys.';
    expect(await refusalOf(etcdCompare.run(wish, context()))).toBe(refused);
    expect(await refusalOf(etcdCompare.run({ ...wish, a: 'mirror', b: 'prod' }, context()))).toBe(refused);
  });

  test('are in step under the prefix that may be read', async () => {
    const { summary } = await etcdCompare.run({ ...wish, prefix: '/registry/pods/' }, context());
    expect(summary).toBe('prod and mirror under /registry/pods/ are in step: 1 key, the same sha256');
  });

  test('are not called in step where writes went on that the user may not see', async () => {
    let written: Promise<{ readonly exitCode: number }> | undefined;
    const progress = () => {
      written ??= etcd.etcdctl(['--user', 'root:all', 'put', '/registry/events/shop/web.1', 'again']);
    };
    const { summary, findings } = await etcdCompare.run(
      { ...wish, prefix: '/registry/pods/' },
      { ...context(), progress },
    );
    expect(await written).toMatchObject({ exitCode: 0 });
    expect(summary).toMatch(
      /^prod and mirror under \/registry\/pods\/ are in step as of revisions \d+ and \d+, but writes go on: 1 key/,
    );
    expect(findings.map(({ claim }) => claim)).toContain('Writes go on: whether they are in step now is not known.');
  });
});

const grantRoot = '`etcdctl user grant-role <user> root`';

test('a snapshot is root’s: it says so, what to grant, and leaves nothing behind', async () => {
  expect(await refusalOf(etcdSnapshot.run({ cluster: 'prod' }, context()))).toBe(
    `The snapshot was refused: etcd-1 ended the stream after 0 bytes: 2 UNKNOWN: auth: permission denied. The etcd user of the config has to be one with the role root: etcd.clusters.prod.auth. Grant it with ${grantRoot}, or name another; then ask again.`,
  );
  expect(await readdir(join(folder, 'prod'))).toEqual([]);
});

test('a defragmentation is stopped before anybody has to approve it', async () => {
  const propose = () => etcdDefrag.propose({ cluster: 'prod', member: null, care: 'forced' }, context());
  expect((await propose()).checks[0]).toEqual({
    name: 'The bot may do it',
    status: 'blocking',
    seen: 'The etcd user bot has the role pods, and etcd wants root.',
    advice: 'Grant it: `etcdctl user grant-role bot root`; then ask again.',
  });
  const asRoot = (...words: string[]) => etcd.etcdctl(['--user', 'root:all', 'user', ...words]);
  expect(await asRoot('grant-role', 'bot', 'root')).toMatchObject({ exitCode: 0 });
  expect((await propose()).checks).toContainEqual({
    name: 'The bot may do it',
    status: 'ok',
    seen: 'The etcd user bot has the role root.',
    advice: '',
  });
  expect(await asRoot('revoke-role', 'bot', 'root')).toMatchObject({ exitCode: 0 });
});

test('a defragmentation is root’s: it says so, what to grant, and where it stands', async () => {
  const { members } = requireKnown(await (await clusters.etcd('prod')).see(new AbortController().signal));
  const plan = { cluster: 'prod', memberIds: members.map(({ member }) => member.id), care: 'forced' as const };
  const outcome = await driveChange(etcdDefrag, plan, clusters).run();
  expect(outcome.kind === 'blocked' ? `${outcome.refusal.message} ${outcome.refusal.advice}` : outcome.kind).toBe(
    `etcd-1 refused to defragment: 2 UNKNOWN: auth: permission denied. Defragmented: none. Left as they were: etcd-1. Give the bot’s etcd user the role root: ${grantRoot}; then ask again.`,
  );
});
