import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parsePodReference } from './kubernetes/pod-reference.ts';
import { type Recording, recordPod } from './kubernetes/record-client.ts';
import { Refusal } from './refusal.ts';
import { formatBytes } from './report/text.ts';
import { quotedWord } from './shell-quoting.ts';
import { messageOf } from './thrown.ts';

const usage = `npm run record -- <pod> [-n namespace] [-c container] [--context name] [--kubeconfig file] [--out folder]

Writes a pod of a live cluster, with its events, node, metrics and logs, into a folder that
\`quorum run "/oom why <pod>" --recorded <folder>\` answers from. Secrets are masked.`;

/** `npm run record -- <pod>`. @returns the exit code: 0 recorded, 1 recorded with parts missing, 2 refused */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = options(args);
    const [typed] = positionals;
    if (values.help === true) {
      process.stdout.write(`${usage}\n`);
      return 0;
    }
    if (typed === undefined || positionals.length > 1) throw new Refusal('Name one pod.', usage);
    const wanted = parsePodReference(typed, values.namespace);
    const directory = values.out ?? `recorded-${wanted.name}`;
    const config = {
      name: values.context ?? 'cluster',
      kubeconfig: values.kubeconfig ?? defaultKubeconfig(process.env),
      context: values.context,
      namespaces: [],
      requestTimeoutMs: 10_000,
    };
    const recording = await recordPod(config, wanted, { container: values.container, directory, now: new Date() });
    process.stdout.write(`${told(recording, directory)}\n`);
    return recording.notRead.length > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(`${error.message}\n${error.advice}\n`);
    return 2;
  }
}

function options(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        namespace: { type: 'string', short: 'n' },
        container: { type: 'string', short: 'c' },
        context: { type: 'string' },
        kubeconfig: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new Refusal(messageOf(error), usage);
  }
}

/** As kubectl finds it; of several files the first. */
function defaultKubeconfig(environment: NodeJS.ProcessEnv): string {
  const named = environment.KUBECONFIG?.split(delimiter).find((path) => path !== '');
  return named ?? join(homedir(), '.kube', 'config');
}

/** What was written and what was not, in lines. */
export function told({ namespace, pod, container, written, absent, notRead }: Recording, directory: string): string {
  const command = `npx quorum run ${quotedWord(`/oom why ${namespace}/${pod}`)} --recorded ${quotedWord(directory)}`;
  return [
    `Recorded ${namespace}/${pod}, container ${container}, into ${directory}:`,
    ...written.map(({ file, bytes }) => `  ${file.padEnd(18)} ${formatBytes(bytes)}`),
    ...(absent.length === 0 ? [] : [`There is no ${absent.join(', ')} for it.`]),
    ...notRead.map(({ file, refusal }) => `Not read: ${file}: ${refusal.message} ${refusal.advice}`),
    'Secrets are masked where a name or a shape tells them: look it over before you hand it on.',
    command,
  ].join('\n');
}
