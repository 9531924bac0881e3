import { formatDuration } from '../report/text.ts';
import { timeMs } from './objects.ts';

/** How long ago an RFC 3339 time was, as people say it: `2 min ago`. */
export function ago(time: string | undefined, now: Date): string {
  const ms = timeMs(time);
  if (ms === undefined) return 'at an unknown time';
  const passedMs = now.getTime() - ms;
  return passedMs < 1000 ? 'just now' : `${formatDuration(passedMs)} ago`;
}
