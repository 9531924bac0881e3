import { etcdPromote as job } from '../../jobs/etcd/promote.ts';
import { command } from '../../src/command.ts';
import { oneMember } from '../../src/etcd/command-words.ts';

/** `/etcd promote`: makes a learner a voter, by plan and approval. */
export const etcdPromote = command({
  name: 'etcd promote',
  summary: 'Make a learner a voter, once it has caught up and its peers reach it; needs an approval',
  takes: '<learner>',
  explains: 'A member is named by its name or its id.',
  examples: ['/etcd promote etcd4', '/etcd promote 8211f1d0f64f3269'],
  allowed: 'operator',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ cluster, member: oneMember(words) }),
});
