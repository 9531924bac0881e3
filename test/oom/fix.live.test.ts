import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KubeConfig, KubernetesObjectApi } from '@kubernetes/client-node';
import { oomFix } from '../../jobs/oom/fix.ts';
import { oomRollback } from '../../jobs/oom/rollback.ts';
import { connectKubernetes, type KubernetesCluster } from '../../src/kubernetes/client.ts';
import { blockedBy } from '../support/fix-room.ts';
import { waitFor } from '../support/process.ts';
import { driveChange } from '../support/step-driver.ts';
import { contextOf } from '../support/why.ts';

// KUBECONFIG names a real API server with its controllers, whose kubelets are simulated: they act as the annotations sim/… of a pod
// say, so that a JVM is OOM-killed below the limit that it needs. The user may create and delete namespaces and workloads.
const { KUBECONFIG } = process.env;

const words = { Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds' } as const;
type Kind = keyof typeof words;

/** A JVM in 128 MiB that needs 192 to live. */
function workload(kind: Kind, namespace: string) {
  const name = kind.toLowerCase();
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas: 2 }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { 'sim/scenario': 'oomkilled', 'sim/needs': '192Mi' } },
        spec: {
          containers: [
            {
              name: 'app',
              image: 'eclipse-temurin:17.0.12_7-jre',
              command: ['java', '-jar', '/app.jar'],
              env: [{ name: 'JAVA_TOOL_OPTIONS', value: '-Dx=y -XX:MaxRAMPercentage=95.0' }],
              resources: { limits: { memory: '128Mi' }, requests: { memory: '128Mi', cpu: '10m' } },
            },
          ],
        },
      },
    },
  };
}

async function isSimulated(kubeconfig: string): Promise<boolean> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const { items } = await KubernetesObjectApi.makeApiClient(config).list('v1', 'Node');
  return items.some((node) => JSON.stringify(node).includes('"osImage":"simulated"'));
}

if (KUBECONFIG === undefined || KUBECONFIG === '' || !(await isSimulated(KUBECONFIG))) {
  describe('a fix on a live Kubernetes API', () => {
    test.skip('is not tried: set KUBECONFIG to a file that leads to one with simulated kubelets', () => {});
  });
} else {
  const namespace = `quorum-fix-${randomUUID().slice(0, 8)}`;
  const config = new KubeConfig();
  config.loadFromFile(KUBECONFIG);
  const objects = KubernetesObjectApi.makeApiClient(config);
  let cluster: KubernetesCluster;

  beforeAll(async () => {
    cluster = await connectKubernetes({ name: 'live', kubeconfig: KUBECONFIG, namespaces: [], allowFixes: true });
    await objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    for (const kind of Object.keys(words) as Kind[]) await objects.create(workload(kind, namespace));
  }, 60_000);
  afterAll(async () => {
    await objects.delete({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await cluster.close();
  });

  const inPresent = () => contextOf(cluster, { now: () => new Date() });

  describe('a fix on a live Kubernetes API', () => {
    test.each(Object.entries(words))(
      'mends a %s, and going back brings the deaths back',
      async (kind, word) => {
        const name = `${word}/${kind.toLowerCase()}`;
        const labelSelector = `app=${kind.toLowerCase()}`;
        await waitFor(
          'its pods to die',
          async () => {
            const { pods } = await cluster.listPods({ namespace, labelSelector, limit: 10 });
            return pods.some((pod) => JSON.stringify(pod).includes('OOMKilled'));
          },
          { timeoutMs: 60_000, everyMs: 200 },
        );
        const input = {
          cluster: 'live',
          namespace,
          container: null,
          limitBytes: null,
          resources: 'as-recommended',
        } as const;
        const proposal = await oomFix.propose({ ...input, workload: name }, inPresent());
        expect([blockedBy(proposal), proposal.plan.edit.limit]).toEqual([[], '192Mi']);
        const fixing = driveChange(oomFix, proposal.plan, inPresent().clients);
        expect(await fixing.run()).toEqual({ kind: 'done' });
        expect(fixing.notes['New pods keep running']).toContain('a heap of at most 84 MiB in 192 MiB');

        const back = await oomRollback.propose(
          { cluster: 'live', namespace, workload: name, toRevision: null, fromRevision: null },
          inPresent(),
        );
        expect([blockedBy(back), back.plan.toRevision]).toEqual([[], 1]);
        const outcome = await driveChange(oomRollback, back.plan, inPresent().clients).run();
        expect(outcome).toMatchObject({
          kind: 'blocked',
          refusal: { message: expect.stringContaining('The new pods die too.') },
        });
      },
      120_000,
    );
  });
}
