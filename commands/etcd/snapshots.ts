import { etcdSnapshots as job } from '../../jobs/etcd/snapshots.ts';
import { command } from '../../src/command.ts';
import { noWords } from '../../src/etcd/command-words.ts';

/** `/etcd snapshots`: what there is to restore from, and how. */
export const etcdSnapshots = command({
  name: 'etcd snapshots',
  summary: 'The snapshots there are, how old the last good one is, and the commands that restore it',
  takes: '',
  examples: ['/etcd snapshots', '/etcd snapshots --cluster prod'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ ...noWords(words), cluster }),
});
