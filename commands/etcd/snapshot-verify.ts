import { etcdSnapshotVerify as job } from '../../jobs/etcd/snapshot-verify.ts';
import { command } from '../../src/command.ts';
import { oneSnapshot } from '../../src/etcd/command-words.ts';

/** `/etcd snapshot verify`: whether a snapshot can still be read, whole. */
export const etcdSnapshotVerify = command({
  name: 'etcd snapshot verify',
  summary: 'Read a snapshot again from its storage, decrypt it and check all of it',
  takes: '<name>',
  explains: 'The name as `/etcd snapshots` lists it, a part of it that no other has, or `latest`.',
  examples: ['/etcd snapshot verify latest', '/etcd snapshot verify 20261129T030000Z-4f1c9a2e'],
  allowed: 'operator',
  cluster: 'etcd',
  flags: {},
  job,
  input: (words, cluster) => ({ cluster, snapshot: oneSnapshot(words) }),
});
