import type { Outcome, StepContext } from '../../job.ts';
import { jcmdTrouble, noSuchCommand, parseHeapInfo, parseNativeMemory, parseVmFlags } from '../../jvm/jcmd-output.ts';
import { cgroupMemory } from '../../jvm/process-files.ts';
import { redact } from '../../redact.ts';
import { Refusal } from '../../refusal.ts';
import type { JsonObject } from '../../report/report.ts';
import { shortened } from '../../report/text.ts';
import type { KubernetesCluster } from '../cluster.ts';
import { type ExecClient, ExecFailure } from '../exec.ts';
import type { AskPlan } from './plan.ts';
import { type Room, roomForJcmd } from './room.ts';
import { cgroupCommand, exitCodes, jcmdCommand, partsOf } from './scripts.ts';
import { type JvmSeen, type ProcessSeen, processSeenSchema, seenIn } from './seen.ts';
import { type AskTarget, demandExec, metricsWorkingSet, readAskTarget } from './target.ts';

const cgroupBounds = { timeoutMs: 5000, limitBytes: 64 * 1024 };
const jcmdBounds = { timeoutMs: 20_000, limitBytes: 256 * 1024 };
/** Three questions, each with its look at the memory before it. */
export const askTimeLimitMs = 100_000;

type Asked = { readonly text: string } | { readonly why: string };

/**
 * Asks the JVM itself, one question at a time, and looks at the memory before each. What is not to be had is told; it is never an error,
 * for what /proc told stands.
 */
export async function ensureJvmAsked(
  cluster: KubernetesCluster,
  plan: AskPlan,
  context: StepContext,
): Promise<Outcome> {
  const exec = demandExec(cluster, plan.cluster);
  const seen = demandProcessSeen(context);
  const target = await demandSameRun(cluster, plan, seen);
  const { process } = seen;
  let room = await seeRoom(cluster, exec, plan, target, seen, context);
  let hasStopped: string | undefined = cannotAsk(seen) ?? (room.isEnough ? undefined : room.why);

  async function ask(words: readonly string[]): Promise<Asked> {
    if (hasStopped === undefined) {
      room = await seeRoom(cluster, exec, plan, target, seen, context);
      if (!room.isEnough) hasStopped = room.why;
    }
    if (hasStopped !== undefined || process?.jcmd === null || process === null)
      return { why: hasStopped ?? 'there is no jcmd' };
    const name = words.join(' ');
    try {
      const { ending, exitCode, stdout, stderr } = await exec.run(plan, jcmdCommand(process, process.jcmd, words), {
        ...jcmdBounds,
        signal: context.signal,
      });
      if (exitCode === exitCodes.gone) hasStopped = `Process ${process.pid} is gone: another one runs now.`;
      else if (ending === 'deadline' || exitCode === 124 || exitCode === 137 || exitCode === 143)
        // A JVM that does not answer in time answers the next question no sooner.
        hasStopped = `The JVM did not answer jcmd ${name} within 15 s; it was not asked further.`;
      else if (ending === 'cut') return { why: `The connection broke while jcmd ${name} ran.` };
      else if (exitCode === 0 || ending === 'too much') return { text: stdout };
      else {
        const said = `${stderr}\n${stdout}`;
        const known = jcmdTrouble(said);
        const trouble = known ?? shortened(redact(said.replace(/\s+/g, ' ').trim()), 160);
        const why = `jcmd ${name}: ${trouble === '' ? `exit code ${exitCode ?? 'unknown'}` : trouble}.`;
        // What keeps it from attaching keeps it the next time too; and a JVM of another user takes each try for a SIGQUIT, and writes its threads into the log.
        if (known !== undefined && known !== noSuchCommand) hasStopped = why;
        return { why };
      }
    } catch (error) {
      if (!(error instanceof ExecFailure)) throw error;
      hasStopped = error.message;
    }
    return { why: hasStopped };
  }

  const has = (question: AskPlan['questions'][number]) => plan.questions.includes(question);
  const notAsked: Asked = { why: '' };
  const flags = has('flags') ? await ask(['VM.flags']) : notAsked;
  const heap = has('heap') ? await ask(['GC.heap_info']) : notAsked;
  const native = has('native-memory') ? await ask(['VM.native_memory', 'summary']) : notAsked;
  const jvm = jvmSeen(room, flags, heap, native);
  await context.intent.write({ jvm: jvm as unknown as JsonObject });
  return { kind: 'done', note: jvm.missing[0] ?? room.why };
}

/** What the first step wrote down. @throws Refusal where it has not */
export function demandProcessSeen({ intent }: Pick<StepContext, 'intent'>): ProcessSeen {
  const seen = seenIn(intent.value, 'process', processSeenSchema);
  if (seen === undefined) throw new Refusal('What was read of the process is not kept any more.', 'Ask again.');
  return seen;
}

/** @throws Refusal where the container was restarted: its JVM is another one, and what was read is not of it */
export async function demandSameRun(cluster: KubernetesCluster, plan: AskPlan, seen: ProcessSeen): Promise<AskTarget> {
  const target = await readAskTarget(cluster, plan);
  if (target.run === seen.run) return target;
  throw new Refusal(
    `Container ${plan.container} was restarted meanwhile: its JVM is another one now.`,
    'Ask again. `/oom why` tells how the earlier run ended.',
  );
}

function cannotAsk({ process, hasShell }: ProcessSeen): string | undefined {
  if (process === null) return 'There is no java process to ask.';
  if (!hasShell) return 'Without a shell nothing is asked of the JVM itself.';
  if (process.jcmd === null)
    return 'There is no jcmd in this container (JRE images have none), so neither flags nor heap were asked.';
  if (process.catchesQuit === false)
    return 'This process does not catch SIGQUIT (-Xrs?), by which jcmd attaches: it would be ended by it, and was not asked.';
  return process.mayBeSignalled
    ? undefined
    : 'That this process is java and catches SIGQUIT cannot be seen: it was not asked.';
}

/** The memory in use, by whoever tells it: the sample may be a minute old, and the cgroup tells now. */
async function seeRoom(
  cluster: KubernetesCluster,
  exec: ExecClient,
  plan: AskPlan,
  target: AskTarget,
  seen: ProcessSeen,
  { signal }: Pick<StepContext, 'signal'>,
): Promise<Room> {
  const metricsBytes = await metricsWorkingSet(cluster, plan, target);
  const cgroup = seen.hasShell ? await readCgroup(exec, plan, signal) : undefined;
  // Where the limit is the whole pod's, one container's own use tells nothing of it.
  const isPartial = target.scope === 'pod' && metricsBytes === undefined;
  return roomForJcmd(isPartial ? [] : [metricsBytes, cgroup?.workingSetBytes], [target.limitBytes, cgroup?.limitBytes]);
}

async function readCgroup(exec: ExecClient, plan: AskPlan, signal: AbortSignal) {
  try {
    const { stdout } = await exec.run(plan, cgroupCommand, { ...cgroupBounds, signal });
    const files = partsOf(stdout).map(({ word, text }) => [word.slice(word.lastIndexOf('/') + 1), text]);
    return cgroupMemory(Object.fromEntries(files));
  } catch (error) {
    if (error instanceof ExecFailure) return undefined;
    throw error;
  }
}

function jvmSeen(room: Room, flags: Asked, heap: Asked, native: Asked): JvmSeen {
  const missing: string[] = [];
  const read = <Value>(asked: Asked, what: string, parse: (text: string) => Value | undefined): Value | undefined => {
    if ('why' in asked) {
      if (asked.why !== '' && !missing.includes(asked.why)) missing.push(asked.why);
      return undefined;
    }
    const value = parse(asked.text);
    if (value === undefined) missing.push(`What jcmd told of ${what} could not be read.`);
    return value;
  };
  const vm = read(flags, 'the flags', parseVmFlags);
  const used = read(heap, 'the heap', parseHeapInfo);
  const memory = read(native, 'native memory', parseNativeMemory);
  if (memory?.kind === 'off')
    missing.push(
      'Native memory is not tracked: start the JVM with -XX:NativeMemoryTracking=summary (it costs 5 to 10 % of speed) to see it by area.',
    );
  return {
    room,
    maxHeapBytes: vm?.maxHeapBytes ?? null,
    initialHeapBytes: vm?.initialHeapBytes ?? null,
    collector: vm?.collector ?? null,
    heapUsedBytes: used?.usedBytes ?? null,
    heapCommittedBytes: used?.committedBytes ?? null,
    metaspaceUsedBytes: used?.metaspaceUsedBytes ?? null,
    native:
      memory?.kind === 'on'
        ? {
            reservedBytes: memory.reservedBytes,
            committedBytes: memory.committedBytes,
            areas: memory.areas.slice(0, 12).map((area) => ({ ...area, name: redact(area.name) })),
          }
        : null,
    missing,
  };
}
