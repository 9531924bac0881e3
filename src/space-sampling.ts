import type { EtcdCluster } from './etcd/client.ts';
import { requireKnown } from './etcd/member-reference.ts';
import { countPrefixes, prefixesToCount } from './etcd/space/prefixes.ts';
import { type SpaceStore, sampleOf } from './etcd/space/sample.ts';
import { Refusal } from './refusal.ts';
import { chooseSource } from './snapshot/source.ts';
import { messageOf } from './thrown.ts';

/** An etcd cluster whose space is looked at, and how often. */
export type SpaceSampled = { readonly cluster: string; readonly everyMs: number };

export type SpaceSamplingParts = {
  etcd(cluster: string): Promise<EtcdCluster>;
  readonly store: SpaceStore & {
    /** Whether it is this worker's turn: one of all of them an interval. */
    takeTurn(cluster: string, everyMs: number): Promise<boolean>;
  };
  readonly signal: AbortSignal;
  now(): Date;
  /** Told when the sampling of a cluster stops or works again, and not at every round in between. */
  tell(event: 'space not sampled' | 'space sampled again', details: Readonly<Record<string, unknown>>): void;
};

/** How often where the config does not say. */
export const defaultSpaceEveryMs = 5 * 60_000;

/**
 * Keeps how large a cluster's databases are, how far its history is and how many keys lie under each prefix: what growth and ages of revisions are
 * told from, without anybody having asked before. By one of the workers, from a follower, which only counts.
 * @returns a round of one cluster; it never fails
 */
export function createSpaceSampling(parts: SpaceSamplingParts): (sampled: SpaceSampled) => Promise<void> {
  const troubles = new Map<string, string>();

  async function sample({ cluster, everyMs }: SpaceSampled): Promise<string | undefined> {
    const { store, signal, now } = parts;
    if (!(await store.takeTurn(cluster, everyMs))) return undefined;
    const etcd = await parts.etcd(cluster);
    const view = requireKnown(await etcd.see(signal));
    const seen = sampleOf(view, now());
    if (seen === undefined) return 'No member answers.';
    const prefixes = prefixesToCount(etcd.eventsPrefix, await store.samples(cluster));
    const { counts, failure } = await countPrefixes(etcd, chooseSource(view).endpoint, prefixes, signal);
    await store.record(cluster, counts === undefined ? seen : { ...seen, prefixes: counts });
    return failure === undefined ? '' : `Keys are not counted: ${failure.said}`;
  }

  return async (sampled) => {
    const { cluster } = sampled;
    try {
      const trouble = await sample(sampled);
      // Only whoever had the turn knows that it works.
      if (trouble === undefined) return;
      if (trouble !== '') tellOnce(cluster, trouble, {});
      else if (troubles.delete(cluster)) parts.tell('space sampled again', { cluster });
    } catch (error) {
      if (parts.signal.aborted) return;
      tellOnce(cluster, messageOf(error), error instanceof Refusal ? { advice: error.advice } : {});
    }
  };

  function tellOnce(cluster: string, error: string, more: Readonly<Record<string, unknown>>): void {
    if (troubles.get(cluster) === error) return;
    troubles.set(cluster, error);
    parts.tell('space not sampled', { cluster, error, ...more });
  }
}
