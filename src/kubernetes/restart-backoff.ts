import { timeMs } from './objects.ts';

/** When the kubelet starts a crashed container again, and how that is known. */
export type NextRestart = {
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly delayMs: number;
  /** The kubelet tells the delay in its message; else it is concluded from the number of restarts. */
  readonly knownFrom: 'message' | 'restart count';
  /** Milliseconds from now; 0 where it is due. */
  readonly inMs: number;
};

const firstDelayMs = 10_000;
const longestDelayMs = 300_000;

/**
 * The kubelet restarts a crashed container at once, then waits 10 s, doubled with each crash up to 5 min, counted from when
 * it ended (kubelet, MaxContainerBackOff and doBackOff). Ten minutes of quiet running resets the delay, which a restart count
 * cannot show; so the delay in the message (`back-off 2m40s restarting failed container`) goes first.
 * @returns undefined when the container is not waiting in CrashLoopBackOff or when its end is not known
 */
export function nextRestart(
  waiting: { readonly reason: string | undefined; readonly message: string | undefined } | undefined,
  finishedAt: string | undefined,
  restartCount: number,
  now: Date,
): NextRestart | undefined {
  if (waiting?.reason !== 'CrashLoopBackOff') return undefined;
  const finishedMs = timeMs(finishedAt);
  if (finishedMs === undefined) return undefined;
  const told = backoffInMessage(waiting.message);
  const delayMs = told ?? Math.min(longestDelayMs, firstDelayMs * 2 ** Math.max(0, Math.min(restartCount, 10) - 1));
  const atMs = finishedMs + delayMs;
  return {
    at: new Date(atMs).toISOString(),
    delayMs,
    knownFrom: told === undefined ? 'restart count' : 'message',
    inMs: Math.max(0, atMs - now.getTime()),
  };
}

/** `back-off 2m40s restarting failed container=app` → 160000. */
function backoffInMessage(message: string | undefined): number | undefined {
  const [, hours, minutes, seconds] =
    /^back-off (?:(\d{1,3})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)? restarting failed/.exec(message ?? '') ?? [];
  const ms = Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 + Number(seconds ?? 0) * 1000;
  return ms > 0 ? ms : undefined;
}
