import { describe, expect, test } from '@jest/globals';
import { nextRestart } from '../../src/kubernetes/restart-backoff.ts';

const ended = '2026-11-03T10:00:00Z';
const waiting = (message?: string) => ({ reason: 'CrashLoopBackOff', message });

describe('the next restart', () => {
  test.each([
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [4, 80_000],
    [5, 160_000],
    [6, 300_000],
    [7, 300_000],
    [4_000_000, 300_000],
    [0, 10_000],
  ])('comes, after %d restarts, so many milliseconds after the end', (restartCount, delayMs) => {
    const next = nextRestart(waiting(), ended, restartCount, new Date(ended));
    expect(next).toEqual({
      at: new Date(Date.parse(ended) + delayMs).toISOString(),
      delayMs,
      inMs: delayMs,
      knownFrom: 'restart count',
    });
  });

  test.each([
    ['back-off 2m40s restarting failed container=app pod=x_shop(1)', 160_000],
    ['back-off 10s restarting failed container=app', 10_000],
    ['back-off 5m0s restarting failed container=app', 300_000],
    ['back-off 1h0m0s restarting failed container=app', 3_600_000],
  ])('is taken from the kubelet’s message: %s', (message, delayMs) => {
    expect(nextRestart(waiting(message), ended, 99, new Date(ended))).toMatchObject({ delayMs, knownFrom: 'message' });
  });

  test('is due when its time is over', () => {
    const next = nextRestart(waiting(), ended, 1, new Date('2026-11-03T11:00:00Z'));
    expect(next).toMatchObject({ at: '2026-11-03T10:00:10.000Z', inMs: 0 });
  });

  test.each([
    ['a container that runs', undefined, ended],
    ['an image that cannot be pulled', { reason: 'ImagePullBackOff', message: undefined }, ended],
    ['an end without a time', waiting(), undefined],
    ['an end with a nonsensical time', waiting(), 'yesterday'],
  ])('is not told for %s', (_what, state, finishedAt) => {
    expect(nextRestart(state, finishedAt, 3, new Date(ended))).toBeUndefined();
  });
});
