import { etcdSnapshot as job } from '../../jobs/etcd/snapshot.ts';
import { command } from '../../src/command.ts';
import { noWords } from '../../src/etcd/command-words.ts';

/** `/etcd snapshot`: a verified, encrypted copy of the database, to where the config says. */
export const etcdSnapshot = command({
  name: 'etcd snapshot',
  summary: 'Take a snapshot: streamed, verified and encrypted into the configured storage',
  takes: '',
  explains:
    'Taken from a healthy follower, into the folder or bucket that the config names. It counts once it is whole: no error, nothing remaining, the sha256 right. Changes nothing in etcd; never goes to Slack.',
  examples: ['/etcd snapshot', '/etcd snapshot --cluster prod'],
  allowed: 'operator',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ ...noWords(words), cluster }),
});
