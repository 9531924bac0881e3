import { setTimeout as wait } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { z } from 'zod';
import { messageOf } from '../thrown.ts';
import { redisOptions } from './connection-client.ts';

const queueName = 'schedules';
const stopWithinMs = 2000;

/** Something that is due again and again: a cron line in a time zone. */
export type Schedule = {
  /** The same in every process, and no `:` in it. */
  readonly id: string;
  readonly line: string;
  readonly timeZone: string;
};

/** One time at which a schedule was due. */
export type Due = { readonly scheduleId: string; readonly dueAt: Date /** From 1 on. */; readonly attempt: number };

export type ScheduleTimes = {
  readonly retryAfterMs: number;
  readonly attempts: number;
  readonly lockMs: number;
  readonly stalledCheckMs: number;
};

export const defaultScheduleTimes: ScheduleTimes = {
  retryAfterMs: 60_000,
  // An hour: what is due is told even where Slack was away.
  attempts: 60,
  lockMs: 30_000,
  stalledCheckMs: 10_000,
};

export type Schedules = {
  /** Brings Redis in line with the config: also where it came back empty, and where another version left a schedule that is no more. */
  sync(): Promise<void>;
  /** Since when Redis knows a schedule as it is now; undefined where it does not. */
  knownSince(scheduleId: string): Promise<Date | undefined>;
  /** Whether something of this schedule runs, waits or is tried again. */
  isBusy(scheduleId: string): Promise<boolean>;
  /** Makes up for a time that was missed; the same time is taken once. */
  makeUp(scheduleId: string, dueAt: Date): Promise<void>;
  stop(): Promise<void>;
};

const dataSchema = z.object({ scheduleId: z.string(), dueAt: z.number().optional() });
const sinceSchema = z.object({ since: z.number() });

/**
 * One schedule over all workers: BullMQ's job schedulers, kept in Redis. Each time that is due is one job, taken by one worker, tried again where it fails.
 * @param run what is due; what it throws is tried again
 */
export function startSchedules(
  redis: { url: string; prefix: string },
  wanted: readonly Schedule[],
  run: (due: Due) => Promise<void>,
  tellFault: (error: Error) => void,
  given: Partial<ScheduleTimes> = {},
): Schedules {
  const times = { ...defaultScheduleTimes, ...given };
  const queue = new Queue(queueName, {
    prefix: redis.prefix,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    // The first round comes before the connection: it waits for it, and fails with the first try where Redis is away.
    connection: redisOptions(redis.url, { maxRetriesPerRequest: 1, connectTimeout: 1000 }),
  });
  queue.on('error', tellFault);
  const options = {
    attempts: times.attempts,
    backoff: { type: 'fixed' as const, delay: times.retryAfterMs },
    removeOnComplete: { count: 200 },
    removeOnFail: { count: 200 },
  };
  const worker = new Worker(
    queueName,
    async (job) => {
      const { scheduleId, dueAt } = dataSchema.parse(job.data);
      // A schedule that the config dropped meanwhile is due for nobody.
      if (!wanted.some(({ id }) => id === scheduleId)) return;
      const due = dueAt ?? Number(job.id?.split(':').at(-1));
      await run({ scheduleId, dueAt: new Date(due), attempt: job.attemptsMade + 1 });
    },
    {
      prefix: redis.prefix,
      concurrency: 2,
      lockDuration: times.lockMs,
      stalledInterval: times.stalledCheckMs,
      maxStalledCount: 10,
      skipVersionCheck: true,
      connection: redisOptions(redis.url, { maxRetriesPerRequest: null }),
    },
  );
  worker.on('error', tellFault);
  worker.on('failed', (job, error) => tellFault(new Error(`${job?.name}: ${messageOf(error)}`)));

  return {
    async sync() {
      const known = await queue.getJobSchedulers();
      for (const { key } of known) if (!wanted.some(({ id }) => id === key)) await queue.removeJobScheduler(key);
      for (const { id, line, timeZone } of wanted) {
        const standing = known.find(({ key }) => key === id);
        // Setting it anew would drop the time that is due right now.
        if (standing?.pattern === line && standing.tz === timeZone && standing.next != null) continue;
        await queue.upsertJobScheduler(
          id,
          { pattern: line, tz: timeZone },
          { name: id, data: { scheduleId: id, since: Date.now() }, opts: options },
        );
      }
    },
    async knownSince(scheduleId) {
      const since = sinceSchema.safeParse((await queue.getJobScheduler(scheduleId))?.template?.data).data?.since;
      return since === undefined ? undefined : new Date(since);
    },
    async isBusy(scheduleId) {
      const jobs = await queue.getJobs(['active', 'waiting', 'delayed', 'prioritized']);
      return jobs.some(
        (job) =>
          job?.data?.scheduleId === scheduleId && (job.attemptsMade > 0 || job.timestamp + job.delay <= Date.now()),
      );
    },
    async makeUp(scheduleId, dueAt) {
      const data = { scheduleId, dueAt: dueAt.getTime() };
      await queue.add(scheduleId, data, { ...options, jobId: `missed-${scheduleId}-${dueAt.getTime()}` });
    },
    async stop() {
      // Without Redis the closing never ends.
      const closing = Promise.allSettled([worker.close(), queue.close().catch(() => queue.disconnect())]);
      await Promise.race([closing, wait(stopWithinMs, undefined, { ref: false })]);
    },
  };
}
