import { setTimeout as wait } from 'node:timers/promises';

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One thing that goes wrong, and is mended before it is back. */
export type Trouble = { readonly name: string; happen(): Promise<void> };

/** Makes one trouble after another, chosen by the seed, until it is stopped. */
export function makeTrouble(
  troubles: readonly Trouble[],
  random: () => number,
  everyMs: number,
): { stop(): Promise<ReadonlyMap<string, number>> } {
  const made = new Map<string, number>();
  let isOver = false;
  const going = (async () => {
    while (!isOver) {
      const trouble = troubles[Math.floor(random() * troubles.length)];
      if (trouble !== undefined) {
        await trouble.happen();
        made.set(trouble.name, (made.get(trouble.name) ?? 0) + 1);
      }
      await wait(random() * everyMs);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await going;
      return made;
    },
  };
}
