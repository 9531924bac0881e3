import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recordedKubernetes } from '../../src/kubernetes/recorded-client.ts';
import { Refusal } from '../../src/refusal.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { askWhy, factOf, now, refusalOf } from '../support/why.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-recorded-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a recorded folder', () => {
  async function record(files: Readonly<Record<string, unknown>>): Promise<string> {
    const directory = await mkdtemp(join(folder, 'recorded-'));
    for (const [file, content] of Object.entries(files))
      await writeFile(join(directory, file), typeof content === 'string' ? content : JSON.stringify(content));
    return directory;
  }
  const objects = loadRecorded({ now }).objects;
  const find = (kind: string, name: string) =>
    objects.find((each) => each.kind === kind && each.metadata?.name === name);

  test('answers as the cluster did', async () => {
    const directory = await record({
      'pod.json': find('Pod', 'checkout-7d9f8b6c54-x2x9k'),
      'node.json': find('Node', 'node-1'),
      'replicasets.json': { items: [find('ReplicaSet', 'checkout-7d9f8b6c54')] },
      'previous.txt': 'started\n',
    });
    const report = await askWhy(await recordedKubernetes(directory, 'recorded'), 'x');
    expect(report.summary).toBe(
      'shop/checkout-7d9f8b6c54-x2x9k: OOM-killed (7 restarts): heap may grow to 1992 MiB in 512 MiB; set -Xmx292m',
    );
    expect(factOf(report, 'Replicas')).toBe('deploy/checkout: 1 of 2 ready, revision 14');
  });

  test('needs no more than a pod, of which next to nothing is known', async () => {
    const report = await askWhy(
      await recordedKubernetes(await record({ 'pod.json': { spec: { containers: [{ name: 'a' }] } } }), 'r'),
      'deploy/x',
    );
    expect(report.data).toMatchObject({ cause: 'unknown', container: 'a', limitBytes: null });
  });

  test.each([
    [{}, 'There is no pod.json in'],
    [{ 'pod.json': '{' }, 'is not JSON:'],
    [{ 'pod.json': '[]' }, 'There is no pod.json in'],
    [{ 'pod.json': '"pod"' }, 'is not what the API gives:'],
    [{ 'pod.json': { spec: { containers: 7 } } }, 'is not what the API gives:'],
    [{ 'pod.json': { spec: {} }, 'events.json': 'x' }, 'events.json is not JSON:'],
  ])('with %j is refused', async (files, message) => {
    expect((await refusalOf(recordedKubernetes(await record(files), 'r'))).message).toContain(message);
  });

  test('with a pod without containers says so', async () => {
    const on = await recordedKubernetes(await record({ 'pod.json': { metadata: { name: 'p' } } }), 'r');
    expect((await refusalOf(askWhy(on, 'x'))).message).toBe('The pod p lists no containers.');
  });

  test('whose pod is damaged in any way still gets a report, or a refusal', async () => {
    const chance = sequence(7);
    const pods = objects.filter(({ kind }) => kind === 'Pod');
    const directory = await record({
      'node.json': find('Node', 'node-1'),
      'previous.txt': 'java.lang.OutOfMemoryError: x\n',
    });
    const causes = new Set<string>();
    for (let round = 0; round < 200; round++) {
      const damaged = damage(pods[round % pods.length], chance) ?? {};
      await writeFile(join(directory, 'pod.json'), JSON.stringify(damaged));
      const asked = recordedKubernetes(directory, 'r').then((on) => askWhy(on, 'x'));
      const report = await asked.catch((error: unknown) =>
        error instanceof Refusal ? undefined : Promise.reject(error),
      );
      if (report === undefined) continue;
      causes.add(String(report.data.cause));
      expect([...report.summary].length).toBeLessThanOrEqual(120);
    }
    expect([...causes].sort()).toEqual(expect.arrayContaining(['limit', 'none', 'unknown']));
  });
});

/** The same numbers between 0 and 1 in every run. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Leaves out or twists one value in ten. */
function damage(value: unknown, chance: () => number): unknown {
  const twisted = [
    '',
    '9'.repeat(300),
    '\u202e$(x)',
    '512Gi',
    'openjdk:25',
    'java',
    '-Xmx9999999999999g',
    '2026-99-99',
  ];
  if (chance() < 0.1) {
    if (typeof value === 'string') return twisted[Math.floor(chance() * 10)];
    if (typeof value === 'number') return [0, 1, 3, 134, 137, 143, -5, 1e15][Math.floor(chance() * 9)];
    return undefined;
  }
  if (Array.isArray(value)) return value.map((item) => damage(item, chance)).filter((item) => item !== undefined);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, damage(item, chance)]));
}
