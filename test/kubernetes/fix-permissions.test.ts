import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { oomFix } from '../../jobs/oom/fix.ts';
import { check } from '../../src/check-client.ts';
import { emptyConfig } from '../../src/config.ts';
import { rbacFor } from '../../src/kubernetes/rbac-words.ts';
import { openFixRoom } from '../support/fix-room.ts';
import { startKubernetes } from '../support/kubernetes/api.ts';
import { allows, permissionsIn, type Rule } from '../support/kubernetes/roles.ts';
import { workloadObjects } from '../support/kubernetes/workloads.ts';
import { driveChange } from '../support/step-driver.ts';

const config = (allowFixes: boolean, allowExec = false) => ({
  ...emptyConfig(),
  kubernetes: {
    clusters: {
      prod: {
        inCluster: true,
        namespaces: ['shop'],
        requestTimeout: 1000,
        allowFixes,
        allowExec,
        sampleNamespaces: [],
        sampleEvery: 30_000,
      },
    },
  },
});
const rolesIn = (printed: string) =>
  parseAllDocuments(printed)
    .map((document) => document.toJS())
    .filter(({ kind }) => kind.endsWith('Role'))
    .map(({ metadata }) => metadata.name);

test('a role to change workloads is printed only where they may be changed, apart from the one to look', () => {
  expect(new Set(rolesIn(rbacFor(config(false), { user: 'quorum' })))).toEqual(new Set(['quorum-looks']));
  expect(new Set(rolesIn(rbacFor(config(true), { user: 'quorum' })))).toEqual(
    new Set(['quorum-looks', 'quorum-fixes']),
  );
  expect(rbacFor(config(false), { user: 'quorum' })).not.toMatch(/patch|create|eviction/);
});

test('running commands in containers is a role of its own, printed only where it is allowed, with both verbs', () => {
  const printed = rbacFor(config(false, true), { user: 'quorum' });
  expect(new Set(rolesIn(printed))).toEqual(new Set(['quorum-looks', 'quorum-exec']));
  const role = parseAllDocuments(printed)
    .map((document) => document.toJS())
    .find(({ kind, metadata }) => kind === 'Role' && metadata.name === 'quorum-exec');
  expect(role.rules).toEqual([{ apiGroups: [''], resources: ['pods/exec'], verbs: ['get', 'create'] }]);
  expect(new Set(rolesIn(rbacFor(config(true, true), { user: 'quorum' })))).toEqual(
    new Set(['quorum-looks', 'quorum-fixes', 'quorum-exec']),
  );
  expect(rbacFor(config(true), { user: 'quorum' })).not.toContain('pods/exec');
});

test('check tries them only where it is allowed, and names the verb that is missing', async () => {
  const may = (verb: string, _group: string, resource: string) => !(resource === 'pods/exec' && verb === 'create');
  const api = await startKubernetes({ users: [{ token: 't', name: 'quorum', may }] });
  const folder = await mkdtemp(join(tmpdir(), 'quorum-check-'));
  await api.writeKubeconfig(join(folder, 'kubeconfig'), 'quorum');
  const settings = { kubeconfig: join(folder, 'kubeconfig'), namespaces: ['shop'] };
  const clusters = { looks: settings, asked: { ...settings, allowExec: true } };
  const redis = { url: 'redis://127.0.0.1:9' };
  await writeFile(join(folder, 'quorum.yaml'), JSON.stringify({ redis, kubernetes: { clusters } }));
  const lines: string[] = [];
  await check(join(folder, 'quorum.yaml'), {}, (line) => lines.push(line));
  expect(lines.filter((line) => line.includes('pods/exec'))).toEqual([
    expect.stringMatching(
      /^warn {2}kubernetes asked +may not create pods\/exec in shop: without it no JVM can be asked .* → grant `create` on `pods\/exec`/,
    ),
  ]);
  await api.stop();
  await rm(folder, { recursive: true });
}, 30_000);

test('the printed roles are enough for a fix of every kind, and none is for nothing', async () => {
  const granted = permissionsIn(rbacFor(config(true), { user: 'quorum' }));
  const looks = permissionsIn(rbacFor(config(false), { user: 'quorum' }));
  const used = new Set<Rule>();
  const refused: string[] = [];
  const may = (verb: string, group: string, resource: string, namespace: string) => {
    const rule = granted.find((each) => allows(each, verb, group, resource, namespace));
    if (rule === undefined) refused.push(`${verb} ${resource} in ${namespace}`);
    else used.add(rule);
    return rule !== undefined;
  };
  const kinds = { Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds' } as const;
  for (const [kind, word] of Object.entries(kinds) as [keyof typeof kinds, string][]) {
    const room = await openFixRoom(
      workloadObjects({ kind, container: { resources: { limits: { memory: '128Mi' } } } }),
      {
        users: [{ token: 't', name: 'quorum', may }],
        user: 'quorum',
        namespaces: ['shop'],
      },
    );
    const { plan, checks } = await room.fix({ workload: `${word}/orders` });
    expect(checks.filter(({ seen }) => seen.includes('forbidden'))).toEqual([]);
    expect(await driveChange(oomFix, plan, room.context().clients).run({ aheadMs: 10_000 })).toEqual({ kind: 'done' });
    await room.stop();
  }
  expect(refused).toEqual([]);
  const isLook = (rule: Rule) => looks.some((each) => JSON.stringify(each) === JSON.stringify(rule));
  expect(granted.filter((rule) => !isLook(rule) && !used.has(rule))).toEqual([]);
}, 30_000);
