import { etcdDisarm as job } from '../../jobs/etcd/disarm.ts';
import { command } from '../../src/command.ts';
import { requireNoSpace } from '../../src/etcd/command-words.ts';

/** `/etcd disarm`: ends NOSPACE once there is room, by plan and approval; never CORRUPT. */
export const etcdDisarm = command({
  name: 'etcd disarm',
  summary: 'End the NOSPACE alarm of every member, once there is room; needs an approval',
  takes: '[nospace]',
  explains: 'Never CORRUPT: that one says that data is wrong. `/etcd recover-space` makes room first and disarms then.',
  examples: ['/etcd disarm'],
  allowed: 'operator',
  breakGlass: 'offered',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ ...requireNoSpace(words), cluster }),
});
