import { describe, expect, test } from '@jest/globals';
import { parseJdkVersion } from '../../src/jvm/version.ts';
import { memoryLimit } from '../../src/kubernetes/memory-limit.ts';
import { podSchema } from '../../src/kubernetes/objects.ts';
import { visibleCpus } from '../../src/kubernetes/visible-cpus.ts';

function limitOf(
  container: Record<string, unknown>,
  status: Record<string, unknown> = {},
  spec: Record<string, unknown> = {},
) {
  const pod = podSchema.parse({
    spec: { containers: [{ name: 'app', ...container }], ...spec },
    status: { containerStatuses: [{ name: 'app', ...status }] },
  });
  return memoryLimit(pod, pod.spec.containers[0], pod.status.containerStatuses[0]);
}

describe('the memory limit of a container', () => {
  test.each([
    ['512Mi', 536_870_912],
    ['512M', 512_000_000],
    ['0.5Gi', 536_870_912],
    ['129e6', 129_000_000],
    [536870912, 536_870_912],
    ['1500m', 2],
  ])('is read from %s', (memory, limitBytes) => {
    expect(limitOf({ resources: { limits: { memory } } })).toMatchObject({
      limitBytes,
      requestBytes: limitBytes,
      scope: 'container',
    });
  });

  test('is the pod’s where the container has none of its own', () => {
    const limit = limitOf({}, {}, { resources: { limits: { memory: '1Gi' } } });
    expect(limit).toMatchObject({ limitBytes: 1_073_741_824, scope: 'pod', written: '1Gi' });
  });

  test('is the kubelet’s while a resize is under way, and that is said', () => {
    const limit = limitOf({ resources: { limits: { memory: '1Gi' } } }, { resources: { limits: { memory: '512Mi' } } });
    expect(limit.limitBytes).toBe(536_870_912);
    expect(limit.note).toContain('the spec says 1Gi, the kubelet 512Mi');
  });

  test.each([
    ['nothing', {}, undefined],
    ['null', { resources: null }, undefined],
    ['0', { resources: { limits: { memory: '0' } } }, undefined],
    ['no quantity', { resources: { limits: { memory: '512 MB' } } }, 'the limit “512 MB” is not a quantity'],
    ['less than nothing', { resources: { limits: { memory: '-5Mi' } } }, 'the limit “-5Mi” is not a quantity'],
  ])('is none where it says %s', (_what, container, note) => {
    const limit = limitOf(container);
    expect(limit.limitBytes).toBeUndefined();
    expect(limit.note).toBe(note);
  });
});

describe('the CPUs that a JVM counts', () => {
  const aware = { assumed: true, scope: 'all' } as const;
  const unaware = { assumed: false, scope: 'all' } as const;
  test.each([
    ['8u181', unaware, { limit: 0.5, request: 0.5 }, 4],
    ['8u212', aware, { limit: 0.5, request: 0.1 }, 1],
    ['17.0.12', aware, { limit: 2.5, request: undefined }, 3],
    ['17.0.12', aware, { limit: 64, request: undefined }, 4],
    ['17.0.12', aware, { limit: undefined, request: 0.1 }, 4],
    ['17.0.4', aware, { limit: undefined, request: 0.1 }, 1],
    ['11.0.11', aware, { limit: undefined, request: undefined }, 1],
    ['11.0.11', aware, { limit: undefined, request: 1 }, 4],
    ['11.0.17', aware, { limit: undefined, request: 2 }, 4],
    ['8u212', { assumed: true, scope: 'heap' } as const, { limit: 1, request: 1 }, 4],
  ])('on JDK %s with %j and %j of a node’s 4', (version, awareness, share, cpus) => {
    const jdk = parseJdkVersion(version);
    if (jdk === undefined) throw new Error(version);
    expect(visibleCpus(jdk, awareness, 4, share).cpus).toBe(cpus);
  });
});
