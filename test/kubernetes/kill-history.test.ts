import { describe, expect, test } from '@jest/globals';
import { type Kill, killKey, killsOf, mergedKills } from '../../src/kubernetes/kill.ts';
import { killPatterns } from '../../src/kubernetes/kill-history.ts';
import { killsText } from '../../src/kubernetes/kill-words.ts';
import { podSchema } from '../../src/kubernetes/objects.ts';

const now = new Date('2026-11-03T12:00:00Z');
const dayAgo = new Date('2026-11-02T12:00:00Z');
const minute = 60_000;

/** A kill so many minutes ago, after so many minutes of running. */
function kill(minutesAgo: number, ranMinutes: number, more: Partial<Kill> = {}): Kill {
  const end = now.getTime() - minutesAgo * minute;
  return {
    end: 'killed',
    namespace: 'shop',
    workload: 'deploy/checkout',
    pod: 'checkout-1',
    podUid: 'uid-1',
    container: 'checkout',
    run: 0,
    startedAt: new Date(end - ranMinutes * minute).toISOString(),
    finishedAt: new Date(end).toISOString(),
    podStartedAt: null,
    limitBytes: 512 * 1024 ** 2,
    ...more,
  };
}

const one = (kills: readonly Kill[]) => killPatterns(kills, dayAgo, now)[0];

describe('a rhythm', () => {
  test.each<[string, readonly Kill[], string, string]>([
    [
      'dies in its first minute each time',
      [kill(9, 0.8), kill(5, 0.7, { run: 1 })],
      'start-up',
      'it ran 42 s to 48 s before each kill',
    ],
    [
      'is killed at about the same age each time',
      [kill(400, 125), kill(270, 128, { run: 1 }), kill(140, 129, { run: 2 })],
      'leak',
      'it ran 2 h 5 min to 2 h 9 min before each of 3 kills',
    ],
    [
      'lives longer with a raised limit, and is killed all the same',
      [kill(400, 60), kill(330, 64, { run: 1 }), kill(140, 129, { podUid: 'uid-2', limitBytes: 1024 ** 3 })],
      'leak',
      'with 1 GiB it ran 2 h 9 min, with 512 MiB 1 h 4 min: more memory only made it last longer',
    ],
    [
      'is killed at any age',
      [kill(400, 7), kill(270, 128, { run: 1 }), kill(140, 40, { run: 2 })],
      'varying',
      'it ran 7 min to 2 h 8 min before 3 kills',
    ],
    ['was killed once', [kill(5, 0.8)], 'unknown', '1 uptime known (48 s): too few to say'],
    [
      'was killed twice',
      [kill(300, 100), kill(5, 110, { run: 1 })],
      'unknown',
      '2 uptimes known (1 h 40 min to 1 h 50 min): too few to say',
    ],
    ['has no times', [kill(5, 1, { startedAt: null })], 'unknown', 'how long it ran is not known'],
    ['has a clock that went backwards', [kill(5, -3)], 'unknown', 'how long it ran is not known'],
  ])('of what %s', (_what, kills, rhythm, because) => {
    expect(one(kills)).toMatchObject({ rhythm, because });
  });

  test('of a single short run is told where the pod is too young for the runs before to have been longer', () => {
    const young = kill(2, 0.8, { run: 7, podStartedAt: new Date(now.getTime() - 42 * minute).toISOString() });
    const old = kill(2, 0.8, { run: 7, podStartedAt: '2026-09-01T00:00:00Z' });
    expect(one([young])?.rhythm).toBe('start-up');
    expect(one([old])?.rhythm).toBe('unknown');
  });
});

describe('how often', () => {
  test('counts the ends between two kills that restart counts tell of', () => {
    const pattern = one([kill(60, 5), kill(0, 5, { run: 6 })]);
    expect(pattern).toMatchObject({ seen: 2, times: 7, everyMs: 10 * minute });
    expect(killsText(pattern ?? raise(), now)).toBe('OOM-killed about 7 times in 1 h, every 10 min, 6 an hour');
  });

  test('counts the restarts since the pod began where they are within the window', () => {
    const pattern = one([kill(2, 0.8, { run: 7, podStartedAt: new Date(now.getTime() - 42 * minute).toISOString() })]);
    expect(pattern).toMatchObject({ seen: 1, times: 8, everyMs: 5 * minute });
    expect(pattern?.firstAt.toISOString()).toBe('2026-11-03T11:18:00.000Z');
  });

  test('takes no restart of weeks ago for one of today', () => {
    expect(one([kill(2, 600, { run: 7, podStartedAt: '2026-09-01T00:00:00Z' })])).toMatchObject({ seen: 1, times: 1 });
  });

  test('counts several pods of one workload together, and other containers apart', () => {
    const patterns = killPatterns(
      [kill(9, 3), kill(7, 3, { podUid: 'uid-2', pod: 'checkout-2' }), kill(5, 1, { container: 'sidecar' })],
      dayAgo,
      now,
    );
    expect(patterns.map(({ container, times, pods }) => [container, times, pods])).toEqual([
      ['checkout', 2, 2],
      ['sidecar', 1, 1],
    ]);
  });

  test('leaves out what was before the window, and who was killed only then', () => {
    expect(one([kill(60 * 30, 5), kill(60, 5, { podUid: 'uid-2' })])).toMatchObject({ seen: 1, times: 1 });
    expect(one([kill(60 * 30, 5)])).toBeUndefined();
  });
});

describe('a trend', () => {
  const course = (...minutesAgo: number[]) =>
    one(minutesAgo.map((ago, run) => kill(ago, 30, { run, podUid: `uid-${run}` })))?.trend;

  test.each<[readonly number[], string]>([
    [[600, 400, 250, 150, 90, 50, 20, 5], 'growing'],
    [[700, 600, 500, 400, 300, 200, 100, 10], 'steady'],
    [[600, 580, 550, 500, 420, 300, 100], 'falling'],
    [[1400, 1390, 1380, 1370], 'stopped'],
    [[600, 10], 'unknown'],
    [[3], 'unknown'],
  ])('of kills %j minutes ago', (minutesAgo, trend) => {
    expect(course(...minutesAgo)).toBe(trend);
  });

  test('is not falling where the kubelet waits longer and longer before it starts a container again', () => {
    const waits = [40, 39, 37.5, 35.8, 33, 29, 22, 16, 10, 4];
    expect(one(waits.map((ago, run) => kill(ago, 0.7, { run })))?.trend).toBe('steady');
  });
});

test('what goes on comes before what is over, then the one with more kills', () => {
  const patterns = killPatterns(
    [
      ...[1400, 1390, 1380, 1370, 1360].map((ago, run) => kill(ago, 5, { run, workload: 'deploy/over' })),
      kill(5, 3, { workload: 'deploy/once' }),
      ...[300, 200, 100].map((ago, run) => kill(ago, 50, { run, workload: 'sts/thrice' })),
    ],
    dayAgo,
    now,
  );
  expect(patterns.map(({ workload, times }) => [workload, times])).toEqual([
    ['sts/thrice', 3],
    ['deploy/once', 1],
    ['deploy/over', 5],
  ]);
});

describe('the kills that a pod shows', () => {
  const killed = (finishedAt: string) => ({
    reason: 'OOMKilled',
    exitCode: 137,
    startedAt: '2026-11-03T11:50:00Z',
    finishedAt,
  });
  const podWith = (status: Record<string, unknown>) =>
    podSchema.parse({
      metadata: {
        namespace: 'shop',
        name: 'checkout-6d4f-x',
        uid: 'u',
        labels: { 'pod-template-hash': '6d4f' },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'checkout-6d4f', controller: true }],
      },
      spec: { containers: [{ name: 'app', resources: { limits: { memory: '512Mi' } } }] },
      status: { startTime: '2026-11-03T11:00:00Z', containerStatuses: [{ name: 'app', ...status }] },
    });

  test('are the present end of each container and the one before', () => {
    const pod = podWith({
      restartCount: 3,
      state: { terminated: killed('2026-11-03T11:55:00Z') },
      lastState: { terminated: killed('2026-11-03T11:40:00Z') },
    });
    expect(killsOf(pod).map(({ run, finishedAt }) => [run, finishedAt])).toEqual([
      [3, '2026-11-03T11:55:00Z'],
      [2, '2026-11-03T11:40:00Z'],
    ]);
    expect(killsOf(pod)[0]).toEqual({
      end: 'killed',
      namespace: 'shop',
      workload: 'deploy/checkout',
      pod: 'checkout-6d4f-x',
      podUid: 'u',
      container: 'app',
      run: 3,
      startedAt: '2026-11-03T11:50:00Z',
      finishedAt: '2026-11-03T11:55:00Z',
      podStartedAt: '2026-11-03T11:00:00Z',
      limitBytes: 536_870_912,
    });
  });

  test('are the same one before and after the restart', () => {
    const ended = killed('2026-11-03T11:55:00Z');
    const views = [
      podWith({ restartCount: 3, state: { terminated: ended } }),
      podWith({
        restartCount: 3,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: ended },
      }),
      podWith({ restartCount: 4, state: { running: {} }, lastState: { terminated: ended } }),
    ].map(killsOf);
    expect(new Set(views.flat().map(({ run }) => run))).toEqual(new Set([3]));
    expect(new Set(views.flat().map(killKey)).size).toBe(1);
    expect(mergedKills(...views)).toHaveLength(1);
  });

  test('are none where it ended otherwise, or does not say when', () => {
    expect(
      killsOf(
        podWith({ lastState: { terminated: { reason: 'Error', exitCode: 137, finishedAt: '2026-11-03T11:55:00Z' } } }),
      ),
    ).toEqual([]);
    expect(killsOf(podWith({ lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } } }))).toEqual([]);
  });
});

function raise(): never {
  throw new Error('there is no pattern');
}
