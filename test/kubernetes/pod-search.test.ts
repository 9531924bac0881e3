import { describe, expect, test } from '@jest/globals';
import type { KubernetesCluster, PodQuery } from '../../src/kubernetes/cluster.ts';
import { type Pod, podSchema, workloadSchema } from '../../src/kubernetes/objects.ts';
import { parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { findPod } from '../../src/kubernetes/pod-search.ts';
import { RequestFailure } from '../../src/kubernetes/request-failure.ts';
import { Refusal } from '../../src/refusal.ts';

type Held = { readonly namespaces?: readonly string[]; readonly mayList?: (namespace: string | undefined) => boolean };

/** A cluster that holds these pods and pages by five hundred; it counts what it is asked. */
function clusterOf(pods: readonly Pod[], { namespaces = [], mayList = () => true }: Held = {}) {
  const asked: string[] = [];
  const unused = () => Promise.reject(new Error('not asked in these tests'));
  const cluster: KubernetesCluster = {
    name: 'prod',
    address: 'https://10.0.0.1:6443',
    namespaces,
    context: undefined,
    version: unused,
    watchPods: () => ({ stop: async () => {} }),
    listPodMetrics: unused,
    async getPod(namespace, name) {
      asked.push(`get ${namespace}/${name}`);
      return pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
    },
    async listPods({ namespace, fieldSelector, labelSelector, limit, continue: from = '0' }: PodQuery) {
      asked.push(
        `list ${namespace ?? 'all'}${fieldSelector === undefined ? '' : ` ${fieldSelector}`}${labelSelector === undefined ? '' : ` ${labelSelector}`}`,
      );
      if (!mayList(namespace))
        throw new RequestFailure(
          'forbidden',
          'pods: forbidden: Quorum may not list pods in all namespaces.',
          'Grant list pods.',
        );
      const name = fieldSelector?.replace('metadata.name=', '');
      const fitting = pods.filter(
        ({ metadata }) =>
          (namespace === undefined || metadata.namespace === namespace) &&
          (name === undefined || metadata.name === name) &&
          (labelSelector === undefined || `app=${metadata.labels.app}` === labelSelector),
      );
      const start = Number(from);
      const isMore = fitting.length > start + limit;
      return { pods: fitting.slice(start, start + limit), continue: isMore ? String(start + limit) : undefined };
    },
    async getWorkload(_kind, namespace, name) {
      asked.push(`workload ${namespace}/${name}`);
      return pods.some(({ metadata }) => metadata.namespace === namespace && metadata.labels.app === name)
        ? workload(namespace, name)
        : undefined;
    },
    async findWorkloads(_kind, name) {
      asked.push(`workloads ${name}`);
      const places = pods
        .filter(({ metadata }) => metadata.labels.app === name)
        .map(({ metadata }) => metadata.namespace ?? '');
      return [...new Set(places)].map((namespace) => workload(namespace, name));
    },
    getNode: unused,
    getConfigMap: unused,
    listEvents: unused,
    listNodeEvents: unused,
    podLog: unused,
    podMetrics: unused,
    certificates: unused,
    canI: unused,
    close: unused,
  };
  return { cluster, asked };
}

function workload(namespace: string, name: string) {
  return workloadSchema.parse({
    metadata: { name, namespace },
    spec: { replicas: 3, selector: { matchLabels: { app: name } } },
    status: { readyReplicas: 1 },
  });
}

function pod(namespace: string, name: string, restartCount = 0): Pod {
  const app = name.split('-')[0] ?? name;
  return podSchema.parse({
    metadata: {
      namespace,
      name,
      labels: { app, 'pod-template-hash': '7d9f' },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${app}-7d9f`, uid: `uid-${namespace}-${app}`, controller: true }],
    },
    spec: { containers: [{ name: 'app' }] },
    status: {
      containerStatuses: [{ name: 'app', restartCount }],
      conditions: [{ type: 'Ready', status: restartCount > 0 ? 'False' : 'True' }],
    },
  });
}

const shop = [
  pod('shop', 'checkout-7d9f-aaaaa'),
  pod('shop', 'checkout-7d9f-bbbbb', 7),
  pod('shop', 'cart-7d9f-ccccc'),
  pod('jobs', 'cart-7d9f-ccccc'),
];
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => pod('shop', `worker-7d9f-${String(index).padStart(5, '0')}`));

async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a pod is found', () => {
  test.each([
    ['shop/checkout-7d9f-aaaaa', ['get shop/checkout-7d9f-aaaaa']],
    ['checkout-7d9f-aaaaa', ['list all metadata.name=checkout-7d9f-aaaaa']],
    ['shop/checkout-7d9f-b', ['get shop/checkout-7d9f-b', 'list shop']],
    ['shop/cart-', ['list shop']],
    ['shop/deploy/checkout', ['workload shop/checkout', 'list shop app=checkout']],
    ['deploy/checkout', ['workloads checkout', 'list shop app=checkout']],
  ])('by %s, with no more requests than these', async (typed, requests) => {
    const { cluster, asked } = clusterOf(shop);
    const found = await findPod(cluster, parsePodReference(typed, undefined));
    expect(asked).toEqual(requests);
    expect(found.requests).toBe(requests.length);
  });

  test('as the worst of its workload, with the readiness of all', async () => {
    const found = await findPod(clusterOf(shop).cluster, parsePodReference('deploy/checkout', 'shop'));
    expect(found.pod.metadata.name).toBe('checkout-7d9f-bbbbb');
    expect(found.replicas).toMatchObject({ workload: 'deploy/checkout', ready: 1, wanted: 3 });
    expect(found.chosenBecause).toBe('Of its 2 pods deploy/checkout fares worst with this one.');
  });

  test('by its beginning, with the readiness of its siblings', async () => {
    const found = await findPod(clusterOf(shop).cluster, parsePodReference('checkout-7d9f-b', 'shop'));
    expect(found.replicas).toMatchObject({ workload: 'deploy/checkout', ready: 1, wanted: 2 });
  });

  test('by its beginning on the second page', async () => {
    const { cluster, asked } = clusterOf([...many(700), pod('shop', 'zebra-7d9f-x')]);
    const found = await findPod(cluster, parsePodReference('zebra', 'shop'));
    expect(found.pod.metadata.name).toBe('zebra-7d9f-x');
    expect(asked).toEqual(['get shop/zebra', 'list shop', 'list shop']);
  });

  test('in the configured namespaces only, each asked by name', async () => {
    const { cluster, asked } = clusterOf(shop, { namespaces: ['shop', 'web'] });
    const found = await findPod(cluster, parsePodReference('cart-7d9f-ccccc', undefined));
    expect(found.pod.metadata.namespace).toBe('shop');
    expect(asked).toEqual(['list shop metadata.name=cart-7d9f-ccccc', 'list web metadata.name=cart-7d9f-ccccc']);
  });

  test('by its beginning without a namespace where only one is configured', async () => {
    const found = await findPod(
      clusterOf(shop, { namespaces: ['shop'] }).cluster,
      parsePodReference('cart', undefined),
    );
    expect(found.pod.metadata.name).toBe('cart-7d9f-ccccc');
  });
});

describe('a pod is never guessed', () => {
  test.each([
    [
      'cart-7d9f-ccccc',
      '2 pods are called cart-7d9f-ccccc, in different namespaces.',
      ['shop/cart-7d9f-ccccc', 'jobs/cart-7d9f-ccccc'],
    ],
    [
      'shop/checkout',
      '2 pods in namespace shop begin with checkout.',
      ['shop/checkout-7d9f-aaaaa', 'shop/checkout-7d9f-bbbbb'],
    ],
    [
      'shop/chekout',
      'No pod in namespace shop is called chekout, or begins so.',
      ['shop/checkout-7d9f-aaaaa', 'shop/checkout-7d9f-bbbbb', 'shop/cart-7d9f-ccccc'],
    ],
    [
      'shop/bbbbb',
      'No pod in namespace shop is called bbbbb, or begins so.',
      ['shop/checkout-7d9f-bbbbb', 'shop/cart-7d9f-ccccc'],
    ],
    [
      'shop/zebra',
      'No pod in namespace shop is called zebra, or begins so.',
      ['shop/checkout-7d9f-bbbbb', 'shop/cart-7d9f-ccccc'],
    ],
    [
      'shopp/cart-7d9f-ccccc',
      'There is no pod at all in namespace shopp.',
      ['shop/cart-7d9f-ccccc', 'jobs/cart-7d9f-ccccc'],
    ],
    ['deploy/cart', '2 namespaces have a deploy/cart.', ['shop/deploy/cart', 'jobs/deploy/cart']],
    [
      'deploy/chekout',
      'No namespace has a deploy/chekout.',
      ['shop/deploy/checkout', 'jobs/deploy/cart', 'shop/deploy/cart'],
    ],
    ['shop/deploy/zebra', 'There is no deploy/zebra in namespace shop.', ['shop/deploy/checkout', 'shop/deploy/cart']],
  ])('%s', async (typed, message, choices) => {
    const refusal = await refusalOf(findPod(clusterOf(shop).cluster, parsePodReference(typed, undefined)));
    expect(refusal.message).toBe(message);
    expect(refusal.choices).toEqual(choices);
  });

  test('among more pods than two pages hold, though one fits', async () => {
    const { cluster, asked } = clusterOf([pod('shop', 'zebra-7d9f-x'), ...many(1500)]);
    const refusal = await refusalOf(findPod(cluster, parsePodReference('zebra', 'shop')));
    expect(refusal.message).toBe(
      'namespace shop has more than 1000 pods: the beginning zebra cannot be shown to be unique.',
    );
    expect(refusal.choices).toEqual(['shop/zebra-7d9f-x']);
    expect(asked).toEqual(['get shop/zebra', 'list shop', 'list shop']);
  });

  test('from the choices no more than eight are shown', async () => {
    const refusal = await refusalOf(findPod(clusterOf(many(100)).cluster, parsePodReference('worker', 'shop')));
    expect(refusal.choices).toHaveLength(8);
    expect(refusal.advice).toBe('Type more of the name, or ask for the worst of them: deploy/worker -n shop.');
  });

  test('outside the configured namespaces', async () => {
    const { cluster, asked } = clusterOf(shop, { namespaces: ['shop'] });
    const refusal = await refusalOf(findPod(cluster, parsePodReference('jobs/cart-7d9f-ccccc', undefined)));
    expect(refusal.message).toBe('Quorum is not set up for namespace jobs of prod.');
    expect(asked).toEqual([]);
  });

  test('where the whole cluster may not be listed, the namespace is asked for', async () => {
    const { cluster } = clusterOf(shop, { mayList: (namespace) => namespace !== undefined });
    const refusal = await refusalOf(findPod(cluster, parsePodReference('cart-7d9f-ccccc', undefined)));
    expect(refusal.advice).toBe('Name the namespace: -n, or namespace/cart-7d9f-ccccc. Or: Grant list pods.');
  });
});
