import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { type ApiAnswer, connectKubernetes, type KubernetesConfig } from './client.ts';
import { chooseContainer } from './containers.ts';
import { configMapsWithFlags, mayBeJava } from './evidence.ts';
import type { PodReference } from './pod-reference.ts';
import { findPod } from './pod-search.ts';
import { maskedObject } from './recording-mask.ts';
import { controllerOf, isWorkloadKind } from './workloads.ts';

const logBytes = 1024 * 1024;
/** What `/oom why` reads of a log that is longer: its beginning tells the JVM, its end what happened. */
const startBytes = 128 * 1024;
const endLines = 400;

export type Recording = {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly written: readonly { readonly file: string; readonly bytes: number }[];
  /** What the cluster has none of: no sample, never restarted. */
  readonly absent: readonly string[];
  readonly notRead: readonly { readonly file: string; readonly refusal: Refusal }[];
};

/**
 * Reads a pod and what belongs to it, and writes it into a folder that `--recorded` answers from: the API's own objects with
 * their secrets masked. A part that is refused is recorded as the Status that the API answered.
 * @throws Refusal when the pod cannot be read, or the folder holds something already
 */
export async function recordPod(
  config: KubernetesConfig,
  wanted: PodReference,
  { container: wantedContainer, directory, now }: { container: string | undefined; directory: string; now: Date },
): Promise<Recording> {
  await refuseUsed(directory);
  let last: ApiAnswer | undefined;
  const cluster = await connectKubernetes(config, (answer) => {
    last = answer;
  });
  try {
    const found = await findPod(cluster, wanted);
    const { namespace = 'default', name = '' } = found.pod.metadata;
    const files = new Map<string, string>();
    const absent: string[] = [];
    const notRead: { file: string; refusal: Refusal }[] = [];

    /** One request, one file: one at a time, so that the last answer is its own. */
    async function part<Value>(file: string, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
      last = undefined;
      try {
        const value = await read();
        if (value === undefined || last === undefined) absent.push(file);
        else files.set(file, textOf(file, last));
        return value;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        notRead.push({ file, refusal: error });
        const status = last === undefined ? undefined : statusOf(last);
        if (status !== undefined) files.set(file.replace(/\.txt$/, '.json'), status);
        return undefined;
      }
    }

    const pod = await part('pod.json', () => cluster.getPod(namespace, name));
    if (pod === undefined)
      throw notRead[0]?.refusal ?? new Refusal(`The pod ${name} is gone.`, 'Name one that is there.');
    const chosen = chooseContainer(pod, wantedContainer, ({ spec }) => mayBeJava(spec));
    const container = chosen?.name ?? '';
    for (const map of configMapsWithFlags(chosen?.spec))
      await part(`configmap-${map}.json`, () => cluster.getConfigMap(namespace, map));
    const { nodeName } = pod.spec;
    if (nodeName !== undefined) await part('node.json', () => cluster.getNode(nodeName));
    await part('events.json', () => cluster.listEvents(namespace, name));
    if (nodeName !== undefined) await part('node-events.json', () => cluster.listNodeEvents(nodeName));
    await part('metrics.json', () => cluster.podMetrics(namespace, name));
    const owner = controllerOf(pod.metadata);
    const kind = owner?.kind ?? '';
    if (owner !== undefined && isWorkloadKind(kind)) {
      const file = kind === 'ReplicaSet' ? 'replicasets.json' : 'workload.json';
      const workload = await part(file, () => cluster.getWorkload(kind, namespace, owner.name));
      const above = workload === undefined ? undefined : controllerOf(workload.metadata);
      if (above?.kind === 'Deployment')
        await part('workload.json', () => cluster.getWorkload('Deployment', namespace, above.name));
    }
    const log = (previous: boolean) => (more: { tailLines?: number; limitBytes: number }) =>
      cluster.podLog(namespace, name, container, { previous, ...more });
    for (const [file, read] of [
      ['log.txt', log(false)],
      ['previous.txt', log(true)],
    ] as const) {
      const whole = await part(file, () => read({ limitBytes: logBytes }));
      if (whole === undefined || Buffer.byteLength(whole) < logBytes) continue;
      const end = (await read({ tailLines: endLines, limitBytes: logBytes })) ?? '';
      files.set(file, redact(`${whole.slice(0, startBytes)}\n${end}`));
    }
    files.set('recording.json', pretty({ recordedAt: now.toISOString(), container }));

    await mkdir(directory, { recursive: true });
    for (const [file, text] of files) await writeFile(join(directory, file), text);
    const written = [...files].map(([file, text]) => ({ file, bytes: Buffer.byteLength(text) }));
    return { namespace, pod: name, container, written, absent, notRead };
  } finally {
    await cluster.close();
  }
}

function textOf(file: string, { text }: ApiAnswer): string {
  return file.endsWith('.txt') ? redact(text) : pretty(maskedObject(JSON.parse(text)));
}

/** The Status that the API answered in place of what was asked for; undefined where it was none. */
function statusOf({ text }: ApiAnswer): string | undefined {
  try {
    const status: unknown = JSON.parse(text);
    const isStatus = typeof status === 'object' && status !== null && 'kind' in status && status.kind === 'Status';
    return isStatus ? pretty(maskedObject(status)) : undefined;
  } catch {
    return undefined;
  }
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Files of another recording would be taken for this one's. */
async function refuseUsed(directory: string): Promise<void> {
  const present = await readdir(directory).catch(({ code }: NodeJS.ErrnoException) => {
    if (code === 'ENOENT') return [];
    throw new Refusal(
      `${directory} cannot be written to: ${code ?? 'unknown error'}.`,
      'Name another folder with --out.',
    );
  });
  if (present.length > 0)
    throw new Refusal(`The folder ${directory} holds something already.`, 'Name a new one with --out.');
}
