import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { type Config, emptyConfig } from '../../src/config.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { neededPermissions } from '../../src/kubernetes/permissions.ts';
import { rbacManifest } from '../../src/kubernetes/rbac.ts';
import { type RbacWords, rbacFor } from '../../src/kubernetes/rbac-words.ts';
import { Refusal } from '../../src/refusal.ts';
import { type KubernetesApi, startKubernetes } from '../support/kubernetes/api.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { allows, permissionsIn, type Rule } from '../support/kubernetes/roles.ts';
import { answerOf, askedQuestions, forbiddenIn, type Question, questionPods } from '../support/questions.ts';
import { now } from '../support/why.ts';

let folder: string;
let api: KubernetesApi;
let granted: readonly Rule[] = [];
/** The rules by which something was allowed since it was cleared. */
const used = new Set<Rule>();

function may(verb: string, group: string, resource: string, namespace: string): boolean {
  const rule = granted.find((each) => allows(each, verb, group, resource, namespace));
  if (rule !== undefined) used.add(rule);
  return rule !== undefined;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorum-rbac-'));
  const recorded = loadRecorded({ now });
  api = await startKubernetes({
    ...recorded,
    objects: [...recorded.objects, ...questionPods],
    now: () => now,
    users: [{ token: 't', name: 'quorum', may }],
  });
  await api.writeKubeconfig(join(folder, 'quorum'), 'quorum');
});
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});

const connect = (namespaces: readonly string[]): Promise<KubernetesCluster> =>
  connectKubernetes({ name: 'prod', kubeconfig: join(folder, 'quorum'), namespaces });

describe.each([
  ['all namespaces', []],
  ['one', ['shop']],
  ['three', ['jobs', 'shop', 'default']],
])('the printed roles for %s', (_what, namespaces) => {
  test('are enough, and none is for nothing; without one, only what it is for is missing', async () => {
    const all = permissionsIn(rbacFor(emptyConfig(), { namespace: namespaces, user: 'quorum' }));
    const cluster = await connect(namespaces);
    const questionFor = new Map<Rule, Question>();
    for (const question of askedQuestions(namespaces)) {
      granted = all;
      used.clear();
      const { said } = await answerOf(cluster, question);
      expect([question, forbiddenIn(said)]).toEqual([question, []]);
      for (const rule of used) if (!questionFor.has(rule)) questionFor.set(rule, question);
    }
    // In a namespace with nothing in it that is in trouble not every permission comes to use.
    const isUsed = (rule: Rule) => questionFor.has(rule) || (namespaces.length > 1 && rule.namespace !== 'shop');
    expect(all.filter((rule) => !isUsed(rule))).toEqual([]);
    for (const [taken, question] of questionFor) {
      granted = all.filter((rule) => rule !== taken);
      const missing = forbiddenIn((await answerOf(cluster, question)).said);
      // Metrics are pods of another group.
      const resource = taken.group === 'metrics.k8s.io' ? 'pods.metrics.k8s.io' : taken.resource;
      const isItsOwn = (said: string) => said.includes(` ${taken.verb} ${resource} `);
      expect([taken, missing.length > 0, missing.filter((said) => !isItsOwn(said))]).toEqual([taken, true, []]);
    }
    await cluster.close();
  }, 60_000);
});

describe('what is printed', () => {
  const config = (names: readonly string[], sampleNamespaces: string[] = []) => ({
    ...emptyConfig(),
    kubernetes: {
      clusters: Object.fromEntries(
        names.map((name) => [
          name,
          {
            inCluster: true,
            namespaces: [`${name}-shop`],
            requestTimeout: 1000,
            allowFixes: false,
            allowExec: false,
            sampleNamespaces,
            sampleEvery: 30_000,
          },
        ]),
      ),
    },
  });

  test('is for the namespaces of the cluster that is meant, and is bound to whom it is said', () => {
    const printed = parseAllDocuments(rbacFor(config(['prod']), { 'service-account': 'tools/quorum-bot' })).map(
      (document) => document.toJS(),
    );
    expect(printed.map(({ kind, metadata }) => [kind, metadata.namespace])).toEqual([
      ['ServiceAccount', 'tools'],
      ['Role', 'prod-shop'],
      ['RoleBinding', 'prod-shop'],
      ['Role', 'default'],
      ['RoleBinding', 'default'],
      ['ClusterRole', undefined],
      ['ClusterRoleBinding', undefined],
    ]);
    expect(printed[2].subjects).toEqual([{ kind: 'ServiceAccount', name: 'quorum-bot', namespace: 'tools' }]);
    expect(rbacFor(config(['a', 'b']), { cluster: 'b', user: 'me@example.com' })).toContain('namespace: b-shop');
    expect(rbacFor(config(['prod']), { namespace: ['x'], user: 'me' })).not.toContain('prod-shop');
  });

  test('lets memory be sampled where it is, and nowhere else', () => {
    const printed = rbacFor(config(['prod'], ['batch']), { user: 'me' });
    const roles = parseAllDocuments(printed).map((document) => document.toJS());
    expect(roles.find(({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'batch').rules).toEqual([
      { apiGroups: ['metrics.k8s.io'], resources: ['pods'], verbs: ['list'] },
    ]);
  });

  test.each([
    [undefined, []],
    [[], ['watch everywhere']],
    [
      ['shop', 'shop', 'batch'],
      ['watch shop', 'list batch', 'watch batch'],
    ],
  ] as const)('lets pods of %j be watched, and listed where nothing else lists them', (watched, added) => {
    const looks = neededPermissions(watched?.length === 0 ? [] : ['shop']);
    const all = neededPermissions(watched?.length === 0 ? [] : ['shop'], [], watched);
    expect(all.slice(0, looks.length)).toEqual(looks);
    const more = all.slice(looks.length);
    expect(more.map(({ verb, namespace }) => `${verb} ${namespace ?? 'everywhere'}`)).toEqual(added);
    expect(more.every(({ resource }) => resource === 'pods')).toBe(true);
    const printed = rbacManifest(['shop'], { kind: 'User', name: 'me' }, [], ['shop']);
    const role = parseAllDocuments(printed).map((document) => document.toJS())[0];
    expect(role.rules[0]).toEqual({ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] });
  });

  test('the config’s rules say whose pods those are', () => {
    const rule = { channel: 'C1', namespaces: [], labels: {}, annotations: {} };
    const watchIn = (watch: Config['watch']) => rbacFor({ ...config(['a', 'b']), watch }, { cluster: 'a', user: 'me' });
    expect(watchIn([])).not.toContain('watch');
    expect(watchIn([{ ...rule, cluster: 'b' }])).not.toContain('watch');
    expect(watchIn([{ ...rule, cluster: 'a' }])).toContain('- watch');
    expect(watchIn([rule])).toContain('- watch');
  });

  test.each<[readonly string[], RbacWords, string]>([
    [['a', 'b'], {}, 'The config has 2 Kubernetes clusters.'],
    [['a'], { cluster: 'c' }, 'There is no Kubernetes cluster `c` in the config.'],
    [[], { namespace: ['A'] }, '“A” cannot be a namespace.'],
    [[], { 'service-account': 'a/b/c' }, '“a/b/c” cannot be a service account.'],
    [[], { 'service-account': 'a/' }, '“a/” cannot be a service account.'],
    [[], { user: 'x', 'service-account': 'a/b' }, 'Both --user and --service-account were given.'],
    [[], { user: '' }, '--user is empty.'],
  ])('is refused for %j and %j', (names, words, message) => {
    expect(() => rbacFor(config(names), words)).toThrow(new Refusal(message, ''));
  });
});
