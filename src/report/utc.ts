/** Times as a picture shows them: UTC, short. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `09:58`. */
export function utcClock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16);
}

/** `3 Nov`. */
export function utcDay(ms: number): string {
  const at = new Date(ms);
  return `${at.getUTCDate()} ${months[at.getUTCMonth()]}`;
}

/** `09:58` where it is on the day of `todayMs`, else `3 Nov 09:58`. */
export function utcMoment(ms: number, todayMs: number): string {
  return utcDay(ms) === utcDay(todayMs) ? utcClock(ms) : `${utcDay(ms)} ${utcClock(ms)}`;
}
