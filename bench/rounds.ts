/** What one round measured, in the row's unit. */
export type Round = { readonly ours: number; readonly baseline: number };

/** Both sides over all rounds. The ratio is the median of the rounds' own ratios, so that what slows one round slows both sides of it. */
export type Comparison = Round & { readonly ratio: number; readonly rounds: readonly Round[] };

/** Measures both sides in turn, A B A B, and compares round by round. Each side gives its samples; a round counts as their median. */
export async function alternate(
  rounds: number,
  ours: () => Promise<readonly number[]>,
  baseline: () => Promise<readonly number[]>,
): Promise<Comparison> {
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    measured.push({ ours: median(await ours()), baseline: median(await baseline()) });
  }
  return compare(measured);
}

export function compare(rounds: readonly Round[]): Comparison {
  return {
    ours: median(rounds.map(({ ours }) => ours)),
    baseline: median(rounds.map(({ baseline }) => baseline)),
    ratio: median(rounds.map(({ ours, baseline }) => ours / baseline)),
    rounds,
  };
}

/** How long each of so many runs takes, one after another, in milliseconds. */
export async function timesMs(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) times.push(await timeMs(run));
  return times;
}

export async function timeMs(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

/** @throws RangeError where there is nothing to take it of */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError('the median of no values');
  return (lower + upper) / 2;
}
