import { oomAsk as job } from '../../jobs/oom/ask.ts';
import { command } from '../../src/command.ts';
import { isLabelName, parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { Refusal } from '../../src/refusal.ts';
import { shortened } from '../../src/report/text.ts';

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
    namespace: { type: 'string', short: 'n', value: '<namespace>', help: 'the namespace of the pod' },
    container: { type: 'string', short: 'c', value: '<name>', help: 'the container; else the one that was killed' },
    threads: { type: 'boolean', help: 'send SIGQUIT as well: the JVM writes its threads into the log' },
  },
  job,
  input(words, cluster) {
    const named = [...words.positionals, ...words.rest];
    const [pod] = named;
    if (pod === undefined) throw new Refusal('Which pod?', 'Name a pod, namespace/pod or deploy/name.');
    if (named.length > 1)
      throw new Refusal(
        `One pod at a time: ${named.length} names were given.`,
        'Ask for each on its own; -n takes the namespace, -c the container.',
        named.slice(0, 8).map((name) => shortened(name, 80)),
      );
    const namespace = words.flag('namespace');
    const container = words.flag('container');
    if (container !== undefined && !isLabelName(container))
      throw new Refusal(
        `“${shortened(container, 60)}” cannot be a container.`,
        'Containers have at most 63 small letters, digits and hyphens.',
      );
    parsePodReference(pod, namespace);
    return {
      cluster,
      pod,
      namespace: namespace ?? null,
      container: container ?? null,
      threads: words.isSet('threads'),
    };
  },
});
