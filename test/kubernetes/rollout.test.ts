import { describe, expect, test } from '@jest/globals';
import { failureOf, replacementOf, rolloutOf } from '../../src/kubernetes/rollout.ts';
import { type RolledKind, rolledWorkloadSchema } from '../../src/kubernetes/workload-object.ts';

const workload = (spec: object, status: object, generation = 3) =>
  rolledWorkloadSchema.parse({
    metadata: { name: 'x', generation },
    spec: { template: {}, ...spec },
    status: { observedGeneration: 3, ...status },
  });
const overdue = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];

describe('where a rollout stands', () => {
  test.each<[string, RolledKind, object, object, string]>([
    [
      'all new and available',
      'Deployment',
      { replicas: 3 },
      { replicas: 3, updatedReplicas: 3, availableReplicas: 3 },
      'settled',
    ],
    [
      'all new and dying: that is no rollout',
      'Deployment',
      { replicas: 3 },
      { replicas: 3, updatedReplicas: 3 },
      'settled',
    ],
    [
      'one of three new',
      'Deployment',
      { replicas: 3 },
      { replicas: 4, updatedReplicas: 1, availableReplicas: 3 },
      'rolling',
    ],
    ['all new, an old one still there', 'Deployment', { replicas: 3 }, { replicas: 4, updatedReplicas: 3 }, 'rolling'],
    [
      'past its deadline',
      'Deployment',
      { replicas: 3 },
      { replicas: 4, updatedReplicas: 1, conditions: overdue },
      'stuck',
    ],
    [
      'past its deadline and all new',
      'Deployment',
      { replicas: 3 },
      { replicas: 3, updatedReplicas: 3, conditions: overdue },
      'settled',
    ],
    ['paused', 'Deployment', { replicas: 3, paused: true }, { replicas: 3, updatedReplicas: 3 }, 'paused'],
    ['not seen by its controller', 'Deployment', { replicas: 3 }, { observedGeneration: 2 }, 'unobserved'],
    ['never seen by its controller', 'Deployment', {}, { observedGeneration: null }, 'unobserved'],
    ['scaled to nothing', 'Deployment', { replicas: 0 }, {}, 'settled'],
    [
      'a set, all new',
      'StatefulSet',
      { replicas: 2 },
      { replicas: 2, updatedReplicas: 2, currentRevision: 'a', updateRevision: 'a' },
      'settled',
    ],
    [
      'a set whose update is current: counts of before',
      'StatefulSet',
      { replicas: 2 },
      { replicas: 2, currentRevision: 'a', updateRevision: 'a' },
      'settled',
    ],
    [
      'a set that makes its pods in order, and stopped at the first that dies',
      'StatefulSet',
      { replicas: 3 },
      { replicas: 1, updatedReplicas: 1, currentRevision: 'a', updateRevision: 'a' },
      'settled',
    ],
    [
      'a set, one new',
      'StatefulSet',
      { replicas: 2 },
      { replicas: 2, updatedReplicas: 1, currentRevision: 'a', updateRevision: 'b' },
      'rolling',
    ],
    [
      'a set that holds back by a partition',
      'StatefulSet',
      { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } },
      { replicas: 3, updatedReplicas: 1, currentRevision: 'a', updateRevision: 'b' },
      'settled',
    ],
    [
      'a set on delete',
      'StatefulSet',
      { replicas: 2, updateStrategy: { type: 'OnDelete' } },
      { replicas: 2, updatedReplicas: 0, currentRevision: 'a', updateRevision: 'b' },
      'by-hand',
    ],
    [
      'a daemon on half of its nodes',
      'DaemonSet',
      {},
      { desiredNumberScheduled: 4, updatedNumberScheduled: 2 },
      'rolling',
    ],
    ['a daemon everywhere', 'DaemonSet', {}, { desiredNumberScheduled: 4, updatedNumberScheduled: 4 }, 'settled'],
  ])('%s', (_what, kind, spec, status, state) => {
    expect(rolloutOf(kind, workload(spec, status)).state).toBe(state);
  });
});

describe('how pods are replaced', () => {
  test.each<[RolledKind, object, object, { strategy: string; surge: number; unavailable: number }]>([
    ['Deployment', { replicas: 1 }, {}, { strategy: 'rolling', surge: 1, unavailable: 0 }],
    ['Deployment', { replicas: 10 }, {}, { strategy: 'rolling', surge: 3, unavailable: 2 }],
    [
      'Deployment',
      { replicas: 3, strategy: { type: 'Recreate' } },
      {},
      { strategy: 'recreate', surge: 0, unavailable: 3 },
    ],
    [
      'Deployment',
      { replicas: 3, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: '10%' } } },
      {},
      { strategy: 'rolling', surge: 0, unavailable: 1 },
    ],
    ['StatefulSet', { replicas: 3 }, {}, { strategy: 'rolling', surge: 0, unavailable: 1 }],
    [
      'DaemonSet',
      { updateStrategy: { rollingUpdate: { maxUnavailable: '50%' } } },
      { desiredNumberScheduled: 5 },
      { strategy: 'rolling', surge: 0, unavailable: 3 },
    ],
    ['DaemonSet', { updateStrategy: { type: 'OnDelete' } }, {}, { strategy: 'on-delete', surge: 0, unavailable: 0 }],
  ])('a %s with %j', (kind, spec, status, replacement) => {
    expect(replacementOf(kind, workload(spec, status))).toEqual(replacement);
  });
});

describe('what a controller says it cannot do', () => {
  const refused = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }];
  const late = [{ ...overdue[0], message: 'ReplicaSet "x" has timed out progressing.' }];

  test.each<[string, object, object[], number, string | undefined]>([
    ['a deadline of the rollout that was ended by going back', { progressDeadlineSeconds: 60 }, late, 5000, undefined],
    ['its own deadline', { progressDeadlineSeconds: 60 }, late, 60_000, 'ReplicaSet "x" has timed out progressing.'],
    ['a deadline that nobody set', {}, late, 599_000, undefined],
    ['pods of the revision that was left', {}, refused, 2000, undefined],
    ['its own pods', {}, refused, 20_000, 'exceeded quota'],
    ['nothing', {}, [], 900_000, undefined],
  ])('%s', (_case, spec, conditions, forMs, said) => {
    expect(failureOf(workload({ replicas: 3, ...spec }, { conditions }), forMs)).toBe(said);
  });
});
