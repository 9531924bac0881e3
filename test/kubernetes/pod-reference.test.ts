import { describe, expect, test } from '@jest/globals';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { Refusal } from '../../src/refusal.ts';

describe('what is typed for a pod', () => {
  test.each([
    ['checkout-7d9f8b6c54-x2x9k', undefined, { kind: 'pod', namespace: undefined, name: 'checkout-7d9f8b6c54-x2x9k' }],
    ['shop/checkout', undefined, { kind: 'pod', namespace: 'shop', name: 'checkout' }],
    ['checkout-', 'shop', { kind: 'pod', namespace: 'shop', name: 'checkout-' }],
    ['shop/checkout', 'shop', { kind: 'pod', namespace: 'shop', name: 'checkout' }],
    ['pod/checkout', 'shop', { kind: 'pod', namespace: 'shop', name: 'checkout' }],
    [
      'deploy/checkout',
      undefined,
      { kind: 'workload', workload: 'Deployment', namespace: undefined, name: 'checkout' },
    ],
    ['deployment/checkout', 'shop', { kind: 'workload', workload: 'Deployment', namespace: 'shop', name: 'checkout' }],
    ['shop/sts/search', undefined, { kind: 'workload', workload: 'StatefulSet', namespace: 'shop', name: 'search' }],
    ['ds/agent', undefined, { kind: 'workload', workload: 'DaemonSet', namespace: undefined, name: 'agent' }],
    ['jobs/search-0', undefined, { kind: 'pod', namespace: 'jobs', name: 'search-0' }],
    ['deploy/pod/x', undefined, { kind: 'pod', namespace: 'deploy', name: 'x' }],
    ['  web.1  ', undefined, { kind: 'pod', namespace: undefined, name: 'web.1' }],
  ])('is understood: %s with -n %s', (typed, namespace, reference) => {
    expect(parsePodReference(typed, namespace)).toEqual(reference);
  });

  test.each([
    ['-n', '“-n” cannot be a pod name.'],
    ['--help', '“--help” cannot be a pod name.'],
    ['', 'The pod has no name.'],
    ['shop/', 'The pod has no name.'],
    ['deploy/', 'The Deployment has no name.'],
    ['/checkout', '“” cannot be a namespace.'],
    ['a/b/c/d', '“a/b/c/d” has 4 parts.'],
    ['shop/thing/x', '“thing” is no kind of workload.'],
    ['shop/constructor/x', '“constructor” is no kind of workload.'],
    ['check out', '“check out” cannot be a pod name.'],
    ['pod?limit=9', '“pod?limit=9” cannot be a pod name.'],
    ['..', '“..” cannot be a pod name.'],
    ['a..b', '“a..b” cannot be a pod name.'],
    ['<!channel>', '“<!channel>” cannot be a pod name.'],
    ['‮gnp', '“‮gnp” cannot be a pod name.'],
    ['🔥', '“🔥” cannot be a pod name.'],
    ['x'.repeat(254), `“${'x'.repeat(59)}…” cannot be a pod name.`],
    ['Shop/x', '“Shop” cannot be a namespace.'],
  ])('is refused before any request: %s', (typed, message) => {
    expect(() => parsePodReference(typed, undefined)).toThrow(new Refusal(message, ''));
  });

  test('says which namespace to drop when two are named', () => {
    expect(() => parsePodReference('shop/x', 'jobs')).toThrow(
      'Two namespaces: “shop” before the slash and “jobs” after -n.',
    );
  });

  test.each([
    ['Checkout-7D9', ['checkout-7d9']],
    ['checkout-*', ['checkout-']],
    ['a b', []],
  ])('offers what was plainly meant by %s', (typed, choices) => {
    try {
      parsePodReference(typed, undefined);
      throw new Error('not refused');
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal);
      expect(error).toHaveProperty('choices', choices);
    }
  });
});
