import { describe, expect, test } from '@jest/globals';
import { chooseContainer, worstPod } from '../../src/kubernetes/containers.ts';
import { podSchema } from '../../src/kubernetes/objects.ts';

const at = '2026-11-03T10:00:00Z';
const oomKilled = { reason: 'OOMKilled', exitCode: 137 };

describe('the container that is looked at', () => {
  const pod = podSchema.parse({
    metadata: { name: 'p', annotations: { 'kubectl.kubernetes.io/default-container': 'web' } },
    spec: {
      initContainers: [{ name: 'mesh', restartPolicy: 'Always' }, { name: 'migrate' }],
      containers: [{ name: 'proxy' }, { name: 'web' }, { name: 'app' }],
    },
    status: {
      initContainerStatuses: [
        { name: 'mesh' },
        { name: 'migrate', state: { terminated: { reason: 'Completed', exitCode: 0 } } },
      ],
      containerStatuses: [{ name: 'proxy' }, { name: 'web' }, { name: 'app' }],
    },
  });
  const withEnd = (name: string, ended: Record<string, unknown>, list = 'containerStatuses') =>
    podSchema.parse({
      ...pod,
      status: {
        ...pod.status,
        [list]: [{ name, lastState: { terminated: ended } }],
      },
    });

  test.each([
    ['the one that was OOM-killed', withEnd('proxy', oomKilled), undefined, 'proxy'],
    [
      'an init container that was OOM-killed',
      withEnd('migrate', oomKilled, 'initContainerStatuses'),
      undefined,
      'migrate',
    ],
    ['a sidecar that was OOM-killed', withEnd('mesh', oomKilled, 'initContainerStatuses'), undefined, 'mesh'],
    ['the one that ended badly', withEnd('app', { exitCode: 1 }), undefined, 'app'],
    ['kubectl’s default, when nothing happened', pod, undefined, 'web'],
    ['the one asked for', withEnd('proxy', oomKilled), 'app', 'app'],
  ])('is %s', (_which, given, wanted, name) => {
    expect(chooseContainer(given, wanted, () => false)?.name).toBe(name);
  });

  test('is refused when there is none of that name, with the names there are', () => {
    expect(() => chooseContainer(pod, 'ap', () => false)).toThrow(
      expect.objectContaining({ choices: ['proxy', 'web', 'app', 'mesh', 'migrate'] }),
    );
  });

  test('is nothing in a pod that lists none', () => {
    expect(chooseContainer(podSchema.parse({}), undefined, () => false)).toBeUndefined();
  });
});

test('the worst pod is the one that was OOM-killed, then the one that failed most, then the first by name', () => {
  const podOf = (name: string, restartCount: number, ended?: Record<string, unknown>) =>
    podSchema.parse({
      metadata: { name },
      spec: { containers: [{ name: 'app' }] },
      status: {
        containerStatuses: [
          { name: 'app', restartCount, ...(ended === undefined ? {} : { lastState: { terminated: ended } }) },
        ],
      },
    });
  const failed = { exitCode: 1, finishedAt: at };
  expect(worstPod([podOf('b', 0), podOf('a', 0)])?.metadata.name).toBe('a');
  expect(worstPod([podOf('a', 9, failed), podOf('b', 1, { ...oomKilled, finishedAt: at })])?.metadata.name).toBe('b');
  expect(worstPod([podOf('a', 2, failed), podOf('b', 9, failed)])?.metadata.name).toBe('b');
  expect(worstPod([])).toBeUndefined();
});
