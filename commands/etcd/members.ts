import { etcdMembers as job } from '../../jobs/etcd/members.ts';
import { command } from '../../src/command.ts';

/** `/etcd members`: who belongs to the cluster, under which URLs, and the arithmetic of its quorum. */
export const etcdMembers = command({
  name: 'etcd members',
  summary: 'The members with their ids and URLs, learners and those that never started, and the quorum in one line',
  takes: '',
  examples: ['/etcd members', '/etcd members --cluster prod'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {},
  job,
  input: (_words, cluster) => ({ cluster }),
});
