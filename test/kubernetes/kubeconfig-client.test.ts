import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { connectKubernetes, type KubernetesConfig } from '../../src/kubernetes/client.ts';
import { refusalOf } from '../support/why.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-kubeconfig-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function kubeconfigFile(content: string): Promise<string> {
  files += 1;
  const path = join(folder, `kubeconfig-${files}`);
  await writeFile(path, content);
  return path;
}

async function connect(content: string, more: Partial<KubernetesConfig> = {}) {
  return connectKubernetes({ name: 'prod', kubeconfig: await kubeconfigFile(content), namespaces: [], ...more });
}

function kubeconfigFor(
  server: string,
  cluster: Record<string, unknown> = {},
  user: Record<string, unknown> = { token: 'x' },
): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'one', cluster: { server, ...cluster } }],
    users: [{ name: 'ann', user }],
    contexts: [
      { name: 'one', context: { cluster: 'one', user: 'ann' } },
      { name: 'two', context: { cluster: 'lost', user: 'ann' } },
    ],
    'current-context': 'one',
  });
}

describe('a kubeconfig', () => {
  test('that is missing', async () => {
    expect(
      await refusalOf(connectKubernetes({ name: 'prod', kubeconfig: '/nowhere/kubeconfig', namespaces: [] })),
    ).toMatchObject({
      message: 'There is no kubeconfig /nowhere/kubeconfig.',
    });
  });

  test('that is a folder', async () => {
    expect(await refusalOf(connectKubernetes({ name: 'prod', kubeconfig: folder, namespaces: [] }))).toMatchObject({
      message: `The kubeconfig ${folder} cannot be read: EISDIR.`,
    });
  });

  test.each([
    ['empty', '', 'is empty.'],
    ['a text', 'hello', 'sets no current context.'],
    ['a list', '- a\n- b', 'sets no current context.'],
    ['null', 'null', 'is malformed: it is not a mapping.'],
    ['no YAML', 'clusters: [', 'is malformed:'],
    ['without names', 'clusters: [{}]', 'is malformed: clusters[0].name is missing.'],
    ['without a context', 'clusters: []', 'sets no current context.'],
    [
      'with a token file that is not there',
      stringify({ users: [{ name: 'a', user: { 'token-file': '/nowhere/token' } }] }),
      'names a file that cannot be read:',
    ],
  ])('that is %s', async (_what, content, message) => {
    expect((await refusalOf(connect(content))).message).toContain(message);
  });

  test('without the wanted context lists those that it has', async () => {
    expect(await refusalOf(connect(kubeconfigFor('https://h:1'), { context: 'three' }))).toMatchObject({
      message: expect.stringContaining('has no context “three”.'),
      advice: 'Take one of: one, two.',
      choices: ['one', 'two'],
    });
  });

  test('whose context leads to no cluster', async () => {
    expect(await refusalOf(connect(kubeconfigFor('https://h:1'), { context: 'two' }))).toMatchObject({
      message: expect.stringContaining('names a cluster that the file does not have.'),
    });
  });

  test('whose server is no address', async () => {
    expect(await refusalOf(connect(kubeconfigFor('not an address')))).toMatchObject({
      message: 'The kubeconfig of prod has a server that is no address.',
    });
  });

  test('is not needed in a cluster, and this is none', async () => {
    expect(await refusalOf(connectKubernetes({ name: 'prod', inCluster: true, namespaces: [] }))).toMatchObject({
      message: 'kubernetes.clusters.prod says inCluster, and this process does not run in a pod.',
    });
  });
});
