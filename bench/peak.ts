import { timeMs } from './rounds.ts';

const mega = 1e6;

/** How long some work takes, and how far the resident memory of this process rises meanwhile. */
export async function withPeak(work: () => Promise<unknown>) {
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  const tookMs = await timeMs(work).finally(() => clearInterval(sampling));
  peak = Math.max(peak, process.memoryUsage.rss());
  return { tookMs, peakMb: peak / mega, extraMb: (peak - before) / mega };
}
