import { describe, expect, test } from '@jest/globals';
import { etcdConfig } from '../../../jobs/etcd/config.ts';
import { readOverrides } from '../../../src/etcd/settings/events-advice.ts';
import { readPasted } from '../../../src/etcd/settings/paste.ts';
import { reportSettings } from '../../../src/etcd/settings/settings-report.ts';
import { type SettingsSeen, sourceOf } from '../../../src/etcd/settings/source.ts';
import { eventsShareOf } from '../../../src/etcd/space/events-share.ts';
import type { SpaceSample } from '../../../src/etcd/space/sample.ts';
import { viewCluster } from '../../../src/etcd/view.ts';
import type { KubernetesCluster } from '../../../src/kubernetes/client.ts';
import { podSchema } from '../../../src/kubernetes/objects.ts';
import { fakeEtcd } from '../../support/etcd-fake.ts';
import { type SeenMember, seenAt, seenCluster } from '../../support/etcd-seen.ts';

function seen(lines: readonly string[], more: Partial<SettingsSeen> = {}, member: SeenMember = {}): SettingsSeen {
  const view = viewCluster(seenCluster({ 'etcd-1': member }));
  return {
    view,
    sources: lines.map((line) => sourceOf(readPasted(line), 'static pod x', view)),
    podsUnseen: '',
    apiServers: { servers: [] },
    growth: null,
    events: null,
    now: seenAt,
    ...more,
  };
}

const good =
  '--initial-cluster=etcd-1=https://10.0.0.1:2380 --listen-client-urls=https://10.0.0.1:2379,http://127.0.0.1:2379';
const claims = (lines: readonly string[], more: Partial<SettingsSeen> = {}, member: SeenMember = {}) =>
  reportSettings(seen(lines, more, member)).findings.map(({ severity, claim }) => `${severity} ${claim}`);

test('settings that are well leave nothing to say', () => {
  const report = reportSettings(seen([`etcd --name=etcd-1 ${good}`, 'etcd --name=etcd-2', 'etcd --name=etcd-3']));
  expect([report.verdict, report.summary]).toEqual(['ok', 'prod: settings of 3 members, nothing to mend']);
  expect(report.sections[0]).toMatchObject({
    rows: [
      ['heartbeat-interval', '100 ms', '100 ms'],
      ['election-timeout', '1000 ms', '1000 ms'],
      ['snapshot-count', '100000', '100000'],
      ['auto-compaction-mode', 'periodic', 'periodic'],
      ['auto-compaction-retention', 'off', 'off'],
      ['quota-backend-bytes', '2 GiB', '2 GiB'],
      ['max-request-bytes', '1.5 MiB', '1.5 MiB'],
    ],
  });
});

test.each([
  [
    '--heartbeat-interval=300',
    'critical etcd-1 will not start: the election timeout of 1000 ms is under five heartbeats of 300 ms.',
  ],
  ['--election-timeout=60000', 'critical etcd-1 will not start: an election timeout of 60000 ms is over 50 s.'],
  ['--election-timeout=1s', 'critical The timers of etcd-1 are no whole milliseconds.'],
  [
    '--hartbeat-interval=100',
    'critical etcd-1: --hartbeat-interval: etcd has no such flag; did you mean --heartbeat-interval?',
  ],
  ['--max-learners=2', 'critical etcd-1: --max-learners: it came with etcd 3.6.'],
  ['--debug', 'critical etcd-1: --debug: it went with etcd 3.5.'],
  ['--enable-v2', 'warning etcd-1 serves etcd’s old API: --enable-v2.'],
  ['--enable-v2=false', undefined],
  ['--quota-backend-bytes=17179869184', 'warning The quota of etcd-1 is 16 GiB: etcd suggests 8 GiB at most.'],
  ['--quota-backend-bytes=8589934592', undefined],
  ['--listen-peer-urls=http://10.0.0.1:2380', 'warning etcd-1 listens in plain http, without TLS.'],
  ['--listen-metrics-urls=http://0.0.0.0:2381', undefined],
  [
    '--initial-cluster=etcd-2=https://10.0.0.2:2380',
    'warning --initial-cluster of etcd-1 does not name it: there is no etcd-1.',
  ],
  [
    '--initial-cluster=etcd-1=https://10.0.0.9:2380 --initial-advertise-peer-urls=https://10.0.0.1:2380',
    'warning --initial-cluster names other peer URLs for etcd-1 than it advertises.',
  ],
  [
    '--config-file=/etc/etcd.yaml',
    'warning etcd-1 is started with --config-file: every flag and variable beside it is ignored.',
  ],
])('a member that runs, set to %s: %p', (flags, claim) => {
  expect(claims([`etcd --name=etcd-1 ${flags}`])).toEqual(claim === undefined ? [] : [claim]);
});

test('a setting that is given both ways stops the start, and one that etcd does not know does not', () => {
  const unit = '[Service]\nEnvironment=ETCD_NAME=etcd-1 ETCD_HEARTBEAT=1\nExecStart=/usr/bin/etcd --name=etcd-1';
  const { findings } = reportSettings(seen([unit]));
  expect(findings).toMatchObject([
    {
      severity: 'critical',
      claim: 'etcd-1 will not start: --name is given as a variable too.',
      evidence: expect.stringContaining(
        'conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag',
      ),
    },
    { severity: 'warning', claim: expect.stringMatching(/^etcd-1: ETCD_HEARTBEAT: etcd has no such flag/) },
  ]);
});

test('one that is to join a running cluster has to be started as existing', () => {
  const join = 'etcd --name=etcd-4 --initial-cluster=etcd-4=https://10.0.0.4:2380';
  const claim = 'critical etcd-4 is to join a cluster that runs, and its --initial-cluster-state is new.';
  expect(claims([join])).toEqual([claim]);
  expect(claims([`${join} --initial-cluster-state=new`])).toEqual([claim]);
  expect(claims([`${join} --initial-cluster-state=existing`])).toEqual([]);
});

describe('the timers against the round trip', () => {
  test.each([
    [0.4, '', []],
    [40, '', []],
    [
      150,
      '',
      [
        'warning The timers of etcd-1 are short for a round trip of 150 ms: the election timeout should be ten of them.',
      ],
    ],
    [
      300,
      '--election-timeout=5000',
      ['warning The timers of etcd-1 are short for a round trip of 300 ms: a heartbeat should be about one of them.'],
    ],
    [
      0.4,
      '--heartbeat-interval=1000 --election-timeout=10000',
      [
        'info The timers of etcd-1 are long for a round trip of 0.4 ms: a leader that is lost is missed after 10 s and more.',
      ],
    ],
  ])('%p ms, %s', (roundTripMs, flags, told) => {
    expect(claims([`etcd --name=etcd-1 ${flags}`], {}, { metrics: { roundTripMs: { a2: roundTripMs } } })).toEqual(
      told,
    );
  });
});

test('members that differ are told setting by setting', () => {
  const { findings, summary } = reportSettings(
    seen([
      'etcd --name=etcd-1 --election-timeout=2000',
      'etcd --name=etcd-2',
      'etcd --name=etcd-3 --quota-backend-bytes=8589934592',
    ]),
  );
  expect(summary).toBe('prod: settings of 3 members: election-timeout differs; quota-backend-bytes differs');
  expect(findings.map(({ claim, evidence }) => `${claim} ${evidence}`)).toEqual([
    '--election-timeout differs between members. etcd-1 2000 ms, etcd-2 1000 ms, etcd-3 1000 ms',
    '--quota-backend-bytes differs between members. etcd-1 2 GiB, etcd-2 2 GiB, etcd-3 8 GiB',
  ]);
});

test('auto-compaction that is off is fine where Kubernetes compacts', () => {
  const view = viewCluster(seenCluster());
  const sources = [sourceOf(readPasted('etcd --name=etcd-1'), 'pasted command line', view)];
  const nobody = 'warning Auto-compaction is off on etcd-1, and no API server is known that would compact.';
  expect(claims([], { sources })).toEqual([nobody]);
  const servers = [{ name: 'kube-apiserver-a', etcdServers: ['https://10.0.0.1:2379'] }];
  expect(claims([], { sources, apiServers: { servers } })).toEqual([]);
});

describe('a liveness probe', () => {
  const pod = (path: string) =>
    `{apiVersion: v1, kind: Pod, spec: {containers: [{name: etcd, command: [etcd, --name=etcd-1], livenessProbe: {periodSeconds: 10, failureThreshold: 3, httpGet: {path: '${path}'}}}]}}`;

  test.each([
    ['/health', 1e6, ['warning The liveness probe of etcd-1 asks /health, which fails under a space alarm.']],
    ['/health?exclude=NOSPACE&serializable=true', 1e6, []],
    ['/livez', 1e6, []],
    [
      '/livez',
      4 * 1024 ** 3,
      ['warning The liveness probe of etcd-1 gives up after 30 s, and a defragmentation would take about 51 s.'],
    ],
  ])('at %s, with a database of %i bytes', (path, dbSizeBytes, told) => {
    expect(claims([pod(path)], {}, { status: { dbSizeBytes } })).toEqual(told);
  });
});

describe('events in an etcd of their own', () => {
  test.each([
    ['/events#https://a:1;https://b:1', [{ resource: '/events', servers: ['https://a:1', 'https://b:1'] }], []],
    [
      '/events#https://a:1,coordination.k8s.io/leases#https://c:1',
      [
        { resource: '/events', servers: ['https://a:1'] },
        { resource: 'coordination.k8s.io/leases', servers: ['https://c:1'] },
      ],
      [],
    ],
    [
      '/events#https://a:1,https://b:1',
      [{ resource: '/events', servers: ['https://a:1'] }],
      ['https://b:1 stands alone: servers are apart by semicolons, and a comma begins the next override'],
    ],
    ['events#https://a:1', [], ['"events" is not group/resource; the core group is empty, as in /events']],
    ['/events', [], ['"/events" is not group/resource#server;server']],
  ])('%s', (text, overrides, faults) => {
    expect(readOverrides(text)).toEqual({ overrides, faults });
  });

  test('are spoken of where growth that was measured calls for it', () => {
    const growth = { bytesPerHour: 100 * 1024 ** 2, since: '2026-11-21T10:00:00.000Z' };
    expect(claims(['etcd --name=etcd-1'], { growth })).toEqual([
      'info The data grows by 100 MiB an hour: if much of it is events, they belong in an etcd of their own.',
    ]);
    const servers = [{ name: 'a', etcdServers: [], overrides: '/events#https://a:1' }];
    expect(claims(['etcd --name=etcd-1'], { growth, apiServers: { servers } })).toEqual([]);
  });
});

describe('events by what was counted', () => {
  const sample = (hoursAgo: number, inUseMebi: number, prefixes: SpaceSample['prefixes']): SpaceSample => ({
    at: new Date(seenAt.getTime() - hoursAgo * 3_600_000).toISOString(),
    clusterId: 'c1',
    revision: 1000,
    members: [{ id: 'a1', dbSizeBytes: 2e9, inUseBytes: inUseMebi * 1024 ** 2 }],
    ...(prefixes === undefined ? {} : { prefixes }),
  });
  const counts = (events: number, pods: number) => [
    { prefix: '/registry/events/', keys: events },
    { prefix: '/registry/events/shop/', keys: events },
    { prefix: '/registry/pods/', keys: pods },
  ];
  /** The member has 1,000 MiB in use now. */
  const inUse = { status: { dbSizeInUseBytes: 1000 * 1024 ** 2 } };

  async function configOf(samples: readonly SpaceSample[], overrides?: string) {
    const pod = {
      metadata: { name: 'kube-apiserver-a' },
      spec: {
        containers: [
          {
            name: 'kube-apiserver',
            command: [
              'kube-apiserver',
              '--etcd-servers=https://10.0.0.1:2379',
              ...(overrides === undefined ? [] : [`--etcd-servers-overrides=${overrides}`]),
            ],
          },
        ],
      },
    };
    const pods = { pods: [podSchema.parse(pod)] };
    return await etcdConfig.run(
      { cluster: 'prod', pasted: null },
      {
        clients: {
          etcd: async () => fakeEtcd(() => seenCluster({ 'etcd-1': inUse, 'etcd-2': inUse, 'etcd-3': inUse })),
          kubernetes: async () => ({ listPods: async () => pods }) as unknown as KubernetesCluster,
        },
        space: { samples: async () => samples, record: async () => undefined },
        now: () => seenAt,
        signal: new AbortController().signal,
        progress() {},
      },
    );
  }
  const ofEvents = (report: Awaited<ReturnType<typeof configOf>>) =>
    report.findings.filter(({ claim }) => /events/i.test(claim)).map(({ severity, claim }) => `${severity} ${claim}`);
  const codeOf = (report: Awaited<ReturnType<typeof configOf>>) =>
    report.sections.flatMap((section) => (section.kind === 'code' ? [section.text] : []));

  test('are given the exact flag where they are what grows', async () => {
    const report = await configOf([sample(2, 600, counts(1000, 500)), sample(0, 1000, counts(9000, 700))]);
    expect(ofEvents(report)).toEqual([
      'warning Events belong in an etcd of their own: they are 98% of the keys that come, and the data grows by 200 MiB an hour.',
    ]);
    expect(report.summary).toContain('events belong in an etcd of their own');
    expect(codeOf(report)).toEqual([
      "--etcd-servers-overrides='/events#https://10.0.0.1:4002;https://10.0.0.2:4002;https://10.0.0.3:4002'",
    ]);
    expect(report.data).toMatchObject({
      events: { eventKeys: 9000, eventKeysPerHour: 4000, countedKeys: 9700, countedKeysPerHour: 4100 },
    });
  });

  test('are not spoken of in an etcd that is nobody’s but an application’s', () => {
    const own = [sample(2, 600, [{ prefix: '/app/', keys: 5 }]), sample(0, 1000, [{ prefix: '/app/', keys: 900 }])];
    const events = eventsShareOf(own, 'c1', '/registry/events/', seenAt);
    const apiServers = { unseen: 'no Kubernetes cluster in the configuration is called prod' };
    const report = reportSettings(seen(['etcd --name=etcd-1'], { events, apiServers }));
    expect(events).toMatchObject({ eventKeys: 0, countedKeys: 900 });
    expect(JSON.stringify(report.sections)).not.toContain('vents');
    expect(eventsShareOf([sample(2, 600, []), sample(0, 1000, [])], 'c1', '/registry/events/', seenAt)).toBeNull();
  });

  test('are put behind the overrides that there are, by a comma', async () => {
    const leases = 'coordination.k8s.io/leases#https://10.0.0.7:2379';
    const report = await configOf([sample(2, 600, counts(1000, 500)), sample(0, 1000, counts(9000, 700))], leases);
    expect(codeOf(report)).toEqual([
      `--etcd-servers-overrides='${leases},/events#https://10.0.0.1:4002;https://10.0.0.2:4002;https://10.0.0.3:4002'`,
    ]);
  });

  test.each([
    [
      'other keys grow',
      [sample(2, 600, counts(1000, 500)), sample(0, 1000, counts(1100, 9000))],
      'The data grows, but not by events: an etcd of their own would not help.',
    ],
    [
      'the data hardly grows',
      [sample(2, 990, counts(1000, 500)), sample(0, 1000, counts(9000, 700))],
      'Nothing calls for an etcd of their own.',
    ],
    [
      'it was counted for less than events live',
      [sample(0.5, 600, counts(1000, 500)), sample(0, 1000, counts(9000, 700))],
      'That is less than the hour that events live',
    ],
  ])('are left where they are where %s', async (_why, samples, told) => {
    const report = await configOf(samples);
    expect(ofEvents(report)).toEqual([]);
    expect(codeOf(report)).toEqual([]);
    expect(
      report.sections.find(({ kind, ...more }) => kind === 'text' && JSON.stringify(more).includes('"Events"')),
    ).toMatchObject({
      text: expect.stringContaining(told),
    });
  });
});

test('where nothing is known it says how to tell it', () => {
  const { verdict, summary } = reportSettings(
    seen([], { podsUnseen: 'no Kubernetes cluster in the configuration is called prod' }),
  );
  expect([verdict, summary]).toEqual(['unknown', 'prod: no member’s settings are known: paste them with --paste']);
});
