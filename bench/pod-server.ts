import { startKubernetes } from '../test/support/kubernetes/api.ts';
import type { KubernetesObject } from '../test/support/kubernetes/object.ts';
import { loadRecorded } from '../test/support/kubernetes/recorded.ts';

// An API server with so many pods, made of the recorded ones, each with the managed fields that a real one carries along.
const [count = '0', kubeconfig = ''] = process.argv.slice(2);
const managedFields = [{ manager: 'kubelet', operation: 'Update', fieldsV1: { padding: 'f:'.repeat(1000) } }];
const recorded = loadRecorded({ now: new Date() }).objects.filter(({ kind }) => kind === 'Pod');

function pod(index: number): KubernetesObject {
  const from = recorded[index % recorded.length] as KubernetesObject;
  const { uid: _uid, ...metadata } = from.metadata;
  return { ...from, metadata: { ...metadata, namespace: `load-${index % 50}`, name: `pod-${index}`, managedFields } };
}

const api = await startKubernetes({ objects: Array.from({ length: Number(count) }, (_, index) => pod(index)) });
await api.writeKubeconfig(kubeconfig);
process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`);
