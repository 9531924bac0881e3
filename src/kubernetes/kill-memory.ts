import { messageOf } from '../thrown.ts';
import { type Kill, type KillStore, mergedKills } from './kill.ts';

/** The kills that are known: what was seen now and, where a history is kept, what was seen before. */
export type KnownKills = {
  readonly kills: readonly Kill[];
  /** `none`: nothing keeps them, as in a terminal. */
  readonly history: 'kept' | 'none' | 'failed';
  /** Why it could not be read. */
  readonly failure: string | undefined;
};

/** Keeps what was seen and joins it with what was seen before. A history that does not answer costs itself only. */
export async function rememberKills(
  store: KillStore | undefined,
  cluster: string,
  seen: readonly Kill[],
  from: Date,
): Promise<KnownKills> {
  if (store === undefined) return { kills: mergedKills(seen), history: 'none', failure: undefined };
  try {
    if (seen.length > 0) await store.record(cluster, seen);
    return { kills: mergedKills(await store.since(cluster, from), seen), history: 'kept', failure: undefined };
  } catch (error) {
    return { kills: mergedKills(seen), history: 'failed', failure: messageOf(error) };
  }
}
