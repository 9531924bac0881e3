import { expect, test } from '@jest/globals';
import { dieInTrouble } from '../support/watch-room.ts';

test('24 deaths while API server, Redis, Slack and workers fail at random: each is told once', async () => {
  const told = await dieInTrouble({ kills: 24, workloads: 6, channels: 3, seed: 1 });
  expect(told).toMatchObject({ threads: 6, told: 24, postedTwice: [] });
}, 240_000);
