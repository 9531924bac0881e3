import { parseLabelSelector } from './label-selector.ts';
import type { KubernetesObject } from './object.ts';
import type { ResourceRequest } from './request.ts';
import { badRequest, noSuchResource, notFound } from './status.ts';

/** What a container or a node uses, as quantities: `{ cpu: '12m', memory: '471Mi' }`. */
export type Usage = { readonly cpu: string; readonly memory: string };

export type PodUsage = { readonly pod: KubernetesObject; readonly containers: Readonly<Record<string, Usage>> };
export type NodeUsage = { readonly node: KubernetesObject; readonly usage: Usage };

const head = { apiVersion: 'metrics.k8s.io/v1beta1' };
const windowSeconds = 30;

/** The answer of a metrics server: the newest sample of what runs, and nothing of what does not. */
export function metricsAnswer(
  { resource, namespace, name, verb }: ResourceRequest,
  {
    query,
    pods,
    nodes,
    now,
  }: { query: URLSearchParams; pods: readonly PodUsage[]; nodes: readonly NodeUsage[]; now: Date },
): object {
  const matches = labelMatcher(query);
  if (resource === 'pods') {
    const inScope = pods.filter(({ pod }) => namespace === '' || pod.metadata.namespace === namespace);
    if (verb === 'list') {
      const items = inScope.filter(({ pod }) => matches(pod)).map((each) => podMetrics(each, now));
      return { kind: 'PodMetricsList', ...head, metadata: {}, items };
    }
    const found = inScope.find(({ pod }) => pod.metadata.name === name);
    if (found === undefined) throw notFound('metrics.k8s.io', 'podmetrics', `${namespace}/${name}`);
    return { kind: 'PodMetrics', ...head, ...podMetrics(found, now) };
  }
  if (resource !== 'nodes') throw noSuchResource();
  if (verb === 'list') {
    const items = nodes.filter(({ node }) => matches(node)).map((each) => nodeMetrics(each, now));
    return { kind: 'NodeMetricsList', ...head, metadata: {}, items };
  }
  const found = nodes.find(({ node }) => node.metadata.name === name);
  if (found === undefined) throw notFound('metrics.k8s.io', 'nodemetrics', name);
  return { kind: 'NodeMetrics', ...head, ...nodeMetrics(found, now) };
}

function podMetrics({ pod, containers }: PodUsage, now: Date) {
  const usages = Object.entries(containers).map(([name, usage]) => ({ name, usage }));
  return { metadata: metadataOf(pod, now), ...sample(now), containers: usages };
}

function nodeMetrics({ node, usage }: NodeUsage, now: Date) {
  return { metadata: metadataOf(node, now), ...sample(now), usage };
}

function metadataOf({ metadata: { name, namespace, labels } }: KubernetesObject, now: Date) {
  const place = namespace === undefined ? { name } : { name, namespace };
  return { ...place, ...(labels === undefined ? {} : { labels }), creationTimestamp: seconds(now) };
}

function sample(now: Date) {
  return { timestamp: seconds(new Date(now.getTime() - 10_000)), window: `${windowSeconds}s` };
}

function seconds(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, 'Z');
}

function labelMatcher(query: URLSearchParams): (object: KubernetesObject) => boolean {
  try {
    const matches = parseLabelSelector(query.get('labelSelector') ?? '');
    return ({ metadata }) => matches(metadata.labels ?? {});
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}
