import { etcdSpace as job } from '../../jobs/etcd/space.ts';
import { command } from '../../src/command.ts';
import { noWords } from '../../src/etcd/command-words.ts';

/** `/etcd space`: how full the databases are, and how fast they fill. */
export const etcdSpace = command({
  name: 'etcd space',
  summary: 'How full each database is, what is free inside, how fast it grows and when it is full',
  takes: '',
  explains:
    'The quota is the member’s own word, else the configured one, else its static pod’s, else the default of 2 GiB. Growth is told from what the bot saw before.',
  examples: ['/etcd space', '/etcd space --cluster prod'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ ...noWords(words), cluster }),
});
