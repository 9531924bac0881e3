import { ageOf, lastGood, readCatalogue } from '../snapshot/catalogue.ts';
import type { EtcdCluster } from './client.ts';
import { tryLook } from './patience.ts';

/** How old the last good snapshot is, and how old it may be. */
export type SnapshotAge = {
  /** null where the bot knows of none. */
  readonly ageMs: number | null;
  readonly maxAgeMs: number;
  /** Whether `/etcd snapshot` can take one. */
  readonly canTake: boolean;
  /** Why the storage could not be read. */
  readonly unseen?: string;
};

/** Reads it from the storage itself; what cannot be read stops nobody: it is told. */
export async function seeSnapshotAge(
  { snapshots }: Pick<EtcdCluster, 'snapshots'>,
  clusterId: string,
  now: Date,
): Promise<SnapshotAge> {
  if (snapshots === null) return { ageMs: null, maxAgeMs: 0, canTake: false };
  const { settings, storage } = snapshots;
  const looked = await tryLook(() => readCatalogue(storage));
  const known = { maxAgeMs: settings.maxAgeMs, canTake: true };
  if (looked.unseen !== undefined) return { ...known, ageMs: null, unseen: looked.unseen };
  const last = lastGood(looked.value, clusterId);
  return { ...known, ageMs: last === undefined ? null : ageOf(last, now) };
}
