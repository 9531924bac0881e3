import type { ContainerName } from '../kubernetes/memory-reader.ts';

/** What is asked of Prometheus about one container. Source of the names: cAdvisor, kube-state-metrics, Micrometer and client_java. */

export const workingSetMetric = 'container_memory_working_set_bytes';
export const limitMetric = 'kube_pod_container_resource_limits';
/** The newer name and that of the older client: a JVM has one of them. */
export const heapUsedMetrics: readonly string[] = ['jvm_memory_used_bytes', 'jvm_memory_bytes_used'];
export const heapMaxMetrics: readonly string[] = ['jvm_memory_max_bytes', 'jvm_memory_bytes_max'];

/** From here on a step is longer than scrapes are apart, and its largest value is asked for: a peak between two steps still counts. */
const peakStepMs = 120_000;

/** The working set of one container, a series for each of its runs (cAdvisor labels them with the cgroup's id). */
export function workingSetQuery(
  target: ContainerName,
  stepMs: number,
  labels: Readonly<Record<string, string>>,
): string {
  const selector = `${workingSetMetric}${matchers({ ...labels, ...target })}`;
  return stepMs < peakStepMs ? selector : `max_over_time(${selector}[${stepMs / 1000}s])`;
}

/** The JVM's own figures and the limit, all in one. */
export function figuresQuery({ namespace, pod }: ContainerName, labels: Readonly<Record<string, string>>): string {
  const names = [limitMetric, ...heapUsedMetrics, ...heapMaxMetrics].join('|');
  return `{__name__=~"${names}",${matchers({ ...labels, namespace, pod }).slice(1)}`;
}

/** How many containers' working sets there are. */
export function containersQuery(labels: Readonly<Record<string, string>>): string {
  return `count(${workingSetMetric}${matchers({ ...labels })})`;
}

/** `{a="x",b="y"}`, values escaped as PromQL wants it. Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals */
export function matchers(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
}
