import { describe, expect, test } from '@jest/globals';
import { reportHealth } from '../../src/etcd/health.ts';
import { failed, type SeenMember, seenAt, seenCluster } from '../support/etcd-seen.ts';

const gibi = 1024 ** 3;
const tls = '--cacert=/etc/quorum/ca.crt --cert=/etc/quorum/client.crt --key=/etc/quorum/client.key';
const every = 'https://10.0.0.1:2379,https://10.0.0.2:2379,https://10.0.0.3:2379';
const nospace = { alarms: [{ memberId: 'a1', kind: 'NOSPACE' as const }] };

/** A member with a database of so many GiB, so many of them in use; its history is kept from a revision on. */
function sized(dbGibi: number, inUseGibi: number, compactRevision: number | null = 4711): SeenMember {
  return {
    status: { dbSizeBytes: dbGibi * gibi, dbSizeInUseBytes: inUseGibi * gibi },
    metrics: { compactRevision },
  };
}

/** etcd-2 leads. */
function nextStep(first: SeenMember, leader: SeenMember, third: SeenMember, more: object = nospace) {
  const report = reportHealth(seenCluster({ 'etcd-1': first, 'etcd-2': leader, 'etcd-3': third }, more), seenAt);
  const finding = report.findings.find(({ claim }) => claim.startsWith('NOSPACE'));
  return { command: finding?.command, advice: finding?.advice ?? '', copy: report.copy };
}

describe('the next step out of NOSPACE', () => {
  const full = sized(8, 7.9);
  const loose = sized(8, 1);
  const done = sized(1, 1);
  const defrag = (number: number) =>
    `etcdctl --endpoints=https://10.0.0.${number}:2379 ${tls} --command-timeout=850s defrag`;

  test.each([
    [
      'a compaction where the history is long',
      [sized(8, 7, 100), sized(8, 7, 100), sized(8, 7, 100)],
      `etcdctl --endpoints=${every} ${tls} --command-timeout=850s compact 4711 --physical`,
    ],
    [
      'a compaction where nobody has compacted',
      [sized(8, 7.9, -1), sized(8, 7.9, -1), sized(8, 7.9, -1)],
      `etcdctl --endpoints=${every} ${tls} --command-timeout=850s compact 4711 --physical`,
    ],
    [
      'a compaction after keys were deleted',
      [sized(8, 7.9, 4710), sized(8, 7.9, 4710), sized(8, 7.9, 4710)],
      `etcdctl --endpoints=${every} ${tls} --command-timeout=850s compact 4711 --physical`,
    ],
    ['no second compaction: the first follower', [loose, loose, loose], defrag(1)],
    [
      'no compaction where defragmenting gives room, however long the history',
      [sized(8, 1, 100), sized(8, 1, 100), sized(8, 1, 100)],
      defrag(1),
    ],
    ['the follower that still has holes', [done, loose, loose], defrag(3)],
    ['the leader last', [done, loose, done], defrag(2)],
    [
      'a defragmentation, for a member that holds the same data in less space proves the holes',
      [sized(8, 7.9), sized(8, 7.9), done],
      defrag(1),
    ],
    ['the disarming once all have room', [done, done, done], `etcdctl --endpoints=${every} ${tls} alarm disarm`],
    [
      'a count of keys where the data is live',
      [full, full, full],
      `etcdctl --endpoints=${every} ${tls} get /registry/events/ --prefix --count-only -w fields`,
    ],
  ] as const)('is %s', (_name, [first, leader, third], command) => {
    expect(nextStep(first, leader, third)).toMatchObject({ command, copy: command });
  });

  test('tells live data from old history, and what helps then', () => {
    const { advice } = nextStep(full, full, full);
    expect(advice).toContain('The data is live: 7.9 GiB of 8 GiB are in use and the history is compacted');
    expect(advice).toContain('raise the quota member by member');
  });

  test('names what is left when a member defragments', () => {
    expect(nextStep(loose, loose, loose).advice).toContain(
      'Defragment etcd-1: 8 GiB on disk for 1 GiB of data. It answers nothing meanwhile (10 to 15 ms a megabyte). Then etcd-3 and etcd-2, each once the one before answers again.',
    );
  });

  test('says that history and live data cannot be told apart without metrics, and to compact once', () => {
    const blind = { ...full, metrics: 'unreadable' as const };
    const { command, advice } = nextStep(blind, blind, blind);
    expect(command).toContain(' compact 4711 --physical');
    expect(advice).toContain('Compact once: how much of what is in use is old history is not known');
    expect(advice).toContain('If what is in use stays as it is, it is live data');
  });

  test('disarms where the quota is not known, and says what it means when the alarm is back', () => {
    const untold = { status: { dbSizeBytes: 2 * 1024 ** 2, dbSizeInUseBytes: 2 * 1024 ** 2, quotaBytes: null } };
    const { command, advice } = nextStep(untold, untold, untold);
    expect(command).toBe(`etcdctl --endpoints=${every} ${tls} alarm disarm`);
    expect(advice).toContain('set quotaBytes under etcd.clusters.prod');
  });

  test('never disarms while a CORRUPT alarm is on, which etcdctl would end too', () => {
    const alarms = [...nospace.alarms, { memberId: 'a3', kind: 'CORRUPT' as const }];
    const { command, advice } = nextStep(done, done, done, { alarms });
    expect(command).not.toContain('disarm');
    expect(advice).toContain('would end the CORRUPT alarm too');
  });

  test('names the member that could not be asked and is full still', () => {
    const { advice } = nextStep(done, done, { failure: failed('closed-port', '14 UNAVAILABLE: ECONNREFUSED') });
    expect(advice).toContain('etcd-3 could not be asked: defragment it too, or the alarm comes back.');
  });

  test('asks no learner to defragment: it refuses', () => {
    const report = reportHealth(
      seenCluster({ 'etcd-1': done, 'etcd-2': done, 'etcd-3': done, 'etcd-4': { ...loose, isLearner: true } }, nospace),
      seenAt,
    );
    expect(report.copy).toMatch(/ alarm disarm$/);
  });

  test('no member is healthy meanwhile, as etcd’s own /health has it', () => {
    const { data, sections } = reportHealth(seenCluster({}, nospace), seenAt);
    expect((data.members as { healthy: boolean }[]).map(({ healthy }) => healthy)).toEqual([false, false, false]);
    expect((sections[0] as { rows: readonly (readonly string[])[] }).rows.map(([, state]) => state)).toEqual([
      'follower, NOSPACE',
      'leader, no writes',
      'follower, no writes',
    ]);
  });
});

describe('a defragmentation outside of NOSPACE', () => {
  const loose = sized(6, 1);

  test('begins with a follower, and waits as long as the database needs', () => {
    const { findings } = reportHealth(
      seenCluster({
        'etcd-1': { ...loose, status: { ...loose.status, leaderId: 'a1' } },
        'etcd-2': { ...loose, status: { ...loose.status, leaderId: 'a1' } },
        'etcd-3': { ...loose, status: { ...loose.status, leaderId: 'a1' } },
      }),
      seenAt,
    );
    expect(findings.map(({ command }) => command)).toEqual([
      `etcdctl --endpoints=https://10.0.0.2:2379 ${tls} --command-timeout=645s defrag`,
    ]);
  });

  test.each([
    ['space that is free inside', sized(7, 2), 'defrag'],
    ['old history', sized(7, 6.9, 10), 'compact 4711 --physical'],
    ['live data', sized(7, 6.9), 'endpoint status -w table'],
  ])('near the quota: %s', (_name, member, command) => {
    const { findings } = reportHealth(seenCluster({ 'etcd-1': member, 'etcd-2': member, 'etcd-3': member }), seenAt);
    const near = findings.find(({ claim }) => claim.includes('close to the quota'));
    expect(near?.command?.endsWith(command)).toBe(true);
  });
});
