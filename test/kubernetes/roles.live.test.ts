import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  RbacAuthorizationV1Api,
  type V1ClusterRole,
} from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import type { Permission } from '../../src/kubernetes/cluster.ts';
import { podSchema } from '../../src/kubernetes/objects.ts';
import { groupOf, neededPermissions } from '../../src/kubernetes/permissions.ts';
import { rbacManifest } from '../../src/kubernetes/rbac.ts';
import { workloadNameOf } from '../../src/kubernetes/workloads.ts';
import { permissionsIn, type Rule } from '../support/kubernetes/roles.ts';
import { waitFor } from '../support/process.ts';
import { answerOf, forbiddenIn, type Question } from '../support/questions.ts';

// KUBECONFIG names the server, with a user who may make roles; KUBECONFIG_FORBIDDEN somebody who may do nothing there. That
// user gets a role of a name of its own for a minute, so it has to be allowed with QUORUM_LIVE_ROLES=yes.
const { KUBECONFIG, KUBECONFIG_FORBIDDEN, QUORUM_LIVE_ROLES } = process.env;
const isAllowed = KUBECONFIG !== undefined && KUBECONFIG_FORBIDDEN !== undefined && QUORUM_LIVE_ROLES === 'yes';

if (!isAllowed)
  describe('the printed role at a live Kubernetes API', () => {
    test.skip('is not tried: set KUBECONFIG, KUBECONFIG_FORBIDDEN and QUORUM_LIVE_ROLES=yes', () => {});
  });
else
  describe('the printed role at a live Kubernetes API', () => {
    const name = `quorum-live-${randomBytes(4).toString('hex')}`;
    const admin = new KubeConfig();
    admin.loadFromFile(KUBECONFIG);
    const roles = admin.makeApiClient(RbacAuthorizationV1Api);
    const user = new KubeConfig();
    user.loadFromFile(KUBECONFIG_FORBIDDEN);
    const manifest = rbacManifest([], { kind: 'User', name: user.getCurrentUser()?.name ?? '' });
    const all = permissionsIn(manifest);
    let cluster: KubernetesCluster;
    let questions: readonly Question[];

    beforeAll(async () => {
      cluster = await connectKubernetes({
        name: 'prod',
        kubeconfig: KUBECONFIG_FORBIDDEN,
        namespaces: [],
        requestTimeoutMs: 10_000,
      });
      questions = await questionsAbout(admin);
      const objects = KubernetesObjectApi.makeApiClient(admin);
      for (const document of parseAllDocuments(manifest.replaceAll('quorum-looks', name)))
        await objects.create(document.toJS());
    }, 60_000);
    afterAll(async () => {
      await cluster.close();
      await roles.deleteClusterRoleBinding({ name });
      await roles.deleteClusterRole({ name });
    });

    /** Grants these, and waits until the server goes by it. */
    async function grant(rules: readonly Rule[], settled: (isAllowed: boolean) => boolean, sign: Permission) {
      const body: V1ClusterRole = {
        metadata: { name },
        rules: rules.map(({ verb, group, resource }) => ({
          verbs: [verb],
          apiGroups: [group],
          resources: [resource],
        })),
      };
      await roles.replaceClusterRole({ name, body });
      await waitFor('the role to count', async () => settled(await cluster.canI(sign)), { timeoutMs: 30_000 });
    }

    test('is enough: nothing is forbidden, whatever is asked', async () => {
      await grant(all, (may) => may, { verb: 'get', resource: 'pods.metrics.k8s.io' });
      for (const question of questions) {
        const { said } = await answerOf(cluster, question);
        expect([question, forbiddenIn(said)]).toEqual([question, []]);
      }
    }, 120_000);

    test.each(neededPermissions([]).map((needed) => [`${needed.verb} ${needed.resource}`, needed] as const))(
      'costs without %s its own part, never the answer',
      async (_name, needed) => {
        const kept = all.filter((rule) => !isSame(rule, needed));
        expect(kept).toHaveLength(all.length - 1);
        await grant(kept, (may) => !may, needed);
        for (const question of questions) {
          const { said, report } = await answerOf(cluster, question);
          const isNamed = question.namespace !== undefined && !question.pod?.includes('/');
          const others = forbiddenIn(said).filter((text) => !text.includes(` ${needed.verb} ${needed.resource} `));
          expect([question, others]).toEqual([question, []]);
          // Without the pods themselves there is nothing to tell, and what is not named in full has to be found.
          if (needed.resource !== 'pods' && isNamed)
            expect([question, report?.verdict]).not.toEqual([question, undefined]);
        }
      },
      120_000,
    );
  });

function isSame(rule: Rule, { verb, resource }: Permission): boolean {
  return (
    rule.verb === verb && rule.group === groupOf(resource) && rule.resource === resource.replace('.metrics.k8s.io', '')
  );
}

/** Of a cluster that is not known before: some pods that were OOM-killed, some others, their workloads, and the list. */
async function questionsAbout(kubeConfig: KubeConfig): Promise<Question[]> {
  const { items } = await kubeConfig.makeApiClient(CoreV1Api).listPodForAllNamespaces({ limit: 500 });
  const pods = items.map((item) => podSchema.parse(JSON.parse(JSON.stringify(item))));
  const isKilled = (pod: (typeof pods)[number]) => JSON.stringify(pod.status).includes('OOMKilled');
  const chosen = [...pods.filter(isKilled).slice(0, 4), ...pods.filter((pod) => !isKilled(pod)).slice(0, 4)];
  return [
    ...chosen.flatMap((pod) => {
      const { name = '', namespace = '' } = pod.metadata;
      const workload = workloadNameOf(pod);
      const isTaken = workload !== undefined && /^(?:deploy|sts|ds|job)\//.test(workload);
      return [{ pod: name, namespace }, { pod: name }, ...(isTaken ? [{ pod: workload, namespace }] : [])];
    }),
    {},
  ];
}
