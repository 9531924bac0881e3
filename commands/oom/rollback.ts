import { oomRollback as job } from '../../jobs/oom/rollback.ts';
import { command } from '../../src/command.ts';
import { oneWorkload } from '../../src/kubernetes/workload-words.ts';
import { Refusal } from '../../src/refusal.ts';
import { shortened } from '../../src/report/text.ts';

/** `/oom rollback <workload>`: back to an earlier revision, by plan and approval. */
export const oomRollback = command({
  name: 'oom rollback',
  summary: 'Take a workload back to the revision before, or to another one; needs an approval',
  takes: '<workload>',
  explains:
    'deploy/name, sts/name or ds/name, or a pod of it, each with its namespace or with -n. Without --to-revision it is the one before the present one.',
  examples: ['/oom rollback deploy/checkout -n shop', '/oom rollback shop/deploy/checkout --to-revision 3'],
  allowed: 'operator',
  cluster: 'kubernetes',
  flags: {
    namespace: { type: 'string', short: 'n', value: '<namespace>', help: 'the namespace of the workload' },
    'to-revision': {
      type: 'string',
      value: '<number>',
      help: 'the revision, as `kubectl rollout history` numbers them',
    },
    'from-revision': {
      type: 'string',
      value: '<number>',
      help: 'only where this is still the revision in force: else somebody was quicker',
    },
  },
  job,
  input(words, cluster) {
    const toRevision = revisionIn(words.flag('to-revision'));
    const fromRevision = revisionIn(words.flag('from-revision'));
    return { cluster, ...oneWorkload(words), toRevision, fromRevision };
  },
});

function revisionIn(written: string | undefined): number | null {
  if (written === undefined) return null;
  if (!/^[1-9]\d{0,8}$/.test(written))
    throw new Refusal(
      `“${shortened(written, 40)}” is no revision.`,
      'They are numbers: kubectl rollout history lists them.',
    );
  return Number(written);
}
