import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
} from '@kubernetes/client-node';
import { parse, stringify } from 'yaml';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { type EatingProxy, startEatingProxy } from '../support/eating-proxy.ts';
import { follow, killedPod, quick } from '../support/pod-watch.ts';
import { waitFor } from '../support/process.ts';

// KUBECONFIG names the server, with a user who may make namespaces, pods and roles; KUBECONFIG_FORBIDDEN somebody who may do
// nothing there. Namespaces of names of their own are made and removed, so it has to be allowed with QUORUM_LIVE_PODS=yes.
const { KUBECONFIG, KUBECONFIG_FORBIDDEN, QUORUM_LIVE_PODS } = process.env;
const isAllowed = KUBECONFIG !== undefined && KUBECONFIG_FORBIDDEN !== undefined && QUORUM_LIVE_PODS === 'yes';

if (!isAllowed)
  describe('a watch of pods at a live Kubernetes API', () => {
    test.skip('is not tried: set KUBECONFIG, KUBECONFIG_FORBIDDEN and QUORUM_LIVE_PODS=yes', () => {});
  });
else
  describe('a watch of pods at a live Kubernetes API', () => {
    const admin = new KubeConfig();
    admin.loadFromFile(KUBECONFIG);
    const core = admin.makeApiClient(CoreV1Api);
    const roles = admin.makeApiClient(RbacAuthorizationV1Api);
    const made: string[] = [];
    const clusters: KubernetesCluster[] = [];
    let folder: string;
    let proxy: EatingProxy;
    let namespace: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quorum-live-watch-'));
      const { hostname, port } = new URL(admin.getCurrentCluster()?.server ?? '');
      proxy = await startEatingProxy(hostname, Number(port === '' ? 443 : port));
    });
    beforeEach(async () => {
      namespace = await makeNamespace();
    });
    afterAll(async () => {
      for (const cluster of clusters) await cluster.close();
      await proxy.close();
      for (const name of made) await core.deleteNamespace({ name }).catch(() => {});
      await rm(folder, { recursive: true });
    }, 60_000);

    async function makeNamespace(name = `quorum-live-${randomBytes(4).toString('hex')}`): Promise<string> {
      made.push(name);
      await core.createNamespace({ body: { metadata: { name } } });
      return name;
    }

    /** Connects through the proxy, with the name that the server's certificate has. */
    async function connect(kubeconfig: string, silenceMs = 90_000): Promise<KubernetesCluster> {
      const config = parse(readFileSync(kubeconfig, 'utf8'));
      for (const { cluster } of config.clusters) {
        const { hostname } = new URL(cluster.server);
        cluster.server = `https://127.0.0.1:${proxy.port}`;
        if (hostname !== '127.0.0.1') cluster['tls-server-name'] = hostname;
      }
      const path = join(folder, randomBytes(4).toString('hex'));
      await writeFile(path, stringify(config), { mode: 0o600 });
      const podWatch = { ...quick, silenceMs };
      const parts = { name: 'prod', kubeconfig: path, namespaces: [], requestTimeoutMs: 3000, podWatch };
      const cluster = await connectKubernetes(parts);
      clusters.push(cluster);
      return cluster;
    }

    /** The pod is put where no kubelet looks, and its status written as a kubelet would. */
    async function kill(name: string, kills: number): Promise<void> {
      const { metadata, spec, status } = killedPod(namespace, name, kills) as never as {
        metadata: object;
        spec: { containers: [] };
        status: { containerStatuses: { image?: string; imageID?: string; state: object }[] };
      };
      if (kills === 0) {
        const body = {
          metadata,
          spec: { ...spec, automountServiceAccountToken: false, nodeSelector: { no: 'where' } },
        };
        await waitFor('the pod to be taken', () => core.createNamespacedPod({ namespace, body }), {
          timeoutMs: 10_000,
        });
      }
      const containerStatuses = status.containerStatuses.map((each) => ({ ...each, image: 'x', imageID: 'x' }));
      const body = { status: { ...status, containerStatuses } };
      const options = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
      await core.patchNamespacedPodStatus({ namespace, name, body }, options);
    }

    test('tells what there is, what happens, and who goes, with the last state', async () => {
      await kill('web', 0);
      const watch = follow(await connect(KUBECONFIG), namespace);
      await watch.hears('= 1');
      await kill('web', 1);
      await watch.hears(`changed ${namespace}/web 1`);
      await core.deleteNamespacedPod({ namespace, name: 'web', gracePeriodSeconds: 0 });
      await watch.hears(`gone ${namespace}/web 1`);
      expect(watch.told.filter((line) => /^[!w]/.test(line))).toEqual([]);
    }, 60_000);

    test('goes on where it stood after cut connections, each change once and without a list', async () => {
      await kill('web', 0);
      const watch = follow(await connect(KUBECONFIG), namespace);
      await watch.hears('= 1');
      for (let kills = 1; kills <= 10; kills += 1) {
        await kill('web', kills);
        if (kills % 2 === 0) proxy.cut();
      }
      await watch.hears(`changed ${namespace}/web 10`);
      expect(watch.told.filter((line) => line.startsWith('changed'))).toEqual(
        Array.from({ length: 10 }, (_, index) => `changed ${namespace}/web ${index + 1}`),
      );
      expect(watch.told.filter((line) => line.startsWith('='))).toEqual(['= 1']);
    }, 60_000);

    test('notices a connection that is half open, and goes on where it stood', async () => {
      await kill('web', 0);
      const watch = follow(await connect(KUBECONFIG, 1000), namespace);
      await watch.hears('= 1');
      proxy.eat();
      await kill('web', 1);
      await watch.hears('! The Kubernetes API of prod did not answer within 3 s.', 20_000);
      proxy.cut();
      await watch.hears(`changed ${namespace}/web 1`, 20_000);
      expect(watch.told.filter((line) => line.startsWith('='))).toEqual(['= 1']);
    }, 60_000);

    test('of a namespace that is taken away costs no other, and comes back with it', async () => {
      const other = namespace;
      const vanishing = await makeNamespace();
      const subject = new KubeConfig();
      subject.loadFromFile(KUBECONFIG_FORBIDDEN);
      const name = subject.getCurrentUser()?.name ?? '';
      const grant = async (place: string) => {
        const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }];
        const metadata = { name: 'quorum-live' };
        await roles.createNamespacedRole({ namespace: place, body: { metadata, rules } });
        const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'quorum-live' };
        const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }];
        await roles.createNamespacedRoleBinding({ namespace: place, body: { metadata, roleRef, subjects } });
      };
      await grant(other);
      await grant(vanishing);
      const cluster = await connect(KUBECONFIG_FORBIDDEN);
      const stays = follow(cluster, other);
      const goes = follow(cluster, vanishing);
      await Promise.all([stays.hears('= 0', 20_000), goes.hears('= 0', 20_000)]);
      await core.deleteNamespace({ name: vanishing });
      await waitFor(
        'the namespace to be gone',
        () =>
          core.readNamespace({ name: vanishing }).then(
            () => false,
            () => true,
          ),
        { timeoutMs: 60_000, everyMs: 200 },
      );
      proxy.cut();
      await goes.hears(`! pods: forbidden: Quorum may not watch pods in namespace ${vanishing}.`, 20_000);
      await kill('web', 0);
      await stays.hears(`changed ${other}/web 0`);
      await makeNamespace(vanishing);
      await grant(vanishing);
      await goes.hears('works', 30_000);
      namespace = vanishing;
      await kill('batch', 0);
      await goes.hears(`changed ${vanishing}/batch 0`);
    }, 120_000);
  });
