import type { Sample } from '../../src/kubernetes/memory-history.ts';

const mebi = 1024 ** 2;

/** A little unrest that is the same each time: from -1 to 1. */
function unrest(index: number): number {
  const value = Math.sin(index * 12.9898) * 43_758.5453;
  return 2 * (value - Math.floor(value)) - 1;
}

type Shape = { readonly fromMs: number; readonly toMs: number; readonly everyMs: number };

/** Values from one size to another; `bend` below 1 rises fast at first, 1 is a straight line. */
export function rise(
  { fromMs, toMs, everyMs }: Shape,
  { from, to, bend = 1, unrestMiB = 2 }: { from: number; to: number; bend?: number; unrestMiB?: number },
): Sample[] {
  const samples: Sample[] = [];
  for (let atMs = fromMs; atMs <= toMs; atMs += everyMs) {
    const share = toMs === fromMs ? 1 : (atMs - fromMs) / (toMs - fromMs);
    const mebibytes = from + (to - from) * share ** bend + unrestMiB * unrest(atMs / everyMs);
    samples.push([atMs, Math.max(0, Math.round(mebibytes * mebi))]);
  }
  return samples;
}

/** Runs of a container that is killed at its limit again and again, each a list of its own; the last one goes on. */
export function sawtooth(shape: Shape, killsMs: readonly number[], pauseMs: number, limitMiB: number): Sample[][] {
  const starts = [shape.fromMs, ...killsMs.map((killMs) => killMs + pauseMs)];
  return starts
    .map((fromMs, index) => {
      const killMs = killsMs[index];
      const toMs = killMs ?? shape.toMs;
      // What is seen last lies a little before the kill, and below the limit.
      const to = killMs === undefined ? limitMiB * 0.6 : limitMiB * (0.965 + 0.012 * unrest(index));
      return rise(
        { fromMs, toMs: toMs - (killMs === undefined ? 0 : 7000), everyMs: shape.everyMs },
        { from: limitMiB * 0.18, to, bend: 0.7 },
      );
    })
    .filter(({ length }) => length > 0);
}
