import { describe, expect, test } from '@jest/globals';
import { etcdDisarm as disarmCommand } from '../../../commands/etcd/disarm.ts';
import { etcdAlarms } from '../../../jobs/etcd/alarms.ts';
import { etcdDisarm } from '../../../jobs/etcd/disarm.ts';
import { etcdSpace } from '../../../jobs/etcd/space.ts';
import { emptyConfig } from '../../../src/config.ts';
import type { ClusterSeen } from '../../../src/etcd/cluster.ts';
import { findMember, requireKnown } from '../../../src/etcd/member-reference.ts';
import { growthOf, revisionOlderThan, type SpaceSample, type SpaceStore } from '../../../src/etcd/space/sample.ts';
import { staticPodOf } from '../../../src/etcd/space/static-pods.ts';
import type { Context } from '../../../src/job.ts';
import { podSchema } from '../../../src/kubernetes/objects.ts';
import { fakeEtcd } from '../../support/etcd-fake.ts';
import { type SeenMember, seenAt, seenCluster } from '../../support/etcd-seen.ts';

const mebi = 1024 ** 2;
const gibi = 1024 ** 3;
const hoursBefore = (hours: number) => new Date(seenAt.getTime() - hours * 3_600_000).toISOString();

const sample = (hours: number, inUseMebi: number, revision = 1000): SpaceSample => ({
  at: hoursBefore(hours),
  clusterId: 'c1',
  revision,
  members: [{ id: 'a1', dbSizeBytes: 1000 * mebi, inUseBytes: inUseMebi * mebi }],
});

function contextOf(seen: ClusterSeen, space?: SpaceStore): Context {
  return {
    clients: {
      etcd: async () => fakeEtcd(() => seen),
      kubernetes: async () =>
        Promise.reject(new Error('There is no Kubernetes cluster `prod` in the config any more.')),
    },
    ...(space === undefined ? {} : { space }),
    now: () => seenAt,
    signal: new AbortController().signal,
    progress() {},
  };
}

const sized = (dbMebi: number, inUseMebi: number, quotaBytes: number | null = 8 * gibi): SeenMember => ({
  status: { dbSizeBytes: dbMebi * mebi, dbSizeInUseBytes: inUseMebi * mebi, quotaBytes },
});
const all = (member: SeenMember) => ({ 'etcd-1': member, 'etcd-2': member, 'etcd-3': member });
const spaceOf = (seen: ClusterSeen, space?: SpaceStore) => etcdSpace.run({ cluster: 'prod' }, contextOf(seen, space));
const rowsOf = (report: Awaited<ReturnType<typeof spaceOf>>) =>
  report.sections.flatMap((section) => (section.kind === 'table' ? section.rows : []));

describe('/etcd space', () => {
  test('tells size, what is free inside and whose word the quota is; a terminal knows no growth', async () => {
    const report = await spaceOf(seenCluster(all(sized(1024, 512))));
    expect(report.summary).toBe('prod: etcd-1 has 1 GiB of 8 GiB, 12%; room enough');
    expect(rowsOf(report)[0]).toEqual(['etcd-1', '1 GiB · 512 MiB (512 MiB free inside)', '8 GiB (told)', 'unknown']);
    expect(report.sections[1]).toMatchObject({
      text: expect.stringContaining('Growth is not known in a terminal: only the bot keeps what it saw before.'),
    });
  });

  test('tells growth and when it is full from what was seen before, and keeps what it sees', async () => {
    const kept: SpaceSample[] = [];
    const store: SpaceStore = {
      record: async (_cluster, seen) => void kept.push(seen),
      samples: async () => [sample(30, 100), sample(10, 400), sample(1, 600)],
    };
    const report = await spaceOf(seenCluster(all(sized(1000, 700, 1000 * mebi))), store);
    expect(rowsOf(report)[0]?.[3]).toBe('+30 MiB/h, full in 10 h');
    expect(report.findings.map(({ claim }) => claim)).toContain('At this pace etcd-1 reaches its quota in 10 h.');
    expect(kept).toMatchObject([{ revision: 4711, members: [{ id: 'a1', inUseBytes: 700 * mebi }, {}, {}] }]);
  });

  test('answers without growth where Redis is away', async () => {
    const broken: SpaceStore = {
      record: async () => Promise.reject(new Error('Connection is closed.')),
      samples: async () => Promise.reject(new Error('Connection is closed.')),
    };
    const report = await spaceOf(seenCluster(all(sized(100, 100))), broken);
    expect(report.verdict).toBe('ok');
    expect(rowsOf(report)[0]?.[3]).toBe('unknown');
  });

  test('says that a quota nobody tells is assumed to be 2 GiB', async () => {
    const report = await spaceOf(seenCluster(all(sized(100, 100, null))));
    expect(rowsOf(report)[0]?.[2]).toBe('2 GiB (assumed)');
    expect(report.findings[0]).toMatchObject({
      severity: 'info',
      grade: 'unknown',
      claim: 'The quota of etcd-1, etcd-2 and etcd-3 is assumed: etcd’s default of 2 GiB.',
    });
  });

  test('warns where the configuration says something else than the member', async () => {
    const report = await spaceOf(seenCluster(all(sized(100, 100)), { configuredQuotaBytes: 2 * gibi }));
    expect(report.findings.find(({ claim }) => claim.includes('etcd-1'))).toMatchObject({
      severity: 'warning',
      claim: 'The quota of etcd-1 is said to be different things: 8 GiB counts.',
      evidence: 'told: 8 GiB, configured: 2 GiB.',
    });
  });

  test('warns of a quota above 8 GiB', async () => {
    const seen = seenCluster(all(sized(100, 100, null)), { configuredQuotaBytes: 16 * gibi });
    expect((await spaceOf(seen)).findings[0]).toMatchObject({
      severity: 'warning',
      claim: 'The quota is above the 8 GiB that etcd suggests at most.',
    });
  });
});

describe('what was seen before', () => {
  test('gives growth from the oldest sample of a day, else from the latest before, and never from another cluster', () => {
    const growth = (samples: SpaceSample[]) => growthOf(samples, 'c1', 'a1', 700 * mebi, seenAt)?.bytesPerHour;
    expect(growth([sample(30, 100), sample(10, 400), sample(1, 600)])).toBe(30 * mebi);
    expect(growth([sample(60, 100), sample(30, 400)])).toBe(10 * mebi);
    expect(growth([{ ...sample(10, 400), clusterId: 'c2' }])).toBeUndefined();
    expect(growth([sample(0, 100)])).toBeUndefined();
  });

  test('gives the newest revision that is old enough, and none where nobody looked so long ago', () => {
    const samples = [sample(5, 1, 10), sample(3, 1, 20), sample(1, 1, 30)];
    expect(revisionOlderThan(samples, 'c1', 2 * 3_600_000, seenAt)).toMatchObject({ revision: 20 });
    expect(revisionOlderThan(samples, 'c1', 6 * 3_600_000, seenAt)).toBeUndefined();
  });
});

describe('a static pod', () => {
  const pod = (command: readonly string[], more: object = {}) =>
    staticPodOf(
      podSchema.parse({ metadata: { name: 'etcd-cp1' }, spec: { containers: [{ name: 'etcd', command, ...more }] } }),
    );

  test('tells its quota and how long its liveness probe lets it be silent', () => {
    expect(
      pod(
        ['etcd', '--name=cp1', '--quota-backend-bytes', '4294967296', '--advertise-client-urls=https://10.0.0.1:2379'],
        {
          livenessProbe: { failureThreshold: 8, periodSeconds: 10, httpGet: { path: '/health' } },
        },
      ),
    ).toEqual({
      pod: 'etcd-cp1',
      memberName: 'cp1',
      clientUrls: ['https://10.0.0.1:2379'],
      quotaBytes: 4294967296,
      livenessMs: 80_000,
    });
  });

  test('may give its settings as variables, or not at all', () => {
    expect(pod(['etcd'], { env: [{ name: 'ETCD_QUOTA_BACKEND_BYTES', value: '1024' }] }).quotaBytes).toBe(1024);
    expect(pod(['etcd', '--quota-backend-bytes=0'])).toMatchObject({ quotaBytes: null, livenessMs: null });
  });
});

const full = { alarms: [{ memberId: 'a1', kind: 'NOSPACE' as const }] };

describe('/etcd alarms', () => {
  const alarmsOf = (seen: ClusterSeen) => etcdAlarms.run({ cluster: 'prod' }, contextOf(seen));

  test('says that none is on', async () => {
    expect(await alarmsOf(seenCluster())).toMatchObject({
      verdict: 'ok',
      summary: 'prod: no alarm is on',
      findings: [],
    });
  });

  test('names who has one, and the way out', async () => {
    const report = await alarmsOf(seenCluster({}, full));
    expect(report.summary).toBe('prod: no space, reads and deletes only (NOSPACE on etcd-1)');
    expect(report.sections[0]).toMatchObject({ rows: [['NOSPACE', 'etcd-1', 'a1']] });
  });

  test('does not take a list that it could not read for an empty one', async () => {
    const failure = { kind: 'deadline' as const, code: 4, said: 'no answer' };
    const report = await alarmsOf(seenCluster({}, { alarms: null, alarmsFailure: failure }));
    expect(report).toMatchObject({ verdict: 'unknown', summary: 'prod: the alarm list could not be read' });
  });
});

describe('/etcd disarm', () => {
  const propose = (seen: ClusterSeen) => etcdDisarm.propose({ cluster: 'prod' }, contextOf(seen));

  test('waits for a yes where there is room', async () => {
    const { plan, checks, words } = await propose(seenCluster(all(sized(1024, 512)), full));
    expect(plan).toEqual({ cluster: 'prod', alarm: 'NOSPACE' });
    expect(words).toBe('disarm the NOSPACE alarm of every member of prod');
    expect(checks.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
  });

  test('is stopped where there is none: the alarm would be back at once', async () => {
    const { checks } = await propose(seenCluster(all(sized(8000, 512)), full));
    expect(checks[0]).toMatchObject({
      name: 'There is room again',
      status: 'blocking',
      seen: 'etcd-1, the fullest, has 7.8 GiB of 8 GiB: the alarm would be back with the next write.',
    });
  });

  test('is stopped by CORRUPT beside it', async () => {
    const alarms = [...full.alarms, { memberId: 'a3', kind: 'CORRUPT' as const }];
    expect((await propose(seenCluster(all(sized(1024, 512)), { alarms }))).checks[0]).toMatchObject({
      name: 'No data is in doubt',
      status: 'blocking',
    });
  });

  test('has nothing to do where no alarm is on', async () => {
    await expect(propose(seenCluster())).rejects.toThrow('Nothing to do: no NOSPACE alarm is on in prod.');
  });

  test('refuses CORRUPT, and what is no alarm', () => {
    const typed = (...positionals: string[]) =>
      disarmCommand.input(
        { positionals, rest: [], flag: () => undefined, flags: () => [], isSet: () => false },
        'prod',
        emptyConfig().changes,
      );
    expect(typed('nospace')).toEqual({ cluster: 'prod' });
    expect(() => typed('corrupt')).toThrow('CORRUPT is not disarmed');
    expect(() => typed('etcd-1')).toThrow('There is no alarm "ETCD-1".');
  });
});

test('a member is named by its name, or by its id in hexadecimal or decimal', () => {
  const seen = seenCluster();
  const view = requireKnown({
    ...seen,
    members: (seen.members ?? []).map((member, at) => ({ ...member, id: at === 0 ? '8e9e05c52164694d' : member.id })),
  });
  for (const word of ['etcd-1', '8e9e05c52164694d', '0x8E9E05C52164694D', '10276657743932975437'])
    expect(findMember(view, word).label).toBe('etcd-1');
});
