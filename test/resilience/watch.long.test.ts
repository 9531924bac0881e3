import { expect, test } from '@jest/globals';
import { dieInTrouble } from '../support/watch-room.ts';

test('200 deaths while API server, Redis, Slack and workers fail at random: each is told once', async () => {
  const told = await dieInTrouble({ kills: 200, workloads: 40, channels: 8, seed: 7 });
  process.stderr.write(`200 deaths: ${JSON.stringify(told)}\n`);
  expect(told).toMatchObject({ threads: 40, told: 200, postedTwice: [] });
}, 600_000);
