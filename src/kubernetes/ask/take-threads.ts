import { wait } from '../../etcd/patience.ts';
import type { Outcome, StepContext } from '../../job.ts';
import { lastThreadDump, type ThreadDump } from '../../jvm/thread-dump.ts';
import { redact } from '../../redact.ts';
import { Refusal } from '../../refusal.ts';
import type { JsonObject, Section } from '../../report/report.ts';
import { count, shortened } from '../../report/text.ts';
import type { KubernetesCluster } from '../cluster.ts';
import { ExecFailure } from '../exec.ts';
import { demandProcessSeen, demandSameRun } from './ask-jvm.ts';
import type { AskPlan } from './plan.ts';
import { exitCodes, quitCommand } from './scripts.ts';
import { seenIn, type ThreadsSeen, threadsSeenSchema } from './seen.ts';
import { demandExec } from './target.ts';

const quitBounds = { timeoutMs: 10_000, limitBytes: 16 * 1024 };
const logQuery = { previous: false, tailLines: 8000, limitBytes: 2 * 1024 * 1024 };
/** A JVM writes its dump at the next safepoint; the kubelet passes it on within seconds. */
const dumpTimeoutMs = 20_000;
const shownCharacters = 9000;

/**
 * Sends the JVM SIGQUIT, once, and reads the thread dump that it writes into its log. It is a signal, so it is treated as every change is: the
 * intent is written down, the fence asked, and after a crash only the log is looked at.
 */
export async function ensureThreadsTaken(
  cluster: KubernetesCluster,
  plan: AskPlan,
  context: StepContext,
): Promise<Outcome> {
  const exec = demandExec(cluster, plan.cluster);
  const seen = demandProcessSeen(context);
  await demandSameRun(cluster, plan, seen);
  const { process } = seen;
  const known = seenIn(context.intent.value, 'threads', threadsSeenSchema);
  // It ended without a dump before: there is nothing to wait for.
  if (known?.threads === null) return await end(context, undefined, known.missing);
  if (process === null || !process.mayBeSignalled)
    return await end(context, undefined, [
      process === null
        ? 'There is no java process to signal.'
        : 'No signal was sent: SIGQUIT ends a process that is not java, or does not catch it, and neither can be ruled out here.',
    ]);
  if (!seen.hasShell) return await end(context, undefined, ['No signal was sent: there is no shell to send it from.']);

  if (context.intent.value.quitAt === undefined) {
    // Another dump is known by its head, which holds its time.
    await context.intent.write({
      dumpBefore: lastThreadDump(await readLog(cluster, plan))?.head ?? '',
      quitAt: context.now().getTime(),
    });
    await context.fence();
    try {
      const { exitCode } = await exec.run(plan, quitCommand(process), { ...quitBounds, signal: context.signal });
      if (exitCode === exitCodes.gone || exitCode === exitCodes.notJava)
        return await end(context, undefined, [`No signal was sent: process ${process.pid} is another one by now.`]);
      if (exitCode !== 0 && exitCode !== undefined)
        return await end(context, undefined, ['The signal was not sent: the user of the container may not signal it.']);
    } catch (error) {
      if (!(error instanceof ExecFailure)) throw error;
      // Whether it was carried out is not known: the log tells, and it is not sent again.
      if (error.kind !== 'unreachable') return await end(context, undefined, [error.message]);
    }
  }
  const dump = lastThreadDump(await readLog(cluster, plan));
  const isNew = dump !== undefined && dump.head !== context.intent.value.dumpBefore;
  const sentAt = Number(context.intent.value.quitAt ?? 0);
  const isOver = context.now().getTime() - sentAt >= dumpTimeoutMs;
  if (isNew && (dump.isWhole || isOver))
    return await end(context, dump, dump.isWhole ? [] : ['The dump in the log has no end.']);
  if (isOver)
    return await end(context, undefined, [
      'No thread dump came into the log after SIGQUIT, which is sent only once: its standard output may go elsewhere.',
    ]);
  return wait(context, {
    reason: 'The thread dump is looked for in the log.',
    recheckAfterMs: 500,
    timeoutMs: dumpTimeoutMs * 3,
    otherwise: new Refusal('The log could not be read.', 'Look at it with kubectl logs.'),
  });
}

async function readLog(cluster: KubernetesCluster, { namespace, pod, container }: AskPlan): Promise<string> {
  try {
    return (await cluster.podLog(namespace, pod, container, logQuery)) ?? '';
  } catch (error) {
    if (error instanceof Refusal) return '';
    throw error;
  }
}

async function end(context: StepContext, dump: ThreadDump | undefined, missing: readonly string[]): Promise<Outcome> {
  const states = dump?.states.map(([state, threads]) => ({ state, threads })) ?? [];
  const seen: ThreadsSeen = {
    threads: dump?.threads ?? null,
    states,
    hasDeadlock: dump?.hasDeadlock ?? false,
    missing: [...missing],
  };
  await context.intent.write({ threads: seen as unknown as JsonObject });
  const sections: Section[] =
    dump === undefined
      ? []
      : [
          {
            kind: 'table',
            title: 'Threads by state',
            columns: ['State', 'Threads'],
            rows: states.map(({ state, threads }) => [state, String(threads)]),
          },
          { kind: 'code', title: 'Thread dump, from the log', text: shortened(redact(dump.text), shownCharacters) },
        ];
  const told =
    dump === undefined
      ? ''
      : `${count(dump.threads, 'thread')}: ${states.map(({ state, threads }) => `${threads} ${state}`).join(', ')}.${dump.hasDeadlock ? ' It found a deadlock.' : ''}`;
  return { kind: 'done', note: [told, ...missing].filter((part) => part !== '').join(' '), sections };
}
