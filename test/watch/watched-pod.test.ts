import { describe, expect, test } from '@jest/globals';
import { podSchema } from '../../src/kubernetes/objects.ts';
import { watchedEnds } from '../../src/watch/watched-pod.ts';
import { type DyingPod, dyingPod } from '../support/dying-pods.ts';

const now = Date.parse('2026-11-29T10:00:00Z');
const justNow = new Date(now - 5000);

function ends(pod: DyingPod, more: (json: ReturnType<typeof dyingPod>) => void = () => {}) {
  const json = dyingPod(pod);
  more(json);
  return watchedEnds('prod', podSchema.parse(json), [], now);
}

const kinds = (pod: DyingPod) => ends(pod).map(({ isSuspected }) => (isSuspected ? 'suspected' : 'killed'));

describe('what a pod shows of its ends', () => {
  test.each<[string, DyingPod, readonly string[]]>([
    ['runs since ever', { name: 'a' }, []],
    ['was OOM-killed', { name: 'a', ended: { at: justNow } }, ['killed']],
    ['a JVM that ended with 1', { name: 'a', ended: { at: justNow, reason: 'Error', exitCode: 1 } }, ['suspected']],
    ['with ExitOnOutOfMemoryError', { name: 'a', ended: { at: justNow, reason: 'Error', exitCode: 3 } }, ['suspected']],
    [
      'with CrashOnOutOfMemoryError',
      { name: 'a', ended: { at: justNow, reason: 'Error', exitCode: 134 } },
      ['suspected'],
    ],
    ['killed by somebody', { name: 'a', ended: { at: justNow, reason: 'Error', exitCode: 137 } }, ['suspected']],
    ['ended as asked', { name: 'a', ended: { at: justNow, reason: 'Error', exitCode: 143 } }, []],
    ['completed', { name: 'a', ended: { at: justNow, reason: 'Completed', exitCode: 0 } }, []],
  ])('%s', (_, pod, expected) => {
    expect(kinds(pod)).toEqual(expected);
  });

  test('what is no JVM for certain is not suspected for its exit code, but for a kill', () => {
    const nginx = (exitCode: number) =>
      ends({ name: 'web', image: 'nginx:1.27', ended: { at: justNow, reason: 'Error', exitCode } }, (json) => {
        const spec = json.spec as { containers: { command?: string[] }[] };
        for (const container of spec.containers) delete container.command;
      });
    expect(nginx(1)).toEqual([]);
    expect(nginx(137)).toHaveLength(1);
  });

  test('a pod that is taken away ends with 137, and nobody is to be told', () => {
    const leaving = ends({ name: 'a', ended: { at: justNow, reason: 'Error', exitCode: 137 } }, (json) => {
      Object.assign(json.metadata, { deletionTimestamp: '2026-11-29T09:59:00Z' });
    });
    expect(leaving).toEqual([]);
  });

  test('says who, in words and as the look that answers it', () => {
    const [end] = ends({ name: 'checkout', node: 'node-b', ended: { at: justNow } });
    expect(end?.occurrence).toMatchObject({
      subject: 'shop/deploy/checkout',
      note: 'checkout-5d8f7c9b64-x2x9k, container app: OOM-killed, at its limit of 512 MiB',
      line: 'oom why shop/checkout-5d8f7c9b64-x2x9k -c app --cluster prod',
      node: 'node-b',
      isMissed: false,
      at: now - 5000,
    });
  });

  test('what is found more than a minute later happened while nobody watched', () => {
    const [end] = ends({ name: 'a', ended: { at: new Date(now - 90_000) } });
    expect(end?.occurrence.isMissed).toBe(true);
  });
});
