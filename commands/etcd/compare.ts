import { etcdCompare as job } from '../../jobs/etcd/compare.ts';
import { command } from '../../src/command.ts';
import { twoClusters } from '../../src/etcd/keys/key-words.ts';

/** `/etcd compare`: are two clusters in step. */
export const etcdCompare = command({
  name: 'etcd compare',
  summary: 'Whether two clusters are in step (a mirror, a migration), where they differ, and what a mirror loses',
  takes: '<cluster-a> <cluster-b> [prefix]',
  explains:
    'The clusters by their names in the config. Both are read as of a revision of their own, key by key, from followers and with rests. “In step” is said only where neither was written to meanwhile.',
  examples: ['/etcd compare prod prod-new', '/etcd compare prod prod-new /registry/secrets/'],
  allowed: 'viewer',
  cluster: 'none',
  flags: { names: { type: 'boolean', help: 'name the keys that differ, to you alone; for operators' } },
  job,
  input: (words) => ({
    ...twoClusters(words),
    naming: words.isSet('names') ? ('keys' as const) : ('namespaces' as const),
  }),
});
