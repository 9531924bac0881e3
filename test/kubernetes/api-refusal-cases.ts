import { expect } from '@jest/globals';
import { AuthorizationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { type ApiCase, absent, neverAsked, refusalOf } from './api-subject.ts';

/** What is refused, to whom, and in which words. */
export const refusalCases: readonly ApiCase[] = [
  {
    title: 'says in a Status which object is not there',
    async run({ core, apps, quorum }) {
      expect(await refusalOf(core.readNamespacedPod({ namespace: absent, name: absent }))).toEqual({
        code: 404,
        reason: 'NotFound',
        message: `pods "${absent}" not found`,
        details: { name: absent, kind: 'pods' },
      });
      expect(await refusalOf(core.readNode({ name: absent }))).toMatchObject({
        code: 404,
        message: `nodes "${absent}" not found`,
      });
      expect(await refusalOf(apps.readNamespacedDeployment({ namespace: absent, name: absent }))).toEqual({
        code: 404,
        reason: 'NotFound',
        message: `deployments.apps "${absent}" not found`,
        details: { name: absent, group: 'apps', kind: 'deployments' },
      });
      expect(await refusalOf(core.readNamespacedPodLog({ namespace: absent, name: absent }))).toMatchObject({
        code: 404,
        message: `pods "${absent}" not found`,
      });
      expect(await quorum.getPod(absent, absent)).toBeUndefined();
      expect(await quorum.getNode(absent)).toBeUndefined();
      expect(await quorum.getWorkload('StatefulSet', absent, absent)).toBeUndefined();
    },
  },
  {
    title: 'refuses selectors and page tokens that mean nothing',
    async run({ core, apps }) {
      const messageFor = async (query: object) => (await refusalOf(core.listPodForAllNamespaces(query))).message;
      expect(await messageFor({ fieldSelector: 'spec.colour=red' })).toContain(
        'field label not supported: spec.colour',
      );
      expect(await messageFor({ fieldSelector: 'metadata.name' })).toContain(
        "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
      );
      expect(await messageFor({ labelSelector: 'app in (web' })).toContain(
        "unable to parse requirement: found '', expected: ',' or ')'",
      );
      expect(await messageFor({ labelSelector: 'app=a=b' })).toContain("found '=', expected: ',' or 'end of string'");
      expect(await messageFor({ labelSelector: '-app' })).toContain(
        'name part must consist of alphanumeric characters',
      );
      expect(await messageFor({ limit: 2, _continue: 'e30' })).toContain('continue key is not valid');
      const refusal = await refusalOf(apps.listDeploymentForAllNamespaces({ fieldSelector: 'spec.colour=red' }));
      expect(refusal.code).toBe(400);
      expect(refusal.message).toContain(
        '"spec.colour" is not a known field selector: only "metadata.name", "metadata.namespace"',
      );
    },
  },
  {
    title: 'does not know a wrong token, whatever it asks for',
    async run({ kubeConfig }) {
      const stranger = new KubeConfig();
      stranger.loadFromOptions({
        clusters: kubeConfig.clusters,
        users: [{ name: 'stranger', token: 'not-a-token' }],
        contexts: [{ name: 'x', cluster: kubeConfig.getCurrentCluster()?.name ?? '', user: 'stranger' }],
        currentContext: 'x',
      });
      const core = stranger.makeApiClient(CoreV1Api);
      await expect(core.listPodForAllNamespaces()).rejects.toMatchObject({ code: 401 });
      await expect(core.readNamespacedPod({ namespace: absent, name: absent })).rejects.toMatchObject({ code: 401 });
    },
  },
  {
    title: 'says who may not do what, where: before it says whether the object is there',
    applies: ({ forbidden }) => forbidden !== undefined,
    async run({ forbidden }) {
      const { core, user } = forbidden ?? neverAsked();
      expect(await refusalOf(core.listPodForAllNamespaces())).toEqual({
        code: 403,
        reason: 'Forbidden',
        message: `pods is forbidden: User "${user}" cannot list resource "pods" in API group "" at the cluster scope`,
        details: { kind: 'pods' },
      });
      expect(await refusalOf(core.readNamespacedPodLog({ namespace: absent, name: 'x' }))).toEqual({
        code: 403,
        reason: 'Forbidden',
        message: `pods "x" is forbidden: User "${user}" cannot get resource "pods/log" in API group "" in the namespace "${absent}"`,
        details: { name: 'x', kind: 'pods' },
      });
      expect(
        await refusalOf(core.listNamespacedPod({ namespace: absent, fieldSelector: 'metadata.name=x' })),
      ).toMatchObject({
        code: 403,
        message: `pods "x" is forbidden: User "${user}" cannot list resource "pods" in API group "" in the namespace "${absent}"`,
      });
    },
  },
  {
    title: 'answers what the asker may do',
    async run({ quorum, kubeConfig, forbidden }) {
      expect(await quorum.canI({ verb: 'list', resource: 'pods' })).toBe(true);
      const reviews = kubeConfig.makeApiClient(AuthorizationV1Api);
      const body = { spec: { resourceAttributes: { verb: 'get', resource: 'pods', subresource: 'log' } } };
      expect((await reviews.createSelfSubjectAccessReview({ body })).status?.allowed).toBe(true);
      if (forbidden !== undefined) expect(await forbidden.quorum.canI({ verb: 'list', resource: 'pods' })).toBe(false);
    },
  },
];
