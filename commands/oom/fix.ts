import { oomFix as job } from '../../jobs/oom/fix.ts';
import { command } from '../../src/command.ts';
import { isLabelName } from '../../src/kubernetes/pod-reference.ts';
import { parseQuantity } from '../../src/kubernetes/quantity.ts';
import { oneWorkload } from '../../src/kubernetes/workload-words.ts';
import { Refusal } from '../../src/refusal.ts';
import { shortened } from '../../src/report/text.ts';

/** More than any machine has. */
const mostBytes = 1024 ** 5;
const leastBytes = 64 * 1024 ** 2;

/** `/oom fix <workload>`: sets the flags that `/oom why` recommends, by plan and approval. */
export const oomFix = command({
  name: 'oom fix',
  summary: 'Set the flags that /oom why recommends, and follow the rollout; needs an approval',
  takes: '<workload>',
  explains:
    'deploy/name, sts/name or ds/name, or a pod of it, each with its namespace or with -n. What is set in JAVA_TOOL_OPTIONS stays; only the same flags are replaced. The limit is raised where no heap fits into it.',
  examples: ['/oom fix deploy/checkout -n shop', '/oom fix shop/checkout-7d9f8b6c54-x2x9k --limit 768Mi'],
  allowed: 'operator',
  cluster: 'kubernetes',
  flags: {
    namespace: { type: 'string', short: 'n', value: '<namespace>', help: 'the namespace of the workload' },
    container: { type: 'string', short: 'c', value: '<name>', help: 'the container; else the one that was killed' },
    limit: { type: 'string', value: '<quantity>', help: 'another memory limit to set; the flags are reckoned for it' },
    'keep-resources': { type: 'boolean', help: 'the flags alone: limits and requests stay as they are' },
  },
  job,
  input(words, cluster) {
    const container = words.flag('container');
    if (container !== undefined && !isLabelName(container))
      throw new Refusal(
        `“${shortened(container, 60)}” cannot be a container.`,
        'Containers have at most 63 small letters, digits and hyphens.',
      );
    const keeps = words.isSet('keep-resources');
    const limitBytes = limitIn(words.flag('limit'));
    if (keeps && limitBytes !== null)
      throw new Refusal('--limit and --keep-resources contradict each other.', 'Keep one of them.');
    return {
      cluster,
      ...oneWorkload(words),
      container: container ?? null,
      limitBytes,
      resources: keeps ? ('keep' as const) : ('as-recommended' as const),
    };
  },
});

function limitIn(written: string | undefined): number | null {
  if (written === undefined) return null;
  const bytes = parseQuantity(written);
  if (bytes === undefined || !Number.isSafeInteger(bytes))
    throw new Refusal(`“${shortened(written, 40)}” is no memory limit.`, 'Write it as Kubernetes does: 768Mi, 2Gi.');
  if (bytes < leastBytes || bytes > mostBytes)
    throw new Refusal(
      `A limit of ${shortened(written, 40)} is ${bytes < leastBytes ? 'too small for any JVM' : 'more than any machine has'}.`,
      'Write it as Kubernetes does: 768Mi, 2Gi; a number alone is bytes.',
    );
  return bytes;
}
