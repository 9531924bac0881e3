import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import type { KubernetesCluster, LogQuery } from './cluster.ts';
import {
  eventSchema,
  nodeSchema,
  type Pod,
  podMetricsSchema,
  podSchema,
  type Workload,
  workloadSchema,
} from './objects.ts';

/** A file may hold one object or a list of them, as `kubectl get -o json` prints either. */
function listOf<Item extends z.ZodType>(item: Item) {
  return z.preprocess((value) => (Array.isArray(value) ? value : (itemsOf(value) ?? [value])), z.array(item));
}

function firstOf<Item extends z.ZodType>(item: Item) {
  return z.preprocess((value) => (Array.isArray(value) ? value : (itemsOf(value) ?? [value]))[0], item.optional());
}

/** The items of a List; undefined for an object that is none. */
function itemsOf(value: unknown): unknown[] | undefined {
  if (typeof value !== 'object' || value === null || !('items' in value)) return undefined;
  return Array.isArray(value.items) ? value.items : [];
}

/**
 * A cluster made from a folder with one recorded pod: pod.json, and, where they exist, node.json, events.json, metrics.json,
 * log.txt, previous.txt, workload.json and replicasets.json, each as the API gives it. Whatever pod is asked for, it is this one.
 * @throws Refusal when there is no pod.json, or a file is not what its name says
 */
export async function recordedKubernetes(directory: string, name: string): Promise<KubernetesCluster> {
  const [pod, node, events, metrics, log, previous, workload, replicaSets] = await Promise.all([
    readJson(directory, 'pod.json', firstOf(podSchema)),
    readJson(directory, 'node.json', nodeSchema),
    readJson(directory, 'events.json', listOf(eventSchema)),
    readJson(directory, 'metrics.json', firstOf(podMetricsSchema)),
    readText(directory, 'log.txt'),
    readText(directory, 'previous.txt'),
    readJson(directory, 'workload.json', workloadSchema),
    readJson(directory, 'replicasets.json', listOf(workloadSchema)),
  ]);
  if (pod === undefined)
    throw new Refusal(
      `There is no pod.json in ${directory}.`,
      'Name a folder with a recorded pod: pod.json, and node.json, events.json, metrics.json, log.txt, previous.txt where they exist.',
    );
  const workloads = [...(workload === undefined ? [] : [workload]), ...(replicaSets ?? [])];
  const found = workloads[0] ?? ownerOf(pod);

  return {
    name,
    address: basename(directory),
    namespaces: [],
    context: undefined,
    version: async () => node?.status.nodeInfo.kubeletVersion ?? 'recorded',
    getPod: async () => pod,
    listPods: async () => ({ pods: [pod], continue: undefined }),
    getNode: async () => node,
    getWorkload: async (_kind, _namespace, wanted) =>
      workloads.find((known) => known.metadata.name === wanted) ?? ownerOf(pod),
    findWorkloads: async () => [found],
    listEvents: async () => (events ?? []).filter(({ involvedObject }) => involvedObject.kind !== 'Node'),
    listNodeEvents: async () => (events ?? []).filter(({ involvedObject }) => involvedObject.kind === 'Node'),
    podLog: async (_namespace, _pod, _container, query) => {
      const text = query.previous ? previous : log;
      return text === undefined ? undefined : partOf(text, query);
    },
    podMetrics: async () => metrics,
    canI: async () => true,
    close: async () => {},
  };
}

/** Stands for the workload where none was recorded: it selects the one pod there is. */
function ownerOf(pod: Pod): Workload {
  return workloadSchema.parse({
    metadata: { name: pod.metadata.name, namespace: pod.metadata.namespace },
    spec: { selector: { matchLabels: { ...pod.metadata.labels, recorded: 'true' } } },
  });
}

/** What the API would send of a log. */
function partOf(text: string, { tailLines, limitBytes }: LogQuery): string {
  const lines = text.split('\n');
  const end = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  const part = tailLines === undefined ? text : lines.slice(Math.max(0, end - tailLines)).join('\n');
  return part.length <= limitBytes ? part : Buffer.from(part).subarray(0, limitBytes).toString('utf8');
}

async function readText(directory: string, file: string): Promise<string | undefined> {
  return readFile(join(directory, file), 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Refusal(`${join(directory, file)} cannot be read: ${code ?? 'unknown error'}.`, 'Check who may read it.');
  });
}

async function readJson<Schema extends z.ZodType>(
  directory: string,
  file: string,
  schema: Schema,
): Promise<z.infer<Schema> | undefined> {
  const text = await readText(directory, file);
  if (text === undefined || text.trim() === '') return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Refusal(
      `${join(directory, file)} is not JSON: ${shortened(String(error), 120)}`,
      'Record it anew with kubectl get -o json.',
    );
  }
  if (json === null) return undefined;
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Refusal(
    `${join(directory, file)} is not what the API gives: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    'Record it anew with kubectl get -o json.',
  );
}
