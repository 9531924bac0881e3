import type { Config } from '../config.ts';
import { type ScheduleTimes, startSchedules } from '../redis/schedule-client.ts';
import { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';
import { checkSchedules, runDue, type SchedulingParts, scheduledIn } from './scheduling.ts';

/** The storages are read so often: a bucket bills each request. */
const checkEveryMs = 10 * 60_000;
/** Right after the start what Redis has kept comes first. */
const firstCheckAfterMs = 5_000;
const retryAfterMs = 500;

export type SchedulerTimes = Partial<ScheduleTimes> & { readonly firstCheckAfterMs?: number };

/** Runs the schedules of the config in this worker, together with all others. */
export function startScheduler(
  config: Config,
  parts: Omit<SchedulingParts, 'signal'>,
  tellFault: (error: Error) => void,
  times: SchedulerTimes = {},
): { stop(): Promise<void> } {
  const wanted = scheduledIn(config);
  const stopping = new AbortController();
  const all: SchedulingParts = { ...parts, signal: stopping.signal };
  const schedules = startSchedules(
    config.redis,
    wanted,
    async (due) => {
      const scheduled = wanted.find(({ id }) => id === due.scheduleId);
      if (scheduled === undefined) throw new Refusal(`There is no schedule ${due.scheduleId}.`, '');
      await runDue(scheduled, due, all);
    },
    tellFault,
    times,
  );
  let timer: NodeJS.Timeout;
  const later = (work: () => Promise<void>, ms: number) => {
    if (!stopping.signal.aborted) timer = setTimeout(work, ms);
  };
  const tell = (error: unknown) => tellFault(error instanceof Error ? error : new Error(messageOf(error)));
  /** Without Redis nothing is scheduled: it is tried again until it is there. */
  const begin = () =>
    schedules.sync().then(
      () => later(round, times.firstCheckAfterMs ?? firstCheckAfterMs),
      (error: unknown) => {
        tell(error);
        later(begin, retryAfterMs);
      },
    );
  const round = () =>
    checkSchedules(config, schedules, all).then(
      () => later(round, checkEveryMs),
      (error: unknown) => {
        tell(error);
        later(round, firstCheckAfterMs);
      },
    );
  begin();
  return {
    async stop() {
      clearTimeout(timer);
      stopping.abort();
      await schedules.stop();
    },
  };
}
