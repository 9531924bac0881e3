import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ChangeRoom, openChangeRoom } from './change-room.ts';
import type { EtcdTestCluster } from './etcd.ts';
import { makeFolder, removeFolder } from './process.ts';
import type { RedisServer } from './redis.ts';
import { snapshotsTo, withSnapshots } from './snapshots.ts';

/** A room for changes of a cluster whose snapshots go to a folder. */
export type SpaceRoom = ChangeRoom & {
  /** Names of the files there, those that are not whole yet too. */
  snapshotFiles(): string[];
};

export async function openSpaceRoom(redis: RedisServer, etcd: EtcdTestCluster, prefix: string): Promise<SpaceRoom> {
  const folder = makeFolder('quorum-space-room');
  const snapshots = join(folder, 'snapshots');
  const room = await openChangeRoom({ ...redis, prefix }, etcd, {
    configure: (config) => withSnapshots(config, 'prod', snapshotsTo(snapshots)),
  });
  return {
    ...room,
    snapshotFiles: () => readdirSync(snapshots, { recursive: true, encoding: 'utf8' }).sort(),
    async stop() {
      await room.stop();
      removeFolder(folder);
    },
  };
}

/** How often the members were defragmented, by the logs of those that have run from the first moment on. */
export function defragmentations(etcd: EtcdTestCluster): number[] {
  return etcd.members.map(
    ({ log }) =>
      log()
        .split('\n')
        .filter((line) => /"finished defragment/.test(line)).length,
  );
}
