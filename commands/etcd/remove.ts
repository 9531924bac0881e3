import { etcdRemove as job } from '../../jobs/etcd/remove.ts';
import { command } from '../../src/command.ts';
import { oneMember } from '../../src/etcd/command-words.ts';

/** `/etcd remove`: takes a member out of the cluster, by plan and approval. */
export const etcdRemove = command({
  name: 'etcd remove',
  summary: 'Take a member out: never below the quorum, the dead one first; needs an approval',
  takes: '<member>',
  explains: 'A member is named by its name or its id; one that never started has an id only.',
  examples: ['/etcd remove etcd-3', '/etcd remove 8211f1d0f64f3269'],
  allowed: 'operator',
  breakGlass: 'offered',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ cluster, member: oneMember(words) }),
});
