/** Every day from one time to another, in a time zone; over midnight where `from` is the later one. */
export type QuietHours = { readonly from: string; readonly to: string; readonly timeZone: string };

const minuteMs = 60_000;
const dayMinutes = 24 * 60;
/** A day that begins here is when people are back: what "until tomorrow" means. */
const morning = '08:00';

/**
 * When the quiet hours are over that `now` lies in; undefined where it lies in none.
 * @param now milliseconds since the epoch, as the answer
 */
export function quietUntil({ from, to, timeZone }: QuietHours, now: number): number | undefined {
  const [start, end, at] = [minutesOf(from), minutesOf(to), localMinutes(now, timeZone)];
  const isQuiet = start <= end ? at >= start && at < end : at >= start || at < end;
  return isQuiet ? nextTime(to, timeZone, now) : undefined;
}

/** The next 08:00 in a time zone. At 3 a.m. that is in five hours: the day that whoever is awake then calls tomorrow. */
export function tomorrowMorning(timeZone: string, now: number): number {
  return nextTime(morning, timeZone, now);
}

/** The next moment, after now, at which clocks in that zone show this time. A clock that is put forward or back is followed. */
function nextTime(time: string, timeZone: string, now: number): number {
  const wholeMinute = Math.floor(now / minuteMs) * minuteMs;
  const ahead = (minutesOf(time) - localMinutes(now, timeZone) + dayMinutes) % dayMinutes || dayMinutes;
  const guess = wholeMinute + ahead * minuteMs;
  const off = (minutesOf(time) - localMinutes(guess, timeZone) + dayMinutes) % dayMinutes;
  const corrected = guess + (off > dayMinutes / 2 ? off - dayMinutes : off) * minuteMs;
  // A time that the clocks leave out on this day: the first one after the gap.
  return localMinutes(corrected, timeZone) === minutesOf(time) ? corrected : guess;
}

function localMinutes(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone }).formatToParts(at);
  const value = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return (value('hour') % 24) * 60 + value('minute');
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}
