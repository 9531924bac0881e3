import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { etcdSnapshot } from '../../jobs/etcd/snapshot.ts';
import { etcdSnapshotVerify } from '../../jobs/etcd/snapshot-verify.ts';
import { etcdSnapshots } from '../../jobs/etcd/snapshots.ts';
import type { Clusters } from '../../src/clusters-client.ts';
import { seeSnapshotAge } from '../../src/etcd/snapshot-age.ts';
import type { Context } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import type { SnapshotsConfig } from '../../src/snapshot/config.ts';
import { takeSnapshot } from '../../src/snapshot/taking.ts';
import { type EtcdTestCluster, type EtcdTestMember, startEtcd } from '../support/etcd.ts';
import { putMegabytes } from '../support/etcd-fill.ts';
import { makeFolder, removeFolder } from '../support/process.ts';
import { canMountSmall, fillDisk, mountSmall } from '../support/small-disk.ts';
import { contextWith } from '../support/snapshot-context.ts';
import { testKey } from '../support/snapshots.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let etcd: EtcdTestCluster;
let folder: string;
const opened: Clusters[] = [];

beforeAll(async () => {
  etcd = await startEtcd({ own: true });
  const { exitCode, stderr } = await etcd.etcdctl(['put', 'fruit', 'apple']);
  if (exitCode !== 0) throw new Error(stderr);
});
afterAll(async () => {
  for (const clusters of opened) await clusters.close();
  await etcd.stop();
});
beforeEach(() => {
  folder = makeFolder('quorum-snapshots');
});
afterEach(() => removeFolder(folder));

function contextFor(more: Partial<SnapshotsConfig> = {}, changes: Partial<Context> = {}): Context {
  const context = contextWith(etcd, folder, more);
  opened.push(context.clients);
  return { ...context, ...changes };
}

const wish = { cluster: 'prod', id: 'ticket-1', why: 'asked' } as const;
const files = () => (existsSync(join(folder, 'prod')) ? readdirSync(join(folder, 'prod')).sort() : []);
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('a snapshot is verified, encrypted, readable by its owner alone, and described beside it', async () => {
  const progress: string[] = [];
  const { facts, where, isKnown } = await takeSnapshot(
    wish,
    contextFor({}, { progress: (...all) => progress.push(all.join(' ')) }),
  );
  expect(isKnown).toBe(false);
  expect(where).toBe(join(folder, 'prod'));
  expect(files()).toEqual([`${facts.name}.db.sealed`, `${facts.name}.json`]);
  expect(files().map((file) => modeOf(join(where, file)))).toEqual(['600', '600']);
  expect(modeOf(where)).toBe('700');
  expect(readFileSync(join(where, facts.file)).includes('fruit')).toBe(false);
  expect(facts).toMatchObject({
    cluster: 'prod',
    id: 'ticket-1',
    etcdVersion: expect.stringMatching(/^3\./),
    version: 1,
  });
  expect(facts.members.map(({ name }) => name)).toEqual(['etcd-1', 'etcd-2', 'etcd-3']);
  expect(progress.at(-1)).toMatch(/^\d+ 1 MiB streamed from etcd-\d$/);
});

test('asked again under the same id, as after a crash, it is the one that was taken', async () => {
  const context = contextFor();
  const first = await takeSnapshot(wish, context);
  const again = await takeSnapshot(wish, context);
  expect(again).toMatchObject({ isKnown: true, facts: first.facts });
  expect(files()).toHaveLength(2);
});

test('what a killed worker left of this request goes, and what others are writing stays', async () => {
  const context = contextFor();
  const { facts } = await takeSnapshot(wish, context);
  const mark = facts.name.slice(-8);
  const at = (file: string) => join(folder, 'prod', file);
  rmSync(at(`${facts.name}.json`));
  writeFileSync(at(`20261128T000000Z-${mark}.db.sealed.part`), 'half');
  writeFileSync(at('20261128T000000Z-00000000.db.sealed.part'), 'another worker is at it');
  writeFileSync(at('20261128T000001Z-00000000.db.sealed.part'), 'abandoned');
  utimesSync(at('20261128T000001Z-00000000.db.sealed.part'), 0, 0);
  writeFileSync(at('notes.txt'), 'not ours');
  const later = new Date(Date.now() + 2000);
  const again = await takeSnapshot(wish, { ...context, now: () => later });
  expect(files()).toEqual([
    '20261128T000000Z-00000000.db.sealed.part',
    `${again.facts.name}.db.sealed`,
    `${again.facts.name}.json`,
    'notes.txt',
  ]);
});

test('what is beyond the limits goes, once the new one counts', async () => {
  const days = [27, 28, 29].map((day) => new Date(`2026-11-${day}T03:00:00Z`));
  const context = contextFor({ keep: { last: 2, days: 30 } });
  const taken = [];
  for (const [index, at] of days.entries())
    taken.push(await takeSnapshot({ ...wish, id: `day-${index}` }, { ...context, now: () => at }));
  expect(taken.map(({ removed }) => removed)).toEqual([[], [], [taken[0]?.facts.name]]);
  expect(files()).toHaveLength(4);
});

test('unencrypted only where the config says so, it is what etcdctl itself takes for a snapshot', async () => {
  const { facts, where } = await takeSnapshot(wish, contextFor({ encryption: 'none' }));
  expect(facts.keyId).toBeNull();
  const status = await etcd.etcdctl(['snapshot', 'status', join(where, facts.file), '-w', 'json']);
  const { revision } = JSON.parse(status.stdout);
  expect(revision).toBeGreaterThanOrEqual(facts.revision);
  expect(revision).toBeLessThanOrEqual(facts.revisionAfter);
});

describe('read again', () => {
  test('it is whole; damaged it is found out, and no longer counts', async () => {
    const context = contextFor();
    const { facts, where } = await takeSnapshot(wish, context);
    const asked = { cluster: 'prod', snapshot: 'latest' };
    const whole = await etcdSnapshotVerify.run(asked, context);
    expect(whole.verdict).toBe('ok');
    expect(whole.summary).toBe(`prod: ${facts.name} is whole: read, decrypted, and its sha256 is right`);
    const bytes = readFileSync(join(where, facts.file));
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
    writeFileSync(join(where, facts.file), bytes);
    const damaged = await etcdSnapshotVerify.run(asked, context);
    expect(damaged.verdict).toBe('findings');
    expect(damaged.summary).toBe(
      `prod: ${facts.name} is damaged: its chunk 0 does not open: it is cut there, or was altered`,
    );
    const listed = await etcdSnapshots.run({ cluster: 'prod' }, context);
    expect(listed.summary).toBe(`prod: no good snapshot among 1 in ${where}`);
    expect(await seeSnapshotAge(await context.clients.etcd('prod'), facts.clusterId, new Date())).toEqual({
      ageMs: null,
      maxAgeMs: 86_400_000,
      canTake: true,
    });
  });

  test('with another key it is refused by the key’s name, and still counts', async () => {
    const { facts } = await takeSnapshot(wish, contextFor());
    const other = contextFor({ encryption: { key: Buffer.alloc(32, 8).toString('base64'), oldKeys: [] } });
    await expect(etcdSnapshotVerify.run({ cluster: 'prod', snapshot: 'latest' }, other)).rejects.toThrow(
      `It is encrypted with the key ${facts.keyId}, and the configured one is`,
    );
    expect((await etcdSnapshots.run({ cluster: 'prod' }, other)).verdict).toBe('ok');
    const rotated = contextFor({ encryption: { key: Buffer.alloc(32, 8).toString('base64'), oldKeys: [testKey] } });
    expect((await etcdSnapshotVerify.run({ cluster: 'prod', snapshot: 'latest' }, rotated)).verdict).toBe('ok');
  });
});

test('the list tells the age of the last good one and how to restore it on each member', async () => {
  const { facts, where } = await takeSnapshot(wish, contextFor());
  const inTwoHours = () => new Date(Date.parse(facts.startedAt) + 2 * 3_600_000);
  const report = await etcdSnapshots.run({ cluster: 'prod' }, contextFor({}, { now: inTwoHours }));
  expect(report).toMatchObject({ verdict: 'ok', summary: 'prod: 1 snapshot, the last good one 2 h old' });
  const [commands] = report.sections.flatMap((section) => (section.kind === 'code' ? [section.text] : []));
  expect(commands).toContain(`quorum snapshot decrypt ${where}/${facts.file} prod.db`);
  const peers = etcd.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  for (const { name, peerUrl } of etcd.members)
    expect(commands).toContain(
      `snapshot restore prod.db --name ${name} --initial-cluster ${peers} --initial-cluster-token prod-${facts.name} --initial-advertise-peer-urls ${peerUrl} --data-dir /var/lib/etcd`,
    );
});

/** Skipped where no file system can be mounted: it takes root on Linux. */
const onSmallDisk = canMountSmall() ? test : test.skip;

test('keys of the old API are warned of where it is on, and with authentication on the token goes along', async () => {
  const old = await startEtcd({ own: true, members: 1, flags: ['--enable-v2'] });
  try {
    const off = await takeSnapshot(wish, contextFor());
    expect(off.facts.v2).toBe(false);
    const on = contextWith(old, folder, { to: { directory: join(folder, 'old') } });
    opened.push(on.clients);
    const report = await etcdSnapshot.run({ cluster: 'prod' }, on);
    expect(report.findings.map(({ claim }) => claim)).toEqual([
      'prod serves etcd’s old API (v2) too, and no snapshot holds its keys.',
    ]);
    for (const words of ['user add root:secret', 'user grant-role root root', 'auth enable']) {
      const { exitCode, stderr } = await old.etcdctl(words.split(' '));
      if (exitCode !== 0) throw new Error(stderr);
    }
    const known = contextWith(old, folder, {}, { username: 'root', password: 'secret' });
    const unknown = contextWith(old, join(folder, 'unknown'));
    opened.push(known.clients, unknown.clients);
    expect((await takeSnapshot({ ...wish, id: 'with-a-token' }, known)).isKnown).toBe(false);
    await expect(takeSnapshot({ ...wish, id: 'without' }, unknown)).rejects.toMatchObject({
      message: expect.stringMatching(/^The snapshot was refused: etcd-1 ended the stream after 0 bytes: /),
      advice: 'The etcd user of the config has to be one with the role root: etcd.clusters.prod.auth.',
    });
    expect(readdirSync(join(folder, 'unknown', 'prod'))).toEqual([]);
  } finally {
    await old.stop();
  }
});

describe('nothing half is left', () => {
  beforeAll(() => putMegabytes(etcd, 20));

  const refusalOf = async (work: Promise<unknown>): Promise<Refusal> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error instanceof Refusal) return error;
    throw error ?? new Error('nothing was refused');
  };

  test('of a stream whose member was killed in the middle', async () => {
    let killed: EtcdTestMember | undefined;
    const progress = (done: number, _total: number, note: string) => {
      if (done < 2 || killed !== undefined) return;
      killed = etcd.members.find(({ name }) => note.endsWith(name));
      killed?.kill();
    };
    const refusal = await refusalOf(takeSnapshot(wish, contextFor({}, { progress })));
    expect(refusal.message).toMatch(/^The snapshot was refused: etcd-\d ended the stream after [\d.]+ MiB: /);
    expect(files()).toEqual([]);
    await killed?.restart();
  });

  test('where it was stopped from outside', async () => {
    const stop = new AbortController();
    const progress = (done: number) => {
      if (done >= 2) stop.abort();
    };
    await expect(takeSnapshot(wish, contextFor({}, { progress, signal: stop.signal }))).rejects.toThrow(/abort/i);
    expect(files()).toEqual([]);
  });

  test('where the member sends nothing for too long', async () => {
    let hung: EtcdTestMember | undefined;
    const source = etcd.endpoints[0] ?? '';
    const cluster = await contextFor().clients.etcd('prod');
    const stream = cluster.streamSnapshot(source, {
      signal: new AbortController().signal,
      timeoutMs: 60_000,
      stalledAfterMs: 300,
    });
    const read = async () => {
      for await (const { remainingBytes } of stream)
        if (hung === undefined && remainingBytes > 0) {
          hung = etcd.members[0];
          hung?.pause();
        }
    };
    await expect(read()).rejects.toThrow('4 DEADLINE_EXCEEDED: nothing came for 0.3 s');
    hung?.resume();
    await etcd.ready();
  });

  onSmallDisk('of what would not fit, which is known before it is begun', async () => {
    const small = mountSmall(4);
    try {
      const refusal = await refusalOf(takeSnapshot(wish, contextFor({ to: { directory: small.folder } })));
      expect(refusal.message).toMatch(/^The disk is too full: the snapshot takes [\d.]+ MiB, and 4 MiB are free in /);
    } finally {
      small.unmount();
    }
  });

  onSmallDisk('where the disk fills up in the middle', async () => {
    const small = mountSmall(64);
    try {
      let isFull = false;
      const progress = (done: number) => {
        if (done < 2 || isFull) return;
        isFull = true;
        fillDisk(join(small.folder, 'ballast'));
      };
      const refusal = await refusalOf(
        takeSnapshot(wish, contextFor({ to: { directory: small.folder } }, { progress })),
      );
      expect(refusal.message).toBe('The disk is full.');
      expect(readdirSync(join(small.folder, 'prod'))).toEqual([]);
    } finally {
      small.unmount();
    }
  });
});
