import { etcdRecoverSpace as job } from '../../jobs/etcd/recover-space.ts';
import { command } from '../../src/command.ts';
import { careOf, forceFlag, noWords } from '../../src/etcd/command-words.ts';

/** `/etcd recover-space`: the whole way out of a full quota, by plan and approval. */
export const etcdRecoverSpace = command({
  name: 'etcd recover-space',
  summary: 'Out of NOSPACE: snapshot, compact, defragment one by one, disarm, prove a write; needs an approval',
  takes: '',
  explains: 'Stops at the first thing that is not as expected and says where it stands. Works while the alarm is on.',
  examples: ['/etcd recover-space', '/etcd recover-space --without-snapshot'],
  allowed: 'operator',
  breakGlass: 'offered',
  cluster: 'etcd',
  flags: {
    'without-snapshot': { type: 'boolean', help: 'Take no snapshot first; needs two approvers' },
    force: forceFlag,
  },
  job,
  input: (words, cluster) => ({
    ...noWords(words),
    cluster,
    snapshot: words.isSet('without-snapshot') ? ('none' as const) : ('first' as const),
    care: careOf(words),
  }),
});
