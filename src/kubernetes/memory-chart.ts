import type { Chart, ChartLevel, ChartMark, ChartPoint } from '../report/chart.ts';
import { formatBytes, formatDuration, listed, shortened } from '../report/text.ts';
import { utcClock, utcDay, utcMoment } from '../report/utc.ts';
import { largest, type MemoryHistory, peakOf, type Sample, thinned } from './memory-history.ts';

/** As many values as a line of the picture has room for. */
const mostValues = 600;
/** A heap that may grow past this share of the limit is told in words: drawn, it would press everything else flat. */
const highestShare = 1.5;

export type Pictured = {
  readonly history: MemoryHistory;
  /** The verdict in a line. */
  readonly title: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly limitBytes: number | undefined;
  /** The largest heap as reckoned, where the JVM itself does not tell it. */
  readonly heapMaxBytes: number | undefined;
  /** The last end as the pod tells it. */
  readonly ended: { readonly atMs: number; readonly reason: string } | undefined;
};

/** A container's memory against its limit. */
export function memoryChart(pictured: Pictured): Chart {
  const { history, title, namespace, pod, container, limitBytes } = pictured;
  const { fromMs, toMs, runs, heapRuns } = history;
  const heapMaxBytes = history.heapMaxBytes ?? pictured.heapMaxBytes;
  const peak = peakOf(history);
  const ceiling = Math.max(limitBytes ?? 0, peak?.[1] ?? 0);
  const isAbove = heapMaxBytes !== undefined && heapMaxBytes > ceiling * highestShare;
  const marks = marksOf(pictured);
  const name = `${namespace}/${pod}${pod.startsWith(container) ? '' : ` (${container})`}`;
  const peakText = peak === undefined ? '' : ` · peak ${formatBytes(peak[1])} at ${utcMoment(peak[0], toMs)}`;
  const days = utcDay(fromMs) === utcDay(toMs) ? utcDay(toMs) : `${utcDay(fromMs)} to ${utcDay(toMs)}`;
  return {
    name: `memory-${pod.replace(/[^A-Za-z0-9.-]/g, '-').slice(0, 200)}`,
    title: title.slice(0, 1).toUpperCase() + title.slice(1),
    subtitle: `${shortened(name, 48)}${peakText}`,
    footer: `${days} ${new Date(toMs).getUTCFullYear()} · ${sourceName[history.source]}, a value every ${formatDuration(history.everyMs)}`,
    alt: altOf(pictured, name, marks),
    fromSeconds: fromMs / 1000,
    toSeconds: toMs / 1000,
    lines: [
      { name: 'working set', role: 'working-set' as const, parts: partsOf(runs) },
      { name: 'heap used', role: 'heap' as const, parts: partsOf(heapRuns) },
    ].filter(({ parts }) => parts.length > 0),
    levels: [
      ...(limitBytes === undefined ? [] : [limitLevel(limitBytes, history.limits)]),
      ...(heapMaxBytes === undefined || isAbove || heapMaxBytes === limitBytes
        ? []
        : [{ name: 'largest heap', role: 'heap-max' as const, bytes: heapMaxBytes }]),
    ],
    marks,
    ...(isAbove
      ? { remark: `↑ the heap may grow to ${formatBytes(heapMaxBytes)}` }
      : limitBytes === undefined
        ? { remark: 'no memory limit' }
        : {}),
  };

  function limitLevel(bytes: number, limits: readonly Sample[]): ChartLevel {
    const changes = limits.filter(([, value], index) => value !== limits[index - 1]?.[1]);
    const level = { name: 'limit', role: 'limit' as const, bytes };
    return changes.length < 2 ? level : { ...level, steps: changes.map(pointOf) };
  }

  function altOf({ ended }: Pictured, shown: string, seen: readonly ChartMark[]): string {
    const ends = seen.map((mark) => `${mark.name} ${utcMoment(mark.atSeconds * 1000, toMs)}`);
    return [
      `Memory of ${shown} from ${utcDay(fromMs)} ${utcClock(fromMs)} to ${utcDay(toMs)} ${utcClock(toMs)} UTC.`,
      peak === undefined ? '' : `The working set was at most ${formatBytes(peak[1])}, at ${utcMoment(peak[0], toMs)}.`,
      limitBytes === undefined ? 'There is no limit.' : `The limit is ${formatBytes(limitBytes)}.`,
      heapUsedText(),
      ended === undefined && ends.length === 0 ? '' : `${listed(ends.slice(-6))}.`,
    ]
      .filter((part) => part !== '' && part !== '.')
      .join(' ')
      .slice(0, 900);
  }

  function heapUsedText(): string {
    const used = largest(heapRuns.flat());
    return used === undefined ? '' : `The heap in use was at most ${formatBytes(used[1])}.`;
  }
}

const sourceName = { prometheus: 'Prometheus', samples: 'kept samples of metrics.k8s.io' } as const;

function partsOf(runs: readonly (readonly Sample[])[]): ChartPoint[][] {
  const all = runs.reduce((sum, { length }) => sum + length, 0);
  const share = Math.min(1, mostValues / Math.max(1, all));
  return runs.map((run) => thinned(run, Math.max(3, Math.floor(run.length * share))).map(pointOf));
}

function pointOf([atMs, bytes]: Sample): ChartPoint {
  return [Math.round(atMs / 1000), Math.round(bytes)];
}

/** The end that the pod tells of takes the place of the one that was concluded from its values. */
function marksOf({ history, ended }: Pictured): ChartMark[] {
  const { fromMs, toMs, endsMs, everyMs } = history;
  const isSame = (ms: number) => ended !== undefined && Math.abs(ended.atMs - ms) <= Math.max(2.5 * everyMs, 60_000);
  const concluded = endsMs
    .filter((ms) => !isSame(ms))
    .map((ms) => ({ atSeconds: Math.round(ms / 1000), kind: 'end' as const, name: 'ended' }));
  if (ended === undefined || ended.atMs < fromMs || ended.atMs > toMs) return concluded;
  const isKill = ended.reason === 'OOMKilled';
  const known = {
    atSeconds: Math.round(ended.atMs / 1000),
    kind: isKill ? ('kill' as const) : ('end' as const),
    name: isKill ? 'OOM-killed' : 'ended',
  };
  return [...concluded, known].sort((a, b) => a.atSeconds - b.atSeconds);
}
