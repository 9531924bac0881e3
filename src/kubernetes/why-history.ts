import type { Finding } from '../report/report.ts';
import type { Evidence } from './evidence.ts';
import type { Cause } from './explanation.ts';
import { heapEndOf, type Kill, type KillStore, killsKeptMs, killsOf } from './kill.ts';
import { type KillPattern, killPatterns } from './kill-history.ts';
import { type KnownKills, rememberKills } from './kill-memory.ts';
import { endsText, killsEvidence, rhythmAdvice } from './kill-words.ts';
import { type Pod, timeMs } from './objects.ts';
import { workloadNameOf } from './workloads.ts';

/** How often the container in question ended for memory within a day, and what is known of its earlier uptimes. */
export type WhyHistory = {
  readonly pattern: KillPattern | undefined;
  /** When it was first seen to end so, within the 14 days that are kept. */
  readonly firstSeenMs: number | undefined;
  readonly end: Kill['end'];
  readonly history: KnownKills['history'];
  readonly failure: string | undefined;
};

type Keeping = { readonly store: KillStore | undefined; readonly cluster: string; readonly now: Date };

const dayMs = 86_400_000;
const ends: Readonly<Partial<Record<Cause, Kill['end']>>> = {
  limit: 'killed',
  'pod-limit': 'killed',
  'child-process': 'killed',
  'node-oom': 'killed',
  heap: 'heap',
  'gc-overhead': 'heap',
};

/**
 * Keeps the kills that the pods show which were read anyway, and the end of a JVM for want of heap, and finds what is known of
 * the same container of the same workload.
 */
export async function knownKills(
  { pod, container }: Evidence,
  read: readonly Pod[],
  cause: Cause,
  { store, cluster, now }: Keeping,
): Promise<WhyHistory> {
  const end = ends[cause];
  const own = end === 'heap' ? heapEndOf(pod, container) : undefined;
  const seen = [...read.flatMap(killsOf), ...(own === undefined ? [] : [own])];
  const { kills, history, failure } = await rememberKills(store, cluster, seen, new Date(now.getTime() - killsKeptMs));
  const workload = workloadNameOf(pod) ?? `pod/${pod.metadata.name ?? ''}`;
  const same = kills.filter(
    (kill) =>
      kill.end === end &&
      kill.namespace === (pod.metadata.namespace ?? 'default') &&
      kill.workload === workload &&
      kill.container === container.name,
  );
  // An end of another kind is not the next one of those.
  if (end === undefined) return { pattern: undefined, firstSeenMs: undefined, end: 'killed', history, failure };
  return {
    pattern: killPatterns(same, new Date(now.getTime() - dayMs), now)[0],
    firstSeenMs: timeMs(same[0]?.finishedAt),
    end,
    history,
    failure,
  };
}

/**
 * How often, since when, growing or not, and a leak told from a start-up peak.
 * @param mayOutgrow whether the heap may outgrow the limit: then it fills up at its own pace without any leak
 */
export function historyFindings(
  { pattern, end, history, failure }: WhyHistory,
  mayOutgrow: boolean,
  now: Date,
): Finding[] {
  const missing: Finding[] =
    history === 'failed'
      ? [
          {
            severity: 'info',
            grade: 'unknown',
            claim: 'history: not read: earlier kills are not counted.',
            evidence: failure ?? '',
            advice: 'Ask again when Redis answers; `quorum check` tries it.',
          },
        ]
      : [];
  if (pattern === undefined || (pattern.times < 2 && pattern.rhythm === 'unknown')) return missing;
  const { rhythm, times, seen, firstAt } = pattern;
  const looks = looksLike(pattern, mayOutgrow);
  return [
    {
      severity: 'info',
      grade: rhythm === 'unknown' && times === seen ? 'fact' : 'inferred',
      claim: `${endsText(pattern, end, now)}${looks === '' ? '' : `; ${looks}`}.`,
      evidence: killsEvidence(pattern, end),
      advice:
        rhythm === 'leak' && mayOutgrow
          ? 'Bound the heap first; if it ends the same way then, take a heap dump.'
          : rhythmAdvice[rhythm],
      since: firstAt.toISOString(),
    },
    ...missing,
  ];
}

function looksLike({ rhythm }: KillPattern, mayOutgrow: boolean): string {
  switch (rhythm) {
    case 'leak':
      return mayOutgrow
        ? 'at about the same age each time, as a heap does that may outgrow its limit, leak or not'
        : 'at about the same age each time, as a leak does';
    case 'start-up':
      return 'each time as it starts: a start-up peak, no leak';
    case 'varying':
      return 'at any age: rather by load than by a leak';
    case 'unknown':
      return '';
  }
}
