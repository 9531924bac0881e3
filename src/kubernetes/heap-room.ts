import type { Recommendation } from '../jvm/recommendation.ts';
import type { Finding, Severity } from '../report/report.ts';
import { count, formatBytes, formatDuration } from '../report/text.ts';
import { timeMs } from './objects.ts';
import type { Answer } from './why-findings.ts';

/** A heap that is full so soon after the start was filled by the start itself. */
const startMs = 2 * 60_000;
/** One that fills only after so long, and did so as often, is more likely to leak than to be too small. */
const leakMs = 60 * 60_000;
const leakRestarts = 3;

/** The largest heap, where it is known: from the JDK's version and flags, or from flags that give the same on every JDK. */
export function largestHeapBytes({ analysis }: Answer): number | undefined {
  return analysis?.heap?.maxHeapBytes ?? analysis?.boundedHeapBytes;
}

/** A heap below the limit that leaves the rest of the process too little: verdict B. */
export function isRoomTooSmall(answer: Answer): boolean {
  const { analysis, explanation, limit } = answer;
  const wasKilled = explanation.cause === 'limit' || explanation.cause === 'pod-limit';
  return wasKilled && limit.limitBytes !== undefined && analysis?.recommendation?.verdict === 'B';
}

/** Says of a heap below the limit what it leaves for the rest, and what the rest needs. */
export function roomFindings(answer: Answer, severity: Severity): Finding[] {
  const heapBytes = largestHeapBytes(answer);
  const { analysis, limit } = answer;
  const others = analysis?.recommendation?.arithmetic.find(({ name }) => name === 'Other containers')?.bytes;
  if (others !== undefined && heapBytes !== undefined && limit.limitBytes !== undefined)
    return [
      {
        severity,
        grade: 'inferred',
        claim: `The containers of the pod share ${formatBytes(limit.limitBytes)}: the others take ${formatBytes(others)} of it, and this heap may grow to ${formatBytes(heapBytes)}.`,
        evidence:
          'what the others use in the last sample, else their requests; the JVM takes the pod’s limit for its own',
        advice: 'Bound this heap as reckoned below, bound the others too, or give each container a limit of its own.',
      },
    ];
  if (!isRoomTooSmall(answer) || heapBytes === undefined || limit.limitBytes === undefined) return [];
  const beside = (analysis?.recommendation?.arithmetic ?? []).filter(({ name }) => name !== 'Limit' && name !== 'Heap');
  const needed = beside.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    {
      severity,
      grade: 'inferred',
      claim: `The heap may grow to ${formatBytes(heapBytes)} and the limit is ${formatBytes(limit.limitBytes)}: that leaves ${formatBytes(limit.limitBytes - heapBytes)} for all else that a JVM needs, some ${formatBytes(needed)}.`,
      evidence: beside.map(({ name, bytes }) => `${name.toLowerCase()} ${formatBytes(bytes)}`).join(', '),
      advice: 'Lower the heap inside the same limit; the table below has the arithmetic.',
    },
  ];
}

/** What to do about a heap that is full and is as large as its limit holds: verdict E. */
export function fullHeapAdvice({ evidence, explanation, now }: Answer, { neededLimitBytes }: Recommendation): string {
  const { ended, status } = evidence.container;
  const started = timeMs(explanation.livesOn ? status?.state.running?.startedAt : ended?.startedAt);
  const until = explanation.livesOn ? now.getTime() : timeMs(ended?.finishedAt);
  const ranMs = started === undefined || until === undefined || until < started ? undefined : until - started;
  const restarts = status?.restartCount ?? 0;
  const limit = neededLimitBytes === null ? 'the limit' : `the limit to ${formatBytes(neededLimitBytes)}`;
  if (ranMs !== undefined && ranMs < startMs)
    return `It was full ${formatDuration(ranMs)} after the start: that is what the start needs, no leak. Raise ${limit}.`;
  if (ranMs !== undefined && ranMs > leakMs && restarts >= leakRestarts)
    return `It filled up again and again (${count(restarts, 'restart')}, the last time after ${formatDuration(ranMs)}): a leak is likely. Take a heap dump before more memory; to gain time, raise ${limit}.`;
  return `This limit holds no larger heap: raise ${limit} once. If it fills again, take a heap dump before more memory.`;
}
