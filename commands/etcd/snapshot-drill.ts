import { etcdSnapshotDrill as job } from '../../jobs/etcd/snapshot-drill.ts';
import { command } from '../../src/command.ts';
import { oneSnapshot } from '../../src/etcd/command-words.ts';

/** `/etcd snapshot drill`: whether a snapshot can be restored. */
export const etcdSnapshotDrill = command({
  name: 'etcd snapshot drill',
  summary: 'Restore a snapshot into a scratch member beside the worker, and compare it key by key',
  takes: '[name]',
  explains:
    'The latest where none is named. Needs etcd and etcdutl (or etcdctl) on the worker’s PATH. What is restored is in the clear for that time: in memory where it fits, for the worker’s user alone, and gone afterwards. The living cluster is not touched.',
  examples: ['/etcd snapshot drill', '/etcd snapshot drill 20261129T030000Z-4f1c9a2e'],
  allowed: 'operator',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({
    cluster,
    snapshot: words.positionals.length + words.rest.length === 0 ? 'latest' : oneSnapshot(words),
  }),
});
