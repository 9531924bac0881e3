import type { JsonObject } from '../report/report.ts';
import { formatBytes, formatDuration } from '../report/text.ts';
import { utcMoment } from '../report/utc.ts';
import { type MemoryHistory, peakOf, thinned } from './memory-history.ts';

/** As many values as a script is given. */
const mostValues = 120;

/** `498 MiB at 02:11 UTC (Prometheus, a value every 30 s: the last spike before a kill can be missed)`. */
export function peakText(history: MemoryHistory): string {
  const peak = peakOf(history);
  if (peak === undefined) return 'none seen';
  const from = history.source === 'prometheus' ? 'Prometheus' : 'samples of metrics.k8s.io';
  const every = formatDuration(history.everyMs);
  return `${formatBytes(peak[1])} at ${utcMoment(peak[0], history.toMs)} UTC (${from}, a value every ${every}: the last spike before a kill can be missed)`;
}

/** What scripts get of it: the largest values, at most 120 of them. Times are RFC 3339, sizes bytes. */
export function memoryData(history: MemoryHistory): JsonObject {
  const peak = peakOf(history);
  return {
    source: history.source,
    from: new Date(history.fromMs).toISOString(),
    to: new Date(history.toMs).toISOString(),
    everyMs: history.everyMs,
    peakBytes: peak?.[1] ?? null,
    peakAt: peak === undefined ? null : new Date(peak[0]).toISOString(),
    heapMaxBytes: history.heapMaxBytes ?? null,
    workingSet: thinned(history.runs.flat(), mostValues).map(([atMs, bytes]) => ({
      at: new Date(atMs).toISOString(),
      bytes,
    })),
  };
}
