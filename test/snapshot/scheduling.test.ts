import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { type Config, emptyConfig } from '../../src/config.ts';
import { readConfig } from '../../src/config-client.ts';
import { redisOptions } from '../../src/redis/connection-client.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Report } from '../../src/report/report.ts';
import { writeFacts } from '../../src/snapshot/catalogue.ts';
import { type SnapshotsConfig, settingsOf } from '../../src/snapshot/config.ts';
import { demandSchedule, lastDue } from '../../src/snapshot/schedule.ts';
import { type SchedulerTimes, startScheduler } from '../../src/snapshot/scheduler-client.ts';
import { checkSchedules, runDue, type SchedulingParts, scheduledIn } from '../../src/snapshot/scheduling.ts';
import { openStorage } from '../../src/snapshot/storage.ts';
import { fakeEtcd } from '../support/etcd-fake.ts';
import { seenCluster } from '../support/etcd-seen.ts';
import { makeFolder, removeFolder, waitFor } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { databaseBytes, factsOn, inPieces, snapshotsTo } from '../support/snapshots.ts';

jest.setTimeout(60_000);

let folder = '/not/yet';
beforeEach(() => {
  folder = makeFolder('quorum-scheduling');
});
afterEach(() => removeFolder(folder));

const files = () => (existsSync(join(folder, 'prod')) ? readdirSync(join(folder, 'prod')) : []);

function configWith(more: Partial<SnapshotsConfig>, prefix = 'quorum', url = 'redis://127.0.0.1:1'): Config {
  const snapshots = snapshotsTo(folder, { channel: 'C01OPS', ...more });
  const cluster = { endpoints: ['http://10.0.0.1:2379'], requestTimeout: 1000, snapshots };
  return { ...emptyConfig(), redis: { url, prefix }, etcd: { clusters: { prod: cluster } } };
}

type Told = { readonly key: string; readonly report: Report };

/** A cluster whose member sends a snapshot, or refuses; what is told is kept. */
function partsFor(more: Partial<SnapshotsConfig> = {}, changes: Partial<SchedulingParts> = {}, isBroken = false) {
  const told = new Map<string, Report>();
  const measured: string[] = [];
  const parts: SchedulingParts = {
    clients: {
      etcd: async () =>
        fakeEtcd(() => seenCluster({}), {
          snapshots: {
            settings: settingsOf(snapshotsTo(folder, more), 86_400_000),
            storage: await openStorage({ kind: 'directory', path: folder }, 'prod'),
            openScratch: async () => {
              throw new Refusal('A drill needs the programs of etcd.', 'Install them.');
            },
          },
          async *streamSnapshot() {
            if (isBroken) throw new Error('14 UNAVAILABLE: read ECONNRESET');
            for await (const bytes of inPieces(databaseBytes(), 5000)) yield { bytes, remainingBytes: 0 };
          },
        }),
      kubernetes: async () => Promise.reject(new Error('there is none')),
    },
    signal: new AbortController().signal,
    now: () => new Date(),
    // As the delivery does it: a key that stands there already is not posted again.
    tell: async (_channelId, key, report) => {
      if (!told.has(key)) told.set(key, report);
    },
    drill: async () => {
      throw new Refusal('A drill needs the programs of etcd.', 'Install them.');
    },
    log() {},
    metrics: {
      lastGood: (cluster, at) => measured.push(`${cluster} ${at?.toISOString() ?? 'none'}`),
      failed: (cluster, what) => measured.push(`${cluster} ${what} failed`),
    },
    ...changes,
  };
  const all = (): Told[] => [...told].map(([key, report]) => ({ key, report }));
  return { parts, told: all, measured };
}

describe('a line of the config', () => {
  const now = new Date('2026-11-29T12:00:00Z');

  test.each(['0 3 * * *', '*/15 * * * 1-5', '0 5 * * SUN', '30 0 3 * * *'])('%s is one', (line) => {
    expect(() => demandSchedule('etcd.clusters.prod.snapshots.schedule', { line, timeZone: 'UTC' }, now)).not.toThrow();
  });

  test.each(['0 25 * * *', 'every day at 3', '61 * * * *', '0 0 30 2 *'])(
    '%s is none, and its place is named',
    (line) => {
      expect(() => demandSchedule('etcd.clusters.prod.snapshots.schedule', { line, timeZone: 'UTC' }, now)).toThrow(
        `etcd.clusters.prod.snapshots.schedule: “${line}” is no cron line: `,
      );
    },
  );

  test('is meant in its time zone, over a change of the clocks too', () => {
    const berlin = { line: '0 3 * * *', timeZone: 'Europe/Berlin' };
    expect(lastDue(berlin, new Date('2026-10-24T12:00:00Z')).toISOString()).toBe('2026-10-24T01:00:00.000Z');
    expect(lastDue(berlin, new Date('2026-10-25T12:00:00Z')).toISOString()).toBe('2026-10-25T02:00:00.000Z');
    expect(lastDue(berlin, new Date('2026-10-25T02:00:00Z')).toISOString()).toBe('2026-10-25T02:00:00.000Z');
  });
});

describe('a config whose schedule is none', () => {
  const refusalOf = async (line: string, key: 'schedule' | 'drill') => {
    const path = join(folder, 'quorum.yaml');
    writeFileSync(
      path,
      `etcd: { clusters: { prod: { endpoints: ["http://x"], snapshots: { to: { directory: /srv }, encryption: none, channel: C01OPS, ${key}: ${line} } } } }`,
    );
    try {
      await readConfig(path, {}, []);
      return 'taken';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return `${error.message} ${error.advice}`.replace(path, 'quorum.yaml');
    }
  };

  const hint =
    'etcd.clusters.prod.snapshots.schedule: write a cron line of five fields, such as "0 3 * * *" Mend these places; docs/configuration.md lists every key.';

  test.each(['"every night"', '""', '"@daily"', '3', '"0 3 * * * * *"', '"\\0\\x01 3 * * *"'])(
    'is refused, its place named: %s',
    async (line) => {
      expect(await refusalOf(line, 'schedule')).toBe(hint);
    },
  );

  const fields =
    'Write minute, hour, day of the month, month and day of the week: "0 3 * * *" is three in the morning, every day.';

  test('is refused for what no clock shows, and for a day that never comes', async () => {
    expect(await refusalOf('"0 25 * * *"', 'schedule')).toBe(
      `etcd.clusters.prod.snapshots.schedule: “0 25 * * *” is no cron line: Constraint error, got value 25 expected range 0-23. ${fields}`,
    );
    expect(await refusalOf('"0 0 30 2 *"', 'schedule')).toBe(
      `etcd.clusters.prod.snapshots.schedule: “0 0 30 2 *” is no cron line: Invalid explicit day of month definition. ${fields}`,
    );
  });

  test('a drill’s too', async () => {
    expect(await refusalOf('"0 25 * * *"', 'drill')).toMatch(
      /^etcd\.clusters\.prod\.snapshots\.drill: “0 25 \* \* \*” is no cron line: /,
    );
  });
});

describe('what is due', () => {
  const [scheduled] = scheduledIn(configWith({ schedule: '0 3 * * *' }));
  const [drill] = scheduledIn(configWith({ drill: '0 5 * * 0' }));
  if (scheduled === undefined || drill === undefined) throw new Error('nothing is scheduled');
  const dueAt = new Date('2026-11-29T03:00:00Z');
  const at = (iso: string) => ({ now: () => new Date(iso) });

  test('and goes well is quiet, and is done once', async () => {
    const { parts, told } = partsFor({}, at('2026-11-29T03:00:01Z'));
    await runDue(scheduled, { scheduleId: scheduled.id, dueAt, attempt: 1 }, parts);
    await runDue(scheduled, { scheduleId: scheduled.id, dueAt, attempt: 1 }, parts);
    expect(told()).toEqual([]);
    expect(files()).toHaveLength(2);
  });

  test('and was missed is made up for, and told', async () => {
    const { parts, told } = partsFor({}, at('2026-11-29T07:12:00Z'));
    await runDue(scheduled, { scheduleId: scheduled.id, dueAt, attempt: 1 }, parts);
    expect(told().map(({ report }) => report.summary)).toEqual([
      'prod: the scheduled snapshot was missed and made up for 4 h 12 min late',
    ]);
    expect(files()).toHaveLength(2);
  });

  test('and fails is tried again, and told once when it has failed three times', async () => {
    const { parts, told, measured } = partsFor({}, at('2026-11-29T03:00:01Z'), true);
    for (const attempt of [1, 2])
      await expect(runDue(scheduled, { scheduleId: scheduled.id, dueAt, attempt }, parts)).rejects.toThrow(
        /ECONNRESET/,
      );
    expect(told()).toEqual([]);
    await runDue(scheduled, { scheduleId: scheduled.id, dueAt, attempt: 3 }, parts);
    expect(told().map(({ report }) => report.summary)).toEqual([
      'prod: the scheduled snapshot failed: The snapshot was refused: etcd-1 ended the stream after 0 bytes: 14 UNAVAILABLE: read ECONNRESET.',
    ]);
    expect(measured).toEqual(['prod snapshot failed']);
    expect(files()).toEqual([]);
  });

  test('a drill that cannot be made is told at once', async () => {
    const { parts, told } = partsFor({}, at('2026-11-29T05:00:01Z'));
    await runDue(drill, { scheduleId: drill.id, dueAt: new Date('2026-11-29T05:00:00Z'), attempt: 1 }, parts);
    expect(told().map(({ report }) => report.summary)).toEqual([
      'prod: the scheduled restore drill failed: A drill needs the programs of etcd.',
    ]);
  });
});

describe('what Redis forgot is found in the storage', () => {
  const config = () => configWith({ schedule: '0 3 * * *' });

  async function madeUp(known: Date | undefined, busy: boolean, ...taken: Parameters<typeof factsOn>[]) {
    const { parts, measured } = partsFor({}, { now: () => new Date('2026-11-29T07:00:00Z') });
    const storage = await openStorage({ kind: 'directory', path: folder }, 'prod');
    for (const each of taken) {
      const facts = factsOn(...each);
      await storage.writeText(facts.file, 'x');
      await writeFacts(storage, facts);
    }
    const made: string[] = [];
    const schedules = {
      sync: async () => {},
      knownSince: async () => known,
      isBusy: async () => busy,
      makeUp: async (id: string, dueAt: Date) => {
        made.push(`${id} ${dueAt.toISOString()}`);
      },
    };
    await checkSchedules(config(), schedules, parts);
    return { made, measured };
  }
  const long = new Date('2026-11-01T00:00:00Z');
  const missed = ['snapshot-prod 2026-11-29T03:00:00.000Z'];

  test('one that was due and is not there is made up for', async () => {
    expect((await madeUp(long, false, [28])).made).toEqual(missed);
    expect((await madeUp(long, false)).made).toEqual(missed);
  });

  test('one that is there is not', async () => {
    expect((await madeUp(long, false, [29])).made).toEqual([]);
  });

  test('a schedule that is new was due for nobody', async () => {
    expect((await madeUp(new Date('2026-11-29T06:00:00Z'), false)).made).toEqual([]);
  });

  test('unless only Redis is new: an earlier one of the schedule lies there', async () => {
    expect((await madeUp(new Date('2026-11-29T06:59:00Z'), false, [28, { why: 'schedule' }])).made).toEqual(missed);
  });

  test('one that is being made is left alone', async () => {
    expect((await madeUp(long, true, [28])).made).toEqual([]);
  });

  test('the age of the last good one is measured, of this cluster alone', async () => {
    expect((await madeUp(long, false, [27], [28, { clusterId: 'another' }])).measured).toEqual([
      'prod 2026-11-27T03:00:00.000Z',
    ]);
  });
});

describe('over several workers and a real Redis', () => {
  let redis: RedisServer;
  let count = 0;
  const running: { stop(): Promise<void> }[] = [];
  const quick: SchedulerTimes = { retryAfterMs: 10, lockMs: 5000, firstCheckAfterMs: 60_000 };

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  afterEach(async () => {
    await Promise.all(running.splice(0).map((scheduler) => scheduler.stop()));
  });

  const prefixOf = () => `${redis.prefix}-scheduling-${count}`;
  const everySecond = () => configWith({ schedule: '* * * * * *' }, prefixOf(), redis.url);
  beforeEach(() => {
    count += 1;
  });

  async function schedulersInRedis(): Promise<string[]> {
    const queue = new Queue('schedules', { prefix: prefixOf(), connection: redisOptions(redis.url, {}) });
    try {
      return (await queue.getJobSchedulers()).map(({ key, pattern, tz }) => `${key} ${pattern} ${tz}`);
    } finally {
      await queue.close();
    }
  }

  test('each time is done by one of them, and what fails is told once', async () => {
    const { parts, told } = partsFor({}, {}, true);
    const runs: string[] = [];
    const counting: SchedulingParts = { ...parts, log: (event, { due }) => runs.push(`${event} ${String(due)}`) };
    running.push(startScheduler(everySecond(), counting, () => {}, quick));
    running.push(startScheduler(everySecond(), counting, () => {}, quick));
    await waitFor('two times that failed and were told', () => told().length >= 2, { timeoutMs: 20_000 });
    const keys = told().map(({ key }) => key);
    expect(keys.every((key) => /^snapshot-prod-\d{13}-failed$/.test(key))).toBe(true);
    // Three tries for each time that was told, not six.
    const [first = ''] = keys;
    const due = String(new Date(Number(first.split('-')[2])));
    expect(runs.filter((run) => run === `scheduled failed ${due}`).length % 3).toBe(0);
  });

  test('a schedule goes from Redis with the config that named it', async () => {
    const { parts } = partsFor();
    const first = startScheduler(
      configWith({ schedule: '0 3 * * *', drill: '0 5 * * 0', timeZone: 'Europe/Berlin' }, prefixOf(), redis.url),
      parts,
      () => {},
      quick,
    );
    await waitFor('both to be there', async () => (await schedulersInRedis()).length === 2);
    expect((await schedulersInRedis()).sort()).toEqual([
      'drill-prod 0 5 * * 0 Europe/Berlin',
      'snapshot-prod 0 3 * * * Europe/Berlin',
    ]);
    await first.stop();
    running.push(startScheduler(configWith({ schedule: '0 4 * * *' }, prefixOf(), redis.url), parts, () => {}, quick));
    await waitFor(
      'the other one alone',
      async () => (await schedulersInRedis()).join() === 'snapshot-prod 0 4 * * * UTC',
    );
  });

  test('a schedule that Redis lost is there again after the next check', async () => {
    const { parts } = partsFor();
    const config = configWith({ schedule: '0 3 * * *' }, prefixOf(), redis.url);
    running.push(startScheduler(config, parts, () => {}, { ...quick, firstCheckAfterMs: 2000 }));
    await waitFor('it to be there', async () => (await schedulersInRedis()).length === 1);
    const queue = new Queue('schedules', { prefix: prefixOf(), connection: redisOptions(redis.url, {}) });
    await queue.removeJobScheduler('snapshot-prod');
    await queue.close();
    await waitFor('it to be there again', async () => (await schedulersInRedis()).length === 1);
  });
});
