import { oomWhy as job } from '../../jobs/oom/why.ts';
import { command } from '../../src/command.ts';
import { isLabelName, parsePodReference } from '../../src/kubernetes/pod-reference.ts';
import { Refusal } from '../../src/refusal.ts';
import { shortened } from '../../src/report/text.ts';

/** `/oom why <pod>`: why a pod died, and the flags to set. */
export const oomWhy = command({
  name: 'oom why',
  summary: 'Why a pod died: OOM kill, Java heap or something else, and the flags to set',
  takes: '<pod>',
  explains:
    'A pod’s name or its beginning, namespace/pod, or deploy/name (sts/, ds/) for the worst pod of a workload. With -n fewer pods are looked through, and a beginning is sooner the only one. A name that looks like a flag goes behind `--`.',
  examples: ['/oom why shop/checkout-7d9f8b6c54-x2x9k', '/oom why cart -n shop', '/oom why deploy/checkout -n shop'],
  allowed: 'viewer',
  cluster: 'kubernetes',
  flags: {
    namespace: { type: 'string', short: 'n', value: '<namespace>', help: 'the namespace of the pod' },
    container: { type: 'string', short: 'c', value: '<name>', help: 'the container; else the one that was killed' },
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
    return { cluster, pod, namespace: namespace ?? null, container: container ?? null };
  },
});
