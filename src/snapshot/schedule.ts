import { CronExpressionParser } from 'cron-parser';
import { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';

/** A cron line and the time zone that it is meant in. */
export type Schedule = { readonly line: string; readonly timeZone: string };

/** The parser is the one that BullMQ uses: what is taken here, is taken there. */
function parsed({ line, timeZone }: Schedule, now: Date) {
  return CronExpressionParser.parse(line, { tz: timeZone, currentDate: now });
}

/** @throws Refusal for what is no cron line; `key` names its place in quorum.yaml */
export function demandSchedule(key: string, schedule: Schedule, now: Date): void {
  try {
    parsed(schedule, now).next();
  } catch (error) {
    throw new Refusal(
      `${key}: “${schedule.line}” is no cron line: ${messageOf(error)}.`,
      'Write minute, hour, day of the month, month and day of the week: "0 3 * * *" is three in the morning, every day.',
    );
  }
}

/** The last time at or before now at which it was due. */
export function lastDue(schedule: Schedule, now: Date): Date {
  // `prev` is strictly before: a moment later also counts the present one.
  return parsed(schedule, new Date(now.getTime() + 1))
    .prev()
    .toDate();
}

export function nextDue(schedule: Schedule, now: Date): Date {
  return parsed(schedule, now).next().toDate();
}
