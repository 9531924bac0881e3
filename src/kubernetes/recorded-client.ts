import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import type { KubernetesCluster, LogQuery, Permission } from './cluster.ts';
import {
  configMapSchema,
  eventSchema,
  nodeSchema,
  type Pod,
  podMetricsSchema,
  podSchema,
  type Workload,
  workloadSchema,
} from './objects.ts';
import { type RequestFailure, statusFailure } from './request-failure.ts';

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
 * A cluster made from a folder with one recorded pod: pod.json, and, where they exist, node.json, events.json, node-events.json,
 * metrics.json, log.txt, previous.txt, workload.json, replicasets.json, configmap-<name>.json, each as the API gives it, and recording.json, which
 * tells when it was made and of which container the logs are. Where the API refused a part, its file holds the Status that it
 * answered (log.json for log.txt). Whatever pod is asked for, it is this one.
 * @throws Refusal when there is no pod.json, or a file is not what its name says
 */
export async function recordedKubernetes(directory: string, name: string): Promise<KubernetesCluster> {
  const address = basename(directory);
  const refusal = (status: Status, permission: Permission) =>
    statusFailure({ cluster: name, address, permission }, status.code, status.message, undefined);
  /** One file, or the refusal that stands in its place. */
  async function part<Schema extends z.ZodType>(file: string, schema: Schema, permission: Permission) {
    const json = await readJson(directory, file);
    const status = statusSchema.safeParse(json);
    if (status.success) return { file, refused: refusal(status.data, permission) } as const;
    return { file, json, value: json === undefined ? undefined : parsed(directory, file, json, schema) } as const;
  }
  const namespaced = { verb: 'get', namespace: '' } as const;
  const pod = await part('pod.json', firstOf(podSchema), { ...namespaced, resource: 'pods' });
  if (pod.refused !== undefined) throw pod.refused;
  if (pod.value === undefined)
    throw new Refusal(
      `There is no pod.json in ${directory}.`,
      'Name a folder with a recorded pod: pod.json, and node.json, events.json, metrics.json, log.txt, previous.txt where they exist.',
    );
  const seen = pod.value;
  const there = { ...namespaced, namespace: seen.metadata.namespace ?? 'default' } as const;
  const [node, events, nodeEvents, metrics, workload, replicaSets, log, previous, recording] = await Promise.all([
    part('node.json', nodeSchema, { verb: 'get', resource: 'nodes' }),
    part('events.json', listOf(eventSchema), { ...there, verb: 'list', resource: 'events' }),
    part('node-events.json', listOf(eventSchema), { verb: 'list', resource: 'events', namespace: 'default' }),
    part('metrics.json', firstOf(podMetricsSchema), { ...there, resource: 'pods.metrics.k8s.io' }),
    part('workload.json', workloadSchema, { ...there, resource: 'deployments' }),
    part('replicasets.json', listOf(workloadSchema), { ...there, resource: 'replicasets' }),
    logPart('log'),
    logPart('previous'),
    part('recording.json', recordingSchema, { ...there, resource: 'pods' }),
  ]);
  async function logPart(file: 'log' | 'previous') {
    const { refused } = await part(`${file}.json`, z.unknown(), { ...there, resource: 'pods/log' });
    return { refused, value: refused === undefined ? await readText(directory, `${file}.txt`) : undefined };
  }
  const known = [...(workload.value === undefined ? [] : [workload.value]), ...(replicaSets.value ?? [])];
  const refusedWorkload = replicaSets.refused ?? workload.refused;
  const isOfNode = (kind: string) => kind === 'Node';

  return {
    name,
    address,
    namespaces: [],
    context: undefined,
    recordedAt: recording.value?.recordedAt ?? newestTime([pod, node, events, nodeEvents, metrics]),
    version: async () => node.value?.status.nodeInfo.kubeletVersion ?? 'recorded',
    getPod: async () => seen,
    listPods: async () => ({ pods: [seen], continue: undefined }),
    getNode: async () => given(node),
    async getConfigMap(_namespace, wanted) {
      if (!isObjectName(wanted)) return undefined;
      return given(await part(`configmap-${wanted}.json`, configMapSchema, { ...there, resource: 'configmaps' }))?.data;
    },
    getWorkload: async (_kind, _namespace, wanted) => {
      const found = known.find(({ metadata }) => metadata.name === wanted);
      if (found === undefined && refusedWorkload !== undefined) throw refusedWorkload;
      return found ?? ownerOf(seen);
    },
    findWorkloads: async () => [known[0] ?? ownerOf(seen)],
    listEvents: async () => (given(events) ?? []).filter(({ involvedObject }) => !isOfNode(involvedObject.kind ?? '')),
    listNodeEvents: async () =>
      (given(nodeEvents) ?? given(events) ?? []).filter(({ involvedObject }) => isOfNode(involvedObject.kind ?? '')),
    podLog: async (_namespace, _pod, container, query) => {
      const isOther = recording.value?.container !== undefined && recording.value.container !== container;
      const text = isOther ? undefined : given(query.previous ? previous : log);
      return text === undefined ? undefined : partOf(text, query);
    },
    podMetrics: async () => given(metrics),
    listPodMetrics: async () => undefined,
    canI: async () => true,
    certificates: async () => ({
      cas: [],
      clientCertificate: null,
      serverName: null,
      isVerified: false,
      presented: [],
    }),
    watchPods(_namespace, watcher) {
      const refusal = new Refusal(
        `${address} is a recording: nothing changes in it.`,
        'Watch a cluster of the config.',
      );
      queueMicrotask(() => watcher.trouble(refusal));
      return { stop: async () => {} };
    },
    close: async () => {},
  };
}

type Part<Value> = { readonly value?: Value | undefined; readonly refused?: RequestFailure | undefined };

/** What was recorded, or the refusal that was. */
function given<Value>({ value, refused }: Part<Value>): Value | undefined {
  if (refused !== undefined) throw refused;
  return value;
}

/** A hand-made recording may name anything, a path too. */
function isObjectName(name: string): boolean {
  return /^[a-z0-9][a-z0-9.-]*$/.test(name);
}

/** What the API answers in place of an object that it does not give. */
const statusSchema = z.object({
  kind: z.literal('Status'),
  code: z.number(),
  message: z.string().optional().default(''),
});
type Status = z.infer<typeof statusSchema>;

/** What the objects cannot tell: when they were read, and which container the logs are of. */
const recordingSchema = z.object({
  recordedAt: z.coerce.date().optional(),
  container: z.string().optional(),
});

/** The API's fields for times that have passed; a deletionTimestamp lies ahead. */
const timeField = /"(?!deletionTimestamp")\w*(?:Time|[tT]imestamp|At)":"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g;

/** About when it was recorded, where nothing tells: the newest time in it (a node reports itself at least every five minutes). */
function newestTime(parts: readonly { readonly json?: unknown }[]): Date | undefined {
  const text = JSON.stringify(parts.map(({ json }) => json));
  const nowMs = Date.now();
  const times = [...text.matchAll(timeField)].map(([, time = '']) => Date.parse(time)).filter((ms) => ms <= nowMs);
  return times.length === 0 ? undefined : new Date(times.reduce((newest, ms) => Math.max(newest, ms)));
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

/** Undefined for a file that is missing or empty. */
async function readJson(directory: string, file: string): Promise<unknown> {
  const text = await readText(directory, file);
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return JSON.parse(text) ?? undefined;
  } catch (error) {
    throw new Refusal(
      `${join(directory, file)} is not JSON: ${shortened(String(error), 120)}`,
      'Record it anew with kubectl get -o json.',
    );
  }
}

function parsed<Schema extends z.ZodType>(directory: string, file: string, json: unknown, schema: Schema) {
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new Refusal(
    `${join(directory, file)} is not what the API gives: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    'Record it anew with kubectl get -o json.',
  );
}
