import { describe, expect, test } from '@jest/globals';
import { watchThroughStorm } from '../support/pod-watch-storm.ts';

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

describe('a watch of pods, whatever goes wrong', () => {
  test.each(seeds)(
    'tells each of 200 kills, and none twice as it happens (seed %i)',
    async (seed) => {
      const storm = await watchThroughStorm(seed, 0.5);
      expect(storm).toMatchObject({ missing: [], doubled: [] });
      expect(storm.faults).toBeGreaterThan(80);
      expect(storm.watches).toBeGreaterThan(30);
      expect(storm.lists).toBeGreaterThan(5);
    },
    60_000,
  );
});
