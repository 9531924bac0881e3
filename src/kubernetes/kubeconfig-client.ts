import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { z } from 'zod';
import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import type { WatchTiming } from './watch-pace.ts';

/** Where a cluster's API is and who asks, as quorum.yaml names it. */
export type KubernetesConfig = {
  readonly name: string;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly inCluster?: boolean | undefined;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly requestTimeoutMs?: number | undefined;
  /** How patient a watch is, where not as usual. */
  readonly podWatch?: Partial<WatchTiming> | undefined;
  /** Whether workloads may be changed there. */
  readonly allowFixes?: boolean | undefined;
  /** Whether commands may be run in containers there. */
  readonly allowExec?: boolean | undefined;
};

/**
 * Loads the file and settles its context.
 * @throws Refusal when it is missing, unreadable or malformed, or when its context leads nowhere
 */
export async function loadKubeconfig(
  kubeConfig: KubeConfig,
  { name, kubeconfig, context }: KubernetesConfig,
): Promise<void> {
  if (kubeconfig === undefined)
    throw new Refusal(
      `kubernetes.clusters.${name} names no kubeconfig.`,
      'Set kubeconfig to a file, or inCluster: true.',
    );
  const text = await readFile(kubeconfig, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new Refusal(
        `There is no kubeconfig ${kubeconfig}.`,
        `Correct kubernetes.clusters.${name}.kubeconfig, or make the file.`,
      );
    if (error.code === 'EACCES')
      throw new Refusal(`The kubeconfig ${kubeconfig} may not be read.`, 'Let the user that Quorum runs as read it.');
    throw new Refusal(`The kubeconfig ${kubeconfig} cannot be read: ${error.code ?? 'unknown error'}.`, 'Name a file.');
  });
  if (text.trim() === '') throw new Refusal(`The kubeconfig ${kubeconfig} is empty.`, shape);
  try {
    kubeConfig.loadFromFile(kubeconfig);
  } catch (error) {
    const problem =
      redact(String(error))
        .replace(/^\w*(?:Error|Exception): /, '')
        .split('\n')[0] ?? '';
    if (/^(?:Error: )?(?:ENOENT|EACCES|EISDIR)\b/.test(problem))
      throw new Refusal(
        `The kubeconfig ${kubeconfig} names a file that cannot be read: ${shortened(problem, 160)}.`,
        'Mend that path, or let the user that Quorum runs as read the file.',
      );
    const isOtherShape = /^Cannot (?:read|use)/.test(problem);
    throw new Refusal(
      `The kubeconfig ${kubeconfig} is malformed: ${isOtherShape ? 'it is not a mapping' : shortened(problem, 160)}.`,
      shape,
    );
  }
  takeTokenFiles(kubeConfig, text, dirname(kubeconfig));
  const contexts = kubeConfig.getContexts().map((known) => known.name);
  const wanted = context ?? kubeConfig.getCurrentContext();
  if (wanted === undefined || wanted === '')
    throw new Refusal(
      `The kubeconfig ${kubeconfig} sets no current context.`,
      contexts.length === 0
        ? 'It has no contexts at all: write one.'
        : `Set kubernetes.clusters.${name}.context to one of: ${contexts.join(', ')}.`,
      contexts,
    );
  if (!contexts.includes(wanted))
    throw new Refusal(
      `The kubeconfig ${kubeconfig} has no context “${shortened(wanted, 60)}”.`,
      contexts.length === 0 ? 'It has no contexts at all: write one.' : `Take one of: ${contexts.join(', ')}.`,
      contexts,
    );
  kubeConfig.setCurrentContext(wanted);
  const missing =
    kubeConfig.getCurrentCluster() === null ? 'cluster' : kubeConfig.getCurrentUser() === null ? 'user' : undefined;
  if (missing !== undefined)
    throw new Refusal(
      `The context “${wanted}” in ${kubeconfig} names a ${missing} that the file does not have.`,
      `Add that ${missing} to the kubeconfig, or take another context.`,
      contexts.filter((known) => known !== wanted),
    );
}

const usersSchema = z.object({
  users: z.array(z.object({ name: z.string(), user: z.object({ tokenFile: z.string().optional() }).nullish() })),
});

/**
 * The client library knows no `tokenFile` in a user, only in a pod's service account: it is given the one as the other, and
 * reads the file again each minute. As for kubectl the file counts and not a token beside it.
 */
function takeTokenFiles(kubeConfig: KubeConfig, text: string, folder: string): void {
  const read = usersSchema.safeParse(parse(text));
  const files = new Map(read.data?.users.map(({ name, user }) => [name, user?.tokenFile] as const));
  kubeConfig.users = kubeConfig.users.map(({ token, ...user }) => {
    const file = files.get(user.name);
    if (file === undefined || file === '') return token === undefined ? user : { ...user, token };
    return { ...user, authProvider: { name: 'tokenFile', config: { tokenFile: resolve(folder, file) } } };
  });
}

const shape =
  'It has to be a YAML mapping with clusters, users, contexts and current-context, as kubectl config view shows it.';

/** Takes the service account that Kubernetes puts into a pod. */
export function loadServiceAccount(kubeConfig: KubeConfig, name: string): void {
  kubeConfig.loadFromCluster();
  if (/undefined/.test(kubeConfig.getCurrentCluster()?.server ?? 'undefined'))
    throw new Refusal(
      `kubernetes.clusters.${name} says inCluster, and this process does not run in a pod.`,
      'Set kubeconfig to a file instead, or run Quorum in the cluster with a service account.',
    );
}

/** The server's address without credentials that somebody may have written into it. */
export function publicAddress(server: string, name: string): string {
  try {
    const { origin } = new URL(server);
    if (origin !== 'null') return origin;
  } catch {
    // Said below.
  }
  throw new Refusal(`The kubeconfig of ${name} has a server that is no address.`, 'Write it as https://host:port.');
}
