import { describe, expect, test } from '@jest/globals';
import { etcdCompact as compactCommand } from '../../../commands/etcd/compact.ts';
import { etcdCompact } from '../../../jobs/etcd/compact.ts';
import { etcdRecoverSpace } from '../../../jobs/etcd/recover-space.ts';
import { emptyConfig } from '../../../src/config.ts';
import type { EtcdCluster } from '../../../src/etcd/client.ts';
import type { ClusterSeen } from '../../../src/etcd/cluster.ts';
import { requireKnown } from '../../../src/etcd/member-reference.ts';
import { ensureFreed } from '../../../src/etcd/space/compaction.ts';
import { quotaRaiseSections } from '../../../src/etcd/space/quota-raise.ts';
import type { SpaceSample } from '../../../src/etcd/space/sample.ts';
import type { Context } from '../../../src/job.ts';
import { fakeEtcd } from '../../support/etcd-fake.ts';
import { failed, seenAt, seenCluster } from '../../support/etcd-seen.ts';
import { driveChange } from '../../support/step-driver.ts';

const gibi = 1024 ** 3;
const full = { alarms: [{ memberId: 'a1', kind: 'NOSPACE' as const }] };
const at = (compactRevision: number) => ({ metrics: { compactRevision } });
const compactedTo = (revision: number, more: object = {}) =>
  seenCluster({ 'etcd-1': at(revision), 'etcd-2': at(revision), 'etcd-3': at(revision) }, more);

function contextOf(seen: ClusterSeen, samples: readonly SpaceSample[] = []): Context {
  return {
    clients: {
      etcd: async () => fakeEtcd(() => seen),
      kubernetes: async () => Promise.reject(new Error('There is no Kubernetes cluster `prod`')),
    },
    space: { samples: async () => samples, record: async () => undefined },
    now: () => seenAt,
    signal: new AbortController().signal,
    progress() {},
  };
}

type Rule = Parameters<typeof etcdCompact.propose>[0]['compaction'];
const propose = (compaction: Rule, seen = compactedTo(100), samples: readonly SpaceSample[] = []) =>
  etcdCompact.propose({ cluster: 'prod', compaction }, contextOf(seen, samples));

describe('the plan to compact', () => {
  test('holds the rule and no revision', async () => {
    const { plan, words, checks } = await propose({ kind: 'keep', revisions: 1000 });
    expect(plan).toEqual({ cluster: 'prod', compaction: { kind: 'keep', revisions: 1000 } });
    expect(words).toBe('compact prod: drop the history but for the last 1000 revisions');
    expect(checks.every(({ status }) => status === 'ok')).toBe(true);
  });

  test('takes an age only as far back as the bot has looked', async () => {
    const anHour = { kind: 'older-than' as const, ageMs: 3_600_000 };
    await expect(propose(anHour)).rejects.toThrow(
      'Which revision of prod is 1 h old is not known: etcd keeps no times',
    );
    const twoHoursAgo = new Date(seenAt.getTime() - 2 * 3_600_000).toISOString();
    const sample = { at: twoHoursAgo, clusterId: 'c1', revision: 2000, members: [] };
    expect((await propose(anHour, undefined, [sample])).words).toBe(
      'compact prod: drop the history that is older than 1 h',
    );
  });

  test('goes to the head only under NOSPACE, and says that watches list again', async () => {
    expect((await propose({ kind: 'to-head' })).checks[0]).toMatchObject({
      name: 'To the head only when there is no other way',
      status: 'blocking',
    });
    expect((await propose({ kind: 'to-head' }, compactedTo(100, full))).checks[0]).toMatchObject({
      name: 'Watches may list again',
      status: 'warning',
    });
  });

  test('has nothing to do where more is to be kept than there is, or where it was done', async () => {
    await expect(propose({ kind: 'keep', revisions: 10_000 })).rejects.toThrow('Nothing to do: the head of prod');
    await expect(propose({ kind: 'keep', revisions: 1000 }, compactedTo(4000))).rejects.toThrow(
      'Nothing to do: the head of prod is revision 4711, and it is compacted up to 4000.',
    );
  });

  test('takes "has been compacted" for success', async () => {
    const seen = compactedTo(-1);
    const { upkeep } = fakeEtcd(() => seen);
    const etcd = fakeEtcd(() => seen, {
      upkeep: {
        ...upkeep,
        compact: async () => ({
          kind: 'refused',
          failure: failed('compacted', '11 OUT_OF_RANGE: required revision has been compacted', 11),
        }),
      },
    });
    const plan = { cluster: 'prod', compaction: { kind: 'keep' as const, revisions: 711 } };
    const driven = driveChange(etcdCompact, plan, { ...contextOf(seen).clients, etcd: async () => etcd });
    await driven.run({ until: 'Free inside every member' });
    expect(driven.notes['History compacted']).toBe('The history up to revision 4000 is gone.');
  });
});

describe('a refusal in the middle of a compaction', () => {
  type Sent = Awaited<ReturnType<EtcdCluster['upkeep']['compact']>>;
  const refused = (failure: Parameters<typeof failed>): Sent => ({ kind: 'refused', failure: failed(...failure) });
  const denied = refused(['permission', '7 PERMISSION_DENIED: etcdserver: permission denied', 7]);

  /** What people read where etcd answers so to each revision. */
  async function readAfter(answer: (revision: number) => Sent): Promise<string> {
    const seen = compactedTo(-1);
    const { upkeep } = fakeEtcd(() => seen);
    const etcd = fakeEtcd(() => seen, {
      upkeep: { ...upkeep, compact: async (_at, revision) => answer(revision) },
    });
    const plan = { cluster: 'prod', compaction: { kind: 'keep' as const, revisions: 711 } };
    const driven = driveChange(etcdCompact, plan, { ...contextOf(seen).clients, etcd: async () => etcd });
    const outcome = await driven.run();
    return outcome.kind === 'blocked' ? `${outcome.refusal.message} ${outcome.refusal.advice}` : outcome.kind;
  }

  test('says that nothing was dropped where nothing was', async () => {
    expect(await readAfter(() => denied)).toBe(
      'etcd refused to compact: 7 PERMISSION_DENIED: etcdserver: permission denied. Nothing was dropped. Give the bot’s etcd user the role root: `etcdctl user grant-role <user> root`; then ask again.',
    );
  });

  test('says how far the history is gone where an earlier part was dropped', async () => {
    expect(await readAfter((revision) => (revision === 3997 ? { kind: 'done', value: undefined } : denied))).toBe(
      'etcd refused to compact all the way: 7 PERMISSION_DENIED: etcdserver: permission denied. The history up to revision 3997 is gone, that between it and 4000 is not. Give the bot’s etcd user the role root: `etcdctl user grant-role <user> root`; then ask again.',
    );
  });

  test('counts what was dropped before it was asked, and what went beside the part that was refused', async () => {
    const gone = refused(['compacted', '11 OUT_OF_RANGE: required revision has been compacted', 11]);
    const busy = refused(['other', '8 RESOURCE_EXHAUSTED: etcdserver: too many requests', 8]);
    expect(await readAfter((revision) => (revision === 4000 ? busy : gone))).toBe(
      'etcd refused to compact all the way: 8 RESOURCE_EXHAUSTED: etcdserver: too many requests. The history up to revision 3999 is gone, that between it and 4000 is not. `/etcd health` tells how the cluster is; then ask again.',
    );
  });
});

describe('what was dropped is waited for', () => {
  const sized = (first: number, others: number) => {
    const of = (dbSizeInUseBytes: number) => ({ status: { dbSizeInUseBytes } });
    return seenCluster({ 'etcd-1': of(first), 'etcd-2': of(others), 'etcd-3': of(others) });
  };
  const before = { label: 'etcd', dbSizeBytes: 9e6, inUseBytes: 8e6 };
  const outcomeAfter = (seen: ClusterSeen, waitedMs: number) =>
    ensureFreed(
      fakeEtcd(() => seen),
      {
        ...contextOf(seen),
        startedAt: new Date(seenAt.getTime() - waitedMs),
        intent: {
          value: {
            compactTo: 13,
            sizesBefore: Object.fromEntries(seen.members?.map(({ id }) => [id, before]) ?? []),
          },
          write: async () => undefined,
        },
        fence: async () => undefined,
      },
    );

  test('until every member tells less', async () => {
    expect(await outcomeAfter(sized(8e6, 1.5e6), 3000)).toMatchObject({ kind: 'waiting' });
    expect(await outcomeAfter(sized(1.5e6, 1.5e6), 3000)).toMatchObject({ kind: 'done' });
  });

  test('but not for ever for one whose figure stands still where there are no writes', async () => {
    expect(await outcomeAfter(sized(8e6, 1.5e6), 10_000)).toMatchObject({
      kind: 'done',
      note: expect.stringContaining('etcd-1 tells the old figure yet: etcd renews it with the next write.'),
    });
    // Where nobody's moved, it is not that.
    expect(await outcomeAfter(sized(8e6, 8e6), 3000)).toMatchObject({ kind: 'waiting' });
  });
});

describe('/etcd compact as it is typed', () => {
  const typed = (flags: Readonly<Record<string, string>>, ...set: string[]) =>
    compactCommand.input(
      {
        positionals: [],
        rest: [],
        flag: (name) => flags[name],
        flags: () => [],
        isSet: (name) => set.includes(name),
      },
      'prod',
      emptyConfig().changes,
    ).compaction;

  test('keeps 10,000 revisions, a number of them, or an age', () => {
    expect(typed({})).toEqual({ kind: 'keep', revisions: 10_000 });
    expect(typed({ 'keep-revisions': '2,500' })).toEqual({ kind: 'keep', revisions: 2500 });
    expect(typed({ 'older-than': '2h' })).toEqual({ kind: 'older-than', ageMs: 7_200_000 });
    expect(typed({}, 'to-head')).toEqual({ kind: 'to-head' });
  });

  test.each(['many', '', '0', '-5', '1e3', '1.5', '0x10', '99999999999999999999'])(
    'refuses --keep-revisions "%s"',
    (word) => {
      expect(() => typed({ 'keep-revisions': word })).toThrow('is no number of revisions.');
    },
  );

  test('refuses what is no duration, and two ways at once', () => {
    expect(() => typed({ 'older-than': 'yesterday' })).toThrow('--older-than "yesterday" is no duration.');
    expect(() => typed({ 'keep-revisions': '5' }, 'to-head')).toThrow('How much is to go is said in two ways.');
  });
});

describe('the plan to recover space', () => {
  const recover = (snapshot: 'first' | 'none', seen = compactedTo(100, full)) =>
    etcdRecoverSpace.propose({ cluster: 'prod', snapshot, care: 'careful' }, contextOf(seen));

  test('is stopped where no snapshot can be taken; without one it needs two approvers', async () => {
    const { checks, approvers } = await recover('first');
    expect(checks[0]).toMatchObject({
      name: 'A verified snapshot first',
      status: 'blocking',
      seen: 'No place for snapshots of prod is configured.',
    });
    expect(approvers).toBeUndefined();
    const without = await recover('none');
    expect(without.approvers).toBe(2);
    expect(without.checks.find(({ name }) => name === 'A verified snapshot first')?.status).toBe('warning');
    expect(without.words).toContain('WITHOUT a snapshot');
  });

  test('near the quota it keeps 10,000 revisions, for nobody has to list again yet', async () => {
    const near = { status: { dbSizeBytes: 7 * gibi } };
    const seen = seenCluster({ 'etcd-1': near, 'etcd-2': near, 'etcd-3': near });
    expect((await recover('none', seen)).plan).toMatchObject({ compaction: { kind: 'keep', revisions: 10_000 } });
  });

  test('never begins under CORRUPT', async () => {
    const alarms = [...full.alarms, { memberId: 'a3', kind: 'CORRUPT' as const }];
    expect((await recover('none', compactedTo(100, { alarms }))).checks[0]).toMatchObject({
      name: 'No data is in doubt',
      status: 'blocking',
    });
  });
});

test('how to raise the quota: twice as much, followers first, each restart gated, never above 8 GiB', () => {
  const view = requireKnown(seenCluster());
  const [order, setting] = quotaRaiseSections(view, 2 * gibi);
  expect(order).toMatchObject({ text: expect.stringContaining('raise the quota to 4 GiB') });
  expect(order?.kind === 'text' ? order.text.split('\n').slice(1, 4) : []).toEqual([
    '1. etcd-1: set it, restart etcd there, and go on only when `/etcd health` says that all are healthy.',
    '2. etcd-3: set it, restart etcd there, and go on only when `/etcd health` says that all are healthy.',
    '3. etcd-2: set it, restart etcd there, and go on only when `/etcd health` says that all are healthy.',
  ]);
  expect(setting).toMatchObject({ kind: 'code', text: expect.stringContaining('--quota-backend-bytes=4294967296') });
  expect(quotaRaiseSections(view, 8 * gibi)).toHaveLength(1);
});
