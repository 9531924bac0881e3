import { describe, expect, test } from '@jest/globals';
import { explain, type Given } from '../support/termination.ts';

const oomKilled = { reason: 'OOMKilled', exitCode: 137 };
const running = { running: { startedAt: '2026-11-03T10:00:00Z' } };

describe('why a whole pod ended', () => {
  const cases: readonly (readonly [string, Given, string, string])[] = [
    [
      'an eviction',
      {
        limit: null,
        state: {},
        pod: { status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' } },
      },
      'evicted',
      'fact',
    ],
    [
      'its deadline',
      { state: {}, pod: { status: { phase: 'Failed', reason: 'DeadlineExceeded', message: 'too long' } } },
      'sigterm',
      'fact',
    ],
    [
      'its limit, though its pod then passed its deadline',
      { ended: oomKilled, pod: { status: { phase: 'Failed', reason: 'DeadlineExceeded' } } },
      'limit',
      'fact',
    ],
    [
      'nothing: the kubelet refused it',
      { state: {}, pod: { status: { phase: 'Failed', reason: 'OutOfmemory', message: 'no memory' } } },
      'none',
      'fact',
    ],
    [
      'what the pod says in its own word',
      { state: {}, pod: { status: { phase: 'Failed', reason: 'UnexpectedAdmissionError', message: 'no device' } } },
      'unknown',
      'fact',
    ],
    [
      'nobody knows, for its node is lost',
      { state: running, pod: { status: { phase: 'Unknown', reason: 'NodeLost' } } },
      'unknown',
      'unknown',
    ],
  ];
  test.each(cases)('%s', (_why, given, cause, grade) => {
    expect(explain(given)).toMatchObject({ cause, grade });
  });

  const evictedFor = (message: string) =>
    explain({ state: {}, pod: { status: { phase: 'Failed', reason: 'Evicted', message } } });
  test.each([
    ['The node was low on resource: memory. Container app was using 1200Mi.', 'Raise the memory request'],
    ['The node was low on resource: ephemeral-storage. Container app was using 12Gi.', 'ephemeral-storage'],
    ['Usage of EmptyDir volume "cache" exceeds the limit "1Gi".', 'ephemeral-storage'],
    ['The node had condition: [DiskPressure]. ', 'ephemeral-storage'],
    ['The node was low on resource: pids.', 'See what uses up pids on the node'],
    ['', 'See what the node ran low on'],
  ])('advice on an eviction goes by what the node was low on: %j', (message, advice) => {
    const found = evictedFor(message);
    expect(found.cause).toBe('evicted');
    expect(found.advice).toContain(advice);
    expect(/memory request/.test(found.advice ?? '')).toBe(message.includes('memory'));
  });

  test('a pod that the kubelet refuses for memory is told as such, with its own message', () => {
    const { claim, evidence, advice, severity } = explain({
      state: {},
      pod: {
        status: {
          phase: 'Failed',
          reason: 'OutOfmemory',
          message: 'Node didn’t have enough resource: memory, requested: 536870912, used: 8000000000',
        },
      },
    });
    expect(claim).toBe(
      'It never started: the node had not enough memory left for its request, and the kubelet refused it.',
    );
    expect(evidence).toContain('requested: 536870912, used: 8000000000');
    expect(advice).toContain('Lower its memory request');
    expect(severity).toBe('critical');
  });
});
