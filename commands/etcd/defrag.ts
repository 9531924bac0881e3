import { etcdDefrag as job } from '../../jobs/etcd/defrag.ts';
import { command } from '../../src/command.ts';
import { atMostOneWord, careOf, forceFlag } from '../../src/etcd/command-words.ts';

/** `/etcd defrag`: gives back what is free inside, one member at a time, by plan and approval. */
export const etcdDefrag = command({
  name: 'etcd defrag',
  summary: 'Give back what is free inside: one member at a time, the leader last; needs an approval',
  takes: '[member]',
  explains:
    'It blocks its member for 10 to 15 ms a megabyte. Without a member it is every voter’s turn, each only when all others are healthy.',
  examples: ['/etcd defrag', '/etcd defrag etcd-3'],
  allowed: 'operator',
  cluster: 'etcd',
  flags: { force: forceFlag },
  job,
  input: (words, cluster) => ({ cluster, member: atMostOneWord(words), care: careOf(words) }),
});
