import type { Check } from '../../job.ts';
import { formatBytes } from '../../report/text.ts';
import { ago } from '../age.ts';
import { fine } from '../checks.ts';
import type { KubernetesCluster } from '../cluster.ts';
import { execVerbs } from '../exec.ts';
import { grantAdvice } from '../request-failure.ts';
import type { Answer } from '../why-findings.ts';
import type { AskPlan } from './plan.ts';
import { jcmdBytes, type Room } from './room.ts';
import { visibleFrom } from './target.ts';

/** What has to hold before a JVM is asked, and what an approver wants to know of it. */
export function askChecks(answer: Answer, plan: AskPlan, room: Room): Check[] {
  return [
    runsCheck(answer),
    javaCheck(answer),
    roomCheck(room),
    visibleCheck(answer),
    ...(plan.questions.includes('threads') ? [signalCheck(answer)] : []),
  ];
}

function runsCheck({ evidence, now }: Answer): Check {
  const name = 'The container runs';
  const running = evidence.container.status?.state.running;
  if (running !== undefined)
    return fine(name, running.startedAt === undefined ? 'It runs.' : `Since ${ago(running.startedAt, now)}.`);
  return {
    name,
    status: 'blocking',
    seen: `Container ${evidence.container.name} does not run now: there is nobody to ask.`,
    advice: 'Ask once it runs again. `/oom why` tells how it ended.',
  };
}

function javaCheck({ java }: Answer): Check {
  const name = 'It is Java';
  if (java.isJava === true) return fine(name, `${java.why}.`);
  if (java.isJava === undefined)
    return {
      name,
      status: 'unknown',
      seen: `${java.why}.`,
      advice: 'Its processes are looked at; without a java among them nothing further is asked.',
    };
  return {
    name,
    status: 'blocking',
    seen: `${java.why}.`,
    advice: 'There is no JVM to ask. Name another container with -c.',
  };
}

function roomCheck({ isEnough, why }: Room): Check {
  const name = 'There is room for jcmd';
  if (isEnough) return fine(name, why);
  return {
    name,
    status: 'warning',
    seen: why.replace(/ (?:It|No second JVM|no second JVM) was (?:not )?started\.$/, '').replace(/:$/, '.'),
    advice: `Then only /proc is read: jcmd is a second JVM, and is started only with ${formatBytes(jcmdBytes)} to spare. It is looked at again right before.`,
  };
}

function visibleCheck({ evidence }: Answer): Check {
  const name = 'Its processes are its own';
  const { spec } = evidence.pod;
  if (visibleFrom(evidence.pod) === 'own') return fine(name, 'It sees no processes of others.');
  return {
    name,
    status: 'warning',
    seen: spec.hostPID ? 'The pod sees the processes of its node (hostPID).' : 'Its containers share their processes.',
    advice: 'Only a process in the container’s own cgroup is asked.',
  };
}

function signalCheck({ analysis }: Answer): Check {
  const name = 'A thread dump goes into the log';
  if (analysis?.jdk?.vendor === 'openj9')
    return {
      name,
      status: 'blocking',
      seen: 'OpenJ9 answers SIGQUIT with a file (javacore) in its working folder, not in the log.',
      advice: 'Ask without --threads; or send the signal by hand, and copy that file.',
    };
  return {
    name,
    status: 'warning',
    seen: 'SIGQUIT makes the JVM stop for a moment and write all its threads into the container’s log, where others read it too.',
    advice: 'It is sent once, and only to a process that is java and catches it.',
  };
}

/** Both verbs, for an exec over WebSocket is authorized as both. */
export async function permissionCheck(cluster: KubernetesCluster, { namespace }: AskPlan): Promise<Check> {
  const name = 'Quorum may run commands there';
  const asked = await Promise.all(
    execVerbs.map(async (verb) => {
      const permission = { verb, resource: 'pods/exec', namespace } as const;
      return { permission, isAllowed: await cluster.canI(permission) };
    }),
  );
  const missing = asked.filter(({ isAllowed }) => !isAllowed);
  if (missing.length === 0) return fine(name, `get and create pods/exec in namespace ${namespace}.`);
  return {
    name,
    status: 'blocking',
    seen: `It may not ${missing.map(({ permission }) => permission.verb).join(' and ')} pods/exec in namespace ${namespace}.`,
    advice: missing.map(({ permission }) => grantAdvice(permission)).join(' '),
  };
}
