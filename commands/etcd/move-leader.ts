import { etcdMoveLeader as job } from '../../jobs/etcd/move-leader.ts';
import { command } from '../../src/command.ts';
import { atMostOneWord } from '../../src/etcd/command-words.ts';

/** `/etcd move-leader`: hands leadership over, by plan and approval. */
export const etcdMoveLeader = command({
  name: 'etcd move-leader',
  summary: 'Hand the leadership to a member, or away from the one that leads; needs an approval',
  takes: '[member]',
  explains: 'A member is named by its name or its id. Without one the fittest other voter takes over.',
  examples: ['/etcd move-leader', '/etcd move-leader etcd-2'],
  allowed: 'operator',
  breakGlass: 'offered',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ cluster, member: atMostOneWord(words) }),
});
