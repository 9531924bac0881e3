import { kubectl } from '../heap-flags.ts';
import type { AskPlan } from './plan.ts';

function questionsByHand(pid: number): Readonly<Record<AskPlan['questions'][number], readonly (readonly string[])[]>> {
  const process = String(pid);
  return {
    process: [
      ['cat', `/proc/${process}/status`, `/proc/${process}/limits`],
      ['cat', '/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory.max'],
    ],
    flags: [['jcmd', process, 'VM.flags']],
    heap: [['jcmd', process, 'GC.heap_info']],
    'native-memory': [['jcmd', process, 'VM.native_memory', 'summary']],
    threads: [['kill', '-3', process]],
  };
}

/**
 * The same questions for somebody with kubectl. jcmd is a second JVM: whoever types it looks at the memory first.
 * @param pid of the java process, where it is known
 */
export function commandsByHand(
  plan: Pick<AskPlan, 'namespace' | 'pod' | 'container' | 'questions'>,
  context: string | undefined,
  pid = 1,
): string[] {
  const { namespace, pod, container, questions } = plan;
  const place = ['exec', pod, '-n', namespace, '-c', container, '--'];
  const words = questionsByHand(pid);
  return questions.flatMap((question) => words[question].map((each) => kubectl(context, [...place, ...each])));
}

/** The way into an image without a shell: a container beside it that sees its processes (Kubernetes 1.25 and later). */
export function debugByHand(
  { namespace, pod, container }: Pick<AskPlan, 'namespace' | 'pod' | 'container'>,
  context: string | undefined,
): string {
  return kubectl(context, ['debug', pod, '-n', namespace, '-it', '--image=busybox', `--target=${container}`]);
}
