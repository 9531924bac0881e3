import { oomAsk as job } from '../../jobs/oom/ask.ts';
import { command } from '../../src/command.ts';
import { podFlags, podInput } from '../../src/kubernetes/pod-words.ts';

/** `/oom ask <pod>`: what the JVM in a container says of itself, by plan and approval. */
export const oomAsk = command({
  name: 'oom ask',
  summary: 'Ask a running JVM what it takes: flags, heap, native memory; needs an approval',
  takes: '<pod>',
  explains:
    'A pod’s name or its beginning, namespace/pod, or deploy/name. Reads /proc of the java process first; jcmd is run only where the image has it and 128 MiB of the limit are free. Off unless `allowExec` is set for the cluster; else it shows the commands to run by hand.',
  examples: ['/oom ask shop/checkout-7d9f8b6c54-x2x9k', '/oom ask deploy/checkout -n shop --threads'],
  allowed: 'operator',
  cluster: 'kubernetes',
  flags: {
    ...podFlags,
    threads: { type: 'boolean', help: 'send SIGQUIT as well: the JVM writes its threads into the log' },
  },
  job,
  input(words, cluster) {
    return {
      cluster,
      ...podInput(words),
      threads: words.isSet('threads'),
    };
  },
});
