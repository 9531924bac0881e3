import { wait } from '../../etcd/patience.ts';
import type { Outcome, StepContext } from '../../job.ts';
import { wordsBeforeProgram } from '../../jvm/launch.ts';
import { cgroupMemory, commandWords, parseLimits, parseProcessStatus, startTicksIn } from '../../jvm/process-files.ts';
import { redactWords } from '../../redact.ts';
import { Refusal } from '../../refusal.ts';
import type { JsonObject } from '../../report/report.ts';
import { shortened } from '../../report/text.ts';
import type { KubernetesCluster } from '../cluster.ts';
import { type ExecAnswer, ExecFailure } from '../exec.ts';
import { debugByHand } from './by-hand.ts';
import { type FoundProcess, foundProcesses, mayBeSignalled } from './found-process.ts';
import type { AskPlan } from './plan.ts';
import { catCommand, cgroupFiles, findCommand, partsOf, readCommand } from './scripts.ts';
import type { ProcessSeen } from './seen.ts';
import { demandExec, readAskTarget } from './target.ts';

/** Finding processes reads a few small files of each; nothing here takes long unless the node does. */
const readBounds = { timeoutMs: 10_000, limitBytes: 256 * 1024 };
const readTimeoutMs = 40_000;
const mostWords = 60;

/** A connection broke, or time was over, while something was only being read: it is read again. */
class NotRead extends Error {
  override readonly name = 'NotRead';
}

type Run = (command: readonly string[]) => Promise<ExecAnswer>;

/** Reads what the kernel tells of the JVM's process and of its cgroup. Starts no JVM and reads no environment. May be run again. */
export async function ensureProcessRead(
  cluster: KubernetesCluster,
  plan: AskPlan,
  context: StepContext,
): Promise<Outcome> {
  const exec = demandExec(cluster, plan.cluster);
  const target = await readAskTarget(cluster, plan);
  const run: Run = async (command) => {
    const answer = await exec.run(plan, command, { ...readBounds, signal: context.signal });
    if (answer.ending === 'cut' || answer.ending === 'deadline') throw new NotRead(answer.ending);
    return answer;
  };
  try {
    const read =
      (await readWithShell(run, plan, target.visible, cluster.context)) ??
      (await readWithout(run, plan, target.visible, cluster.context));
    const seen: ProcessSeen = { run: target.run, ...read };
    await context.intent.write({ process: seen as unknown as JsonObject });
    return {
      kind: 'done',
      note:
        seen.process === null
          ? (seen.missing[0] ?? 'No java process was found.')
          : `Process ${seen.process.pid}${seen.others === 0 ? '' : `, the largest of ${seen.others + 1}`}.`,
    };
  } catch (error) {
    const isPassing = error instanceof NotRead || (error instanceof ExecFailure && error.kind === 'unreachable');
    if (!isPassing) throw error;
    return wait(context, {
      reason:
        error instanceof ExecFailure
          ? error.message
          : `Reading ended before it was done (${error.message}); it is read again.`,
      recheckAfterMs: 2000,
      timeoutMs: readTimeoutMs,
      otherwise:
        error instanceof ExecFailure
          ? error
          : new Refusal(
              `What stands in /proc of container ${plan.container} could not be read to its end.`,
              'Look at the node and the network between it and the API server; or read it by hand with kubectl exec.',
            ),
    });
  }
}

type Read = Omit<ProcessSeen, 'run'>;

/** @returns undefined where the container has no shell */
async function readWithShell(
  run: Run,
  plan: AskPlan,
  visible: 'own' | 'shared',
  kubectlContext: string | undefined,
): Promise<Read | undefined> {
  let search: ExecAnswer;
  try {
    search = await run(findCommand);
  } catch (error) {
    if (error instanceof ExecFailure && error.kind === 'no program') return undefined;
    throw error;
  }
  if (search.exitCode === 126 || search.exitCode === 127) return undefined;
  const { processes, foreign } = foundProcesses(search.stdout, visible);
  const [process, ...others] = processes;
  const details = process === undefined ? undefined : await run(readCommand(process.pid));
  const files = filesIn(details?.stdout ?? '');
  const missing = [
    ...(process === undefined
      ? [
          foreign > 0
            ? 'The java processes that can be seen from this container belong to others, and are not asked.'
            : 'No process here is java by its name or its program: it may be a native image, or a launcher with the JVM inside.',
        ]
      : []),
    ...(search.ending === 'too much' ? ['There are more processes than were looked through.'] : []),
  ];
  return {
    ...readOf(process, files),
    others: others.length,
    hasShell: true,
    missing: [...missing, ...filesMissing(process, files, plan, kubectlContext)],
  };
}

/** Without a shell there is only process 1, and only where there is a cat. */
async function readWithout(
  run: Run,
  plan: AskPlan,
  visible: 'own' | 'shared',
  kubectlContext: string | undefined,
): Promise<Read> {
  const cat = async (path: string): Promise<string> => {
    const answer = await run(catCommand(path));
    if (answer.exitCode === 126 || answer.exitCode === 127)
      throw new ExecFailure('no program', `Container ${plan.container} has no cat.`, '');
    return answer.exitCode === 0 ? answer.stdout : '';
  };
  const nothing = readOf(undefined, {});
  const way = `By hand: ${debugByHand(plan, kubectlContext)}`;
  try {
    const comm = (await cat('/proc/1/comm')).trim();
    const status = parseProcessStatus(await cat('/proc/1/status'));
    const startTicks = startTicksIn(await cat('/proc/1/stat'));
    const isJava = comm === 'java' && visible === 'own' && startTicks !== undefined;
    const process: FoundProcess | undefined = isJava
      ? { pid: 1, startTicks, comm, exe: undefined, jcmd: undefined, status }
      : undefined;
    const files: Record<string, string> = {};
    if (process !== undefined)
      for (const name of ['status', 'limits', 'cmdline']) files[name] = await cat(`/proc/1/${name}`);
    for (const name of cgroupFiles.slice(0, 5)) files[name] = await cat(`/sys/fs/cgroup/${name}`);
    return {
      ...readOf(process, files),
      others: 0,
      hasShell: false,
      missing: [
        `Container ${plan.container} has no shell: only process 1 was looked at, and nothing is asked of the JVM itself. ${way}`,
        ...(process === undefined
          ? [
              visible === 'shared'
                ? 'Its processes cannot be told from those of other containers.'
                : `Process 1 is ${comm === '' ? 'not told' : `“${shortened(comm, 30)}”`}, not java.`,
            ]
          : []),
      ],
    };
  } catch (error) {
    if (!(error instanceof ExecFailure) || error.kind !== 'no program') throw error;
    return {
      ...nothing,
      others: 0,
      hasShell: false,
      missing: [`Container ${plan.container} has neither a shell nor cat: nothing could be read in it. ${way}`],
    };
  }
}

/** By their last names: v1 and v2 have none in common. The first counts: what a command line holds comes last. */
function filesIn(output: string): Record<string, string> {
  return Object.fromEntries(
    partsOf(output)
      .filter(({ mark }) => mark === 'file')
      .reverse()
      .map(({ word, text }) => [word.slice(word.lastIndexOf('/') + 1), text]),
  );
}

function readOf(
  process: FoundProcess | undefined,
  files: Readonly<Record<string, string>>,
): Pick<Read, 'process' | 'cgroup'> {
  const memory = cgroupMemory(files);
  const cgroup = {
    currentBytes: memory.currentBytes ?? null,
    limitBytes: memory.limitBytes ?? null,
    peakBytes: memory.peakBytes ?? null,
    oomKills: memory.oomKills ?? null,
    workingSetBytes: memory.workingSetBytes ?? null,
  };
  if (process === undefined) return { process: null, cgroup };
  const status = parseProcessStatus(files.status ?? '') ?? process.status;
  const limits = parseLimits(files.limits ?? '');
  // The program's own arguments are its own business.
  const words = wordsBeforeProgram(commandWords(files.cmdline ?? '').slice(1)).slice(0, mostWords);
  return {
    cgroup,
    process: {
      pid: process.pid,
      startTicks: process.startTicks,
      jcmd: process.jcmd ?? null,
      mayBeSignalled: mayBeSignalled({ ...process, status }),
      catchesQuit: status?.catchesQuit ?? null,
      words: redactWords(words).map((word) => shortened(word, 300)),
      rssBytes: status?.rssBytes ?? null,
      anonymousBytes: status?.anonymousBytes ?? null,
      peakRssBytes: status?.peakRssBytes ?? null,
      swapBytes: status?.swapBytes ?? null,
      threads: status?.threads ?? null,
      processesLimit: limits.processes ?? null,
      openFilesLimit: limits.openFiles ?? null,
    },
  };
}

function filesMissing(
  process: FoundProcess | undefined,
  files: Readonly<Record<string, string>>,
  plan: AskPlan,
  kubectlContext: string | undefined,
): string[] {
  if (process === undefined) return [`By hand: ${debugByHand(plan, kubectlContext)}`];
  const absent = ['status', 'limits', 'cmdline'].filter((name) => (files[name] ?? '').trim() === '');
  return [
    ...(absent.length === 0 ? [] : [`Of process ${process.pid} ${absent.join(', ')} could not be read.`]),
    ...(cgroupMemory(files).currentBytes === undefined ? ['The container’s own cgroup tells no memory.'] : []),
  ];
}
