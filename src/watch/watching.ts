import { setTimeout as pause } from 'node:timers/promises';
import type { RouteFacts } from '../incident/routing.ts';
import type { JvmHint } from '../jvm/hint.ts';
import type { KillStore } from '../kubernetes/kill.ts';
import { killKey } from '../kubernetes/kill.ts';
import type { PodWatch, PodWatching } from '../kubernetes/pod-watch.ts';
import { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';
import type { Standing, WatchStore } from './watch-store.ts';
import { type WatchedEnd, watchedEnds } from './watched-pod.ts';

export type WatchedCluster = {
  readonly name: string;
  /** Empty: all of them. */
  readonly namespaces: readonly string[];
};

export type WatchingParts = {
  kubernetes(cluster: string): Promise<PodWatching>;
  readonly hints: readonly JvmHint[];
  readonly kills: KillStore;
  readonly store: WatchStore;
  /** Takes what was seen; what it throws is tried again. */
  take(ends: readonly WatchedEnd[]): Promise<void>;
  /** This process, in the words of `/oom watch`. */
  readonly worker: string;
  readonly everyMs?: number;
  /** What failed is tried again after this; a cluster that cannot be reached after five times as long. */
  readonly retryMs?: number;
  /** Told how the watches stand, as often as it is written down. */
  measure?(standings: readonly Standing[]): void;
  now(): Date;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
};

export type Watching = { stop(): Promise<void> };

/** An end, and whether it is to be told or is history only. */
type SeenEnd = { readonly end: WatchedEnd; readonly isMeant: boolean };

/** How often it is written down that somebody watches. */
const heartbeatMs = 5000;
/** Kills that are older than the last watch, less this for clocks that differ, were told then. */
const marginMs = 5 * 60_000;
/** A cluster that is watched for the first time has its own past, and nobody wants to be told all of it. */
const firstLookMs = 3_600_000;
/** What happened while nobody watched is told so far back; the history has the rest. */
const farthestMs = 24 * 3_600_000;
/** So many ends are remembered in this process: the same pod shows the same end at each of its changes. */
const mostRemembered = 50_000;
/**
 * What was taken is handed on once more after this: a Redis that is killed loses what it had not written yet, with appendfsync everysec about two
 * seconds (redis.io, Persistence), and only whoever saw it knows.
 */
const againAfterMs = 15_000;
const batch = 200;
const usualRetryMs = 1000;

/**
 * Watches the pods of clusters and hands on each end that was, or may have been, for memory. Each end once as far as this process remembers;
 * across restarts and workers `take` knows. What cannot be taken now is kept and tried again.
 */
export function startWatching(clusters: readonly WatchedCluster[], parts: WatchingParts): Watching {
  const { store, now, log } = parts;
  const stopping = new AbortController();
  const running = clusters.map((cluster) =>
    watchCluster(cluster, parts, { stopped: stopping.signal, tell: () => beat() }),
  );
  const beat = async () => {
    const at = now().getTime();
    for (const { takeAgain } of running) takeAgain(at);
    const standings = running.flatMap(({ standings: own }) => own());
    parts.measure?.(standings);
    const watched = running.filter(({ isWatching }) => isWatching()).map(({ name }) => name);
    await store
      .tell(standings, watched, at)
      .catch((error: unknown) => log('watch not told', { error: messageOf(error) }));
  };
  const timer = setInterval(beat, parts.everyMs ?? heartbeatMs);
  return {
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(running.map(({ stop }) => stop()));
    },
  };
}

function watchCluster(
  { name, namespaces }: WatchedCluster,
  parts: WatchingParts,
  { stopped, tell }: { readonly stopped: AbortSignal; tell(): void },
) {
  const { store, now, log, worker, hints, retryMs = usualRetryMs } = parts;
  const remembered = new Set<string>();
  const standings = new Map<string, Standing>();
  const watches: PodWatch[] = [];
  let pending: SeenEnd[] = [];
  let takenOnce: { readonly seen: SeenEnd; readonly at: number }[] = [];
  let isFlushing = false;
  /** A list was told, and what it showed may not be taken yet. */
  let isNewlyListed = false;
  /** Ends before this that are found were told, or are too old to be told. */
  let tellSince: number | undefined;

  function see(ends: readonly WatchedEnd[], how: 'found' | 'happened'): void {
    const at = now().getTime();
    for (const end of ends) {
      const key = `${killKey(end.kill)} ${end.isSuspected}`;
      if (remembered.has(key)) continue;
      remembered.add(key);
      if (remembered.size > mostRemembered) for (const oldest of remembered) if (remembered.delete(oldest)) break;
      // What happens before our eyes happens now, whatever the clock of its node says.
      const isMeant = end.occurrence.at >= (how === 'found' ? (tellSince ?? 0) : at - farthestMs);
      pending.push({ end, isMeant });
      takenOnce.push({ seen: { end, isMeant }, at });
    }
    if (pending.length > 0 && !isFlushing) void flush();
  }

  function takeAgain(at: number): void {
    const due = takenOnce.filter((each) => at - each.at >= againAfterMs);
    if (due.length === 0 || isFlushing) return;
    takenOnce = takenOnce.filter((each) => at - each.at < againAfterMs);
    pending.push(...due.map(({ seen }) => seen));
    void flush();
  }

  /** One batch after another, in order; the same batch again where it could not be taken. */
  async function flush(): Promise<void> {
    isFlushing = true;
    while (pending.length > 0 && !stopped.aborted) {
      const part = pending.slice(0, batch);
      try {
        const ends = part.map(({ end }) => end);
        await parts.kills.record(
          name,
          ends.filter(({ isSuspected }) => !isSuspected).map(({ kill }) => kill),
        );
        const told = part.filter(({ isMeant }) => isMeant).map(({ end }) => end);
        if (told.length > 0) await parts.take(told);
        pending = pending.slice(part.length);
      } catch (error) {
        log('kills not taken', { cluster: name, waiting: pending.length, error: messageOf(error) });
        await pause(retryMs, undefined, { signal: stopped }).catch(() => {});
      }
    }
    isFlushing = false;
    tellListed();
  }

  /** That it is watched, as soon as what was found is taken: nobody should read for seconds that nobody watches. */
  function tellListed(): void {
    if (!isNewlyListed || isFlushing || stopped.aborted) return;
    isNewlyListed = false;
    tell();
  }

  async function sinceWhen(): Promise<number> {
    const at = now().getTime();
    const last = await store.lastWatched(name);
    return last === undefined ? at - firstLookMs : Math.max(at - farthestMs, last - marginMs);
  }

  function stands(namespace: string | undefined, more: Partial<Pick<Standing, 'pods' | 'trouble'>>): void {
    const key = namespace ?? '';
    const before = standings.get(key) ?? {
      cluster: name,
      namespace: namespace ?? null,
      worker,
      since: now().getTime(),
      pods: 0,
      trouble: null,
    };
    const isChanged = more.trouble !== undefined && (more.trouble === null) !== (before.trouble === null);
    standings.set(key, { ...before, ...more, ...(isChanged ? { since: now().getTime() } : {}) });
  }

  function watch(cluster: PodWatching, namespace: string | undefined): PodWatch {
    const place = { cluster: name, ...(namespace === undefined ? {} : { namespace }) };
    return cluster.watchPods(namespace, {
      pod: (pod, how) => see(watchedEnds(name, pod, hints, now().getTime()), how === 'listed' ? 'found' : 'happened'),
      listed(pods) {
        stands(namespace, { pods, trouble: null });
        log('pods listed', { ...place, pods });
        isNewlyListed = true;
        tellListed();
      },
      trouble(refusal) {
        stands(namespace, { trouble: { message: refusal.message, advice: refusal.advice } });
        log('not watched', { ...place, error: refusal.message, advice: refusal.advice });
      },
      working() {
        stands(namespace, { trouble: null });
        log('watched again', place);
      },
    });
  }

  /** A kubeconfig that cannot be read now may be mended meanwhile. */
  async function begin(): Promise<void> {
    while (!stopped.aborted) {
      try {
        // Before the first list: what is found there is measured by when somebody last watched, and from now on that is now.
        tellSince ??= await sinceWhen();
        const cluster = await parts.kubernetes(name);
        if (stopped.aborted) return;
        // The trouble of the cluster as a whole is over; each watch has its own.
        standings.clear();
        for (const namespace of namespaces.length === 0 ? [undefined] : namespaces)
          watches.push(watch(cluster, namespace));
        return;
      } catch (error) {
        const told = error instanceof Refusal ? error : new Refusal(`${messageOf(error)}.`, 'It is tried again.');
        stands(undefined, { trouble: { message: told.message, advice: told.advice } });
        log('not watched', { cluster: name, error: told.message, advice: told.advice });
        await pause(retryMs * 5, undefined, { signal: stopped }).catch(() => {});
      }
    }
  }
  const begun = begin();

  return {
    name,
    takeAgain,
    standings: () => [...standings.values()],
    isWatching: () =>
      watches.length > 0 &&
      pending.length === 0 &&
      standings.size === watches.length &&
      [...standings.values()].every(({ trouble }) => trouble === null),
    async stop() {
      await begun;
      await Promise.all(watches.map((each) => each.stop()));
    },
  };
}

/** What routes an end: what its pod carries and, where it could be read, its workload. */
export function routeFactsOf(
  { occurrence, labels, annotations }: WatchedEnd,
  workload: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  },
): RouteFacts {
  return {
    cluster: occurrence.cluster,
    namespace: occurrence.namespace,
    labels: { ...workload.labels, ...labels },
    annotations: { ...workload.annotations, ...annotations },
  };
}
