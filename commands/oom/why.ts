import { oomWhy as job } from '../../jobs/oom/why.ts';
import { command } from '../../src/command.ts';
import { podFlags, podInput } from '../../src/kubernetes/pod-words.ts';

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
    ...podFlags,
  },
  job,
  input(words, cluster) {
    return { cluster, ...podInput(words) };
  },
});
