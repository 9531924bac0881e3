import { etcdAlarms as job } from '../../jobs/etcd/alarms.ts';
import { command } from '../../src/command.ts';
import { noWords } from '../../src/etcd/command-words.ts';

/** `/etcd alarms`: which are on, and the way out. */
export const etcdAlarms = command({
  name: 'etcd alarms',
  summary: 'Which alarms are on (NOSPACE, CORRUPT), for which member, and the way out',
  takes: '',
  examples: ['/etcd alarms'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ ...noWords(words), cluster }),
});
