import { etcdHealth as job } from '../../jobs/etcd/health.ts';
import { command } from '../../src/command.ts';

/** `/etcd health`: is the cluster well, what may still be lost, and what to do about each trouble. */
export const etcdHealth = command({
  name: 'etcd health',
  summary: 'Who is healthy, what the cluster can lose, and what to do about each trouble',
  takes: '',
  examples: ['/etcd health', '/etcd health --cluster prod'],
  allowed: 'viewer',
  cluster: 'etcd',
  flags: {},
  job,
  input: (_words, cluster) => ({ cluster }),
});
