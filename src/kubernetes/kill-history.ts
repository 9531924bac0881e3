import { count, formatBytes, formatDuration } from '../report/text.ts';
import type { Kill } from './kill.ts';
import { timeMs } from './objects.ts';

/** More or fewer as time goes by, none for long, or too few to say. */
export type KillTrend = 'growing' | 'steady' | 'falling' | 'stopped' | 'unknown';
/**
 * What the uptimes look like. `leak`: killed at about the same age each time. `start-up`: within its first two minutes.
 * `varying`: at any age, so rather by load. `unknown`: too few to say.
 */
export type KillRhythm = 'leak' | 'start-up' | 'varying' | 'unknown';

/** How often one container of a workload was killed, since when, and what that looks like. All of it is inferred but `seen`. */
export type KillPattern = {
  readonly namespace: string;
  readonly workload: string;
  readonly container: string;
  /** How many pods of the workload. */
  readonly pods: number;
  /** The pod that was killed last. */
  readonly lastPod: string;
  /** Kills that were seen. */
  readonly seen: number;
  /** The same with the ends that restart counts tell of and nobody saw. */
  readonly times: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Time between two kills, on average while they lasted; undefined for a single one. */
  readonly everyMs: number | undefined;
  readonly trend: KillTrend;
  readonly rhythm: KillRhythm;
  /** What the rhythm is told from: a clause. */
  readonly because: string;
  /** How long it ran before each kill that was seen, oldest first. */
  readonly uptimesMs: readonly number[];
  /** The limit at the last kill. */
  readonly limitBytes: number | null;
};

const minuteMs = 60_000;
/** A JVM that dies sooner dies of what it needs at its start. */
const startUpMs = 2 * minuteMs;
/** The kubelet waits at most this long before it starts a container again, and forgets its waits once one ran twice as long. */
const longestBackoffMs = 5 * minuteMs;
const backoffForgottenMs = 2 * longestBackoffMs;

/**
 * One pattern for each container of each workload that was killed within the window, worst first: what goes on before what is
 * over, then the one with more kills.
 * @param kills also older ones: their uptimes count
 */
export function killPatterns(kills: readonly Kill[], from: Date, now: Date): KillPattern[] {
  const groups = new Map<string, Kill[]>();
  for (const kill of kills) {
    const key = [kill.namespace, kill.workload, kill.container].join('\n');
    groups.set(key, [...(groups.get(key) ?? []), kill]);
  }
  const patterns = [...groups.values()].flatMap((group) => patternOf(group, from, now) ?? []);
  return patterns.sort(
    (a, b) =>
      Number(a.trend === 'stopped') - Number(b.trend === 'stopped') ||
      b.times - a.times ||
      b.lastAt.getTime() - a.lastAt.getTime() ||
      placeOf(a).localeCompare(placeOf(b), 'en'),
  );
}

/** `shop/checkout`: how people call it. */
export function placeOf({ namespace, workload }: Pick<KillPattern, 'namespace' | 'workload'>): string {
  return `${namespace}/${workload.replace(/^[^/]*\//, '')}`;
}

function patternOf(kills: readonly Kill[], from: Date, now: Date): KillPattern | undefined {
  const all = [...kills].sort((a, b) => endMs(a) - endMs(b));
  const within = all.filter((kill) => endMs(kill) >= from.getTime());
  const last = within.at(-1);
  const first = within[0];
  if (last === undefined || first === undefined) return undefined;
  const runs = runsOf(all);
  const pods = runs.filter(({ uid }) => within.some(({ podUid }) => podUid === uid));
  const window = { from: from.getTime(), to: now.getTime() };
  const perPod = pods.map((pod) => {
    const seen = within.filter(({ podUid }) => podUid === pod.uid).length;
    return { pod, seen, times: Math.max(seen, Math.round(endsBetween(pod, window.from, window.to))) };
  });
  const times = perPod.reduce((sum, pod) => sum + pod.times, 0);
  const isCounted = times === within.length;
  // Where ends before the first that was seen are counted, they reach back to the pod's own beginning.
  const beginnings = perPod.flatMap(({ pod: { points }, times: told, seen }) => {
    const [start] = points;
    const reachesBack = start !== undefined && (start.ended === 0 || start.atMs < window.from);
    return told > seen && reachesBack ? [Math.max(window.from, start.atMs)] : [];
  });
  const firstMs = Math.min(endMs(first), ...beginnings);
  const spanMs = endMs(last) - firstMs;
  const gaps = isCounted || beginnings.length === 0 ? times - 1 : times;
  const everyMs = gaps > 0 && spanMs > 0 ? spanMs / gaps : undefined;
  const uptimes = all.flatMap((kill) => uptimeOf(kill) ?? []);
  const judged = rhythmOf(all);
  return {
    namespace: last.namespace,
    workload: last.workload,
    container: last.container,
    pods: pods.length,
    lastPod: last.pod,
    seen: within.length,
    times,
    firstAt: new Date(firstMs),
    lastAt: new Date(endMs(last)),
    everyMs,
    trend: trendOf({ runs: pods, kills: within, times, firstMs, everyMs, uptimes }, now),
    ...judged,
    uptimesMs: uptimes,
    limitBytes: last.limitBytes,
  };
}

type Point = { readonly atMs: number; readonly ended: number };
/** How many runs of a container had ended by when, in one pod: from restart counts, so also for ends that nobody saw. */
type Runs = { readonly uid: string; readonly points: readonly Point[] };

function runsOf(kills: readonly Kill[]): Runs[] {
  const uids = [...new Set(kills.map(({ podUid }) => podUid))];
  return uids.map((uid) => {
    const own = kills.filter(({ podUid }) => podUid === uid);
    const [first] = own;
    const startMs = timeMs(first?.podStartedAt ?? undefined);
    const start =
      first === undefined || first.run === 0
        ? []
        : startMs !== undefined && startMs < endMs(first)
          ? [{ atMs: startMs, ended: 0 }]
          : [];
    const points = own.map((kill) => ({ atMs: endMs(kill), ended: kill.run + 1 }));
    // A run that was counted down again is a pod whose status was lost: what was counted before stands.
    let most = 0;
    const rising = [...start, ...points].map(({ atMs, ended }) => {
      most = Math.max(most, ended);
      return { atMs, ended: most };
    });
    return { uid, points: rising };
  });
}

/** Ends of runs within a time, taken as spread evenly between two that are known. */
function endsBetween({ points }: Runs, fromMs: number, toMs: number): number {
  const [first] = points;
  if (first === undefined) return 0;
  const endedBy = (atMs: number): number => {
    const after = points.findIndex((point) => point.atMs > atMs);
    if (after === 0) return first.ended === 0 ? 0 : first.ended - 1;
    const before = points[after < 0 ? points.length - 1 : after - 1] ?? first;
    const next = after < 0 ? undefined : points[after];
    if (next === undefined) return before.ended;
    return before.ended + ((next.ended - before.ended) * (atMs - before.atMs)) / (next.atMs - before.atMs);
  };
  return endedBy(toMs) - endedBy(fromMs - 1);
}

type Course = {
  readonly runs: readonly Runs[];
  readonly kills: readonly Kill[];
  readonly times: number;
  readonly firstMs: number;
  readonly everyMs: number | undefined;
  readonly uptimes: readonly number[];
};

function trendOf({ runs, kills, times, firstMs, everyMs, uptimes }: Course, now: Date): KillTrend {
  const last = kills.at(-1);
  if (last === undefined) return 'unknown';
  const quietMs = now.getTime() - endMs(last);
  const lifeMs = median(uptimes) ?? 0;
  if (everyMs !== undefined && quietMs > Math.max(3 * everyMs, 3 * (lifeMs + longestBackoffMs))) return 'stopped';
  if (kills.length < 3 || times < 4) return 'unknown';
  const middleMs = (firstMs + now.getTime()) / 2;
  const endsIn = (fromMs: number, toMs: number) => runs.reduce((sum, pod) => sum + endsBetween(pod, fromMs, toMs), 0);
  const earlier = endsIn(firstMs, middleMs);
  const later = endsIn(middleMs, now.getTime());
  if (later >= 1.5 * earlier && later - earlier >= 2) return 'growing';
  // One that dies young is started again later and later: fewer kills then are the kubelet's doing.
  const isHeldBack = lifeMs < backoffForgottenMs;
  return !isHeldBack && earlier >= 1.5 * later && earlier - later >= 2 ? 'falling' : 'steady';
}

/** A leak fills up at its own pace; a start-up peak comes at once; load comes when it comes. */
function rhythmOf(kills: readonly Kill[]): Pick<KillPattern, 'rhythm' | 'because'> {
  const uptimes = kills.flatMap((kill) => uptimeOf(kill) ?? []);
  const [only] = uptimes;
  if (only === undefined) return { rhythm: 'unknown', because: 'how long it ran is not known' };
  const [low, high, middle] = [Math.min(...uptimes), Math.max(...uptimes), median(uptimes) ?? only];
  const ran = low === high ? formatDuration(low) : `${formatDuration(low)} to ${formatDuration(high)}`;
  if (high < startUpMs && (uptimes.length > 1 || isLoop(kills.at(-1), only)))
    return { rhythm: 'start-up', because: `it ran ${ran} before each kill` };
  if (uptimes.length < 3)
    return { rhythm: 'unknown', because: `${count(uptimes.length, 'uptime')} known (${ran}): too few to say` };
  const raised = raisedLimit(kills);
  if (raised !== undefined) return { rhythm: 'leak', because: raised };
  if (low >= startUpMs && high - low <= middle / 2)
    return { rhythm: 'leak', because: `it ran ${ran} before each of ${uptimes.length} kills` };
  return { rhythm: 'varying', because: `it ran ${ran} before ${uptimes.length} kills` };
}

/** A single short run of many: its pod is too young for the others to have been much longer. */
function isLoop(kill: Kill | undefined, uptimeMs: number): boolean {
  const podMs = kill === undefined ? undefined : timeMs(kill.podStartedAt ?? undefined);
  if (kill === undefined || podMs === undefined || kill.run < 2) return false;
  return (endMs(kill) - podMs) / (kill.run + 1) <= uptimeMs + longestBackoffMs;
}

/** A limit that was raised, and only made it live longer. */
function raisedLimit(kills: readonly Kill[]): string | undefined {
  const limits = [...new Set(kills.flatMap(({ limitBytes }) => limitBytes ?? []))].sort((a, b) => a - b);
  const [lower, higher] = limits.slice(-2);
  if (lower === undefined || higher === undefined) return undefined;
  const lifeAt = (limit: number) =>
    median(kills.filter(({ limitBytes }) => limitBytes === limit).flatMap((kill) => uptimeOf(kill) ?? []));
  const [before, after] = [lifeAt(lower), lifeAt(higher)];
  if (before === undefined || after === undefined || before < startUpMs || after < 1.2 * before) return undefined;
  return `with ${formatBytes(higher)} it ran ${formatDuration(after)}, with ${formatBytes(lower)} ${formatDuration(before)}: more memory only made it last longer`;
}

function endMs({ finishedAt }: Kill): number {
  return timeMs(finishedAt) ?? 0;
}

function uptimeOf(kill: Kill): number | undefined {
  const startMs = timeMs(kill.startedAt ?? undefined);
  const ranMs = startMs === undefined ? -1 : endMs(kill) - startMs;
  return ranMs < 0 ? undefined : ranMs;
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
