import { kubectl } from '../heap-flags.ts';
import type { AskPlan } from './plan.ts';

const byQuestion: Readonly<Record<AskPlan['questions'][number], readonly (readonly string[])[]>> = {
  process: [
    ['cat', '/proc/1/status', '/proc/1/limits'],
    ['cat', '/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory.max'],
  ],
  flags: [['jcmd', '1', 'VM.flags']],
  heap: [['jcmd', '1', 'GC.heap_info']],
  'native-memory': [['jcmd', '1', 'VM.native_memory', 'summary']],
  threads: [['kill', '-3', '1']],
};

/** The same questions for somebody with kubectl. jcmd is a second JVM: whoever types it looks at the memory first. */
export function commandsByHand(
  plan: Pick<AskPlan, 'namespace' | 'pod' | 'container' | 'questions'>,
  context: string | undefined,
): string[] {
  const { namespace, pod, container, questions } = plan;
  const place = ['exec', pod, '-n', namespace, '-c', container, '--'];
  return questions.flatMap((question) => byQuestion[question].map((words) => kubectl(context, [...place, ...words])));
}

/** The way into an image without a shell: a container beside it that sees its processes (Kubernetes 1.25 and later). */
export function debugByHand(
  { namespace, pod, container }: Pick<AskPlan, 'namespace' | 'pod' | 'container'>,
  context: string | undefined,
): string {
  return kubectl(context, ['debug', pod, '-n', namespace, '-it', '--image=busybox', `--target=${container}`]);
}
