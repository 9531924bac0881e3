import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import type { EtcdCluster } from '../client.ts';
import { type ClusterView, viewCluster } from '../view.ts';
import { type Compared, Comparing, mergeKeys } from './comparing.ts';
import { directoryLevels, prefixRange } from './key-range.ts';
import { keyBytes } from './key-text.ts';
import { isBelowOpen } from './openness.ts';
import { demandNaming, openLengthWithin } from './survey.ts';
import { Walk } from './walk.ts';

/** Two clusters to be held against each other. */
export type ComparisonWish = {
  readonly a: string;
  readonly b: string;
  readonly prefix: string;
  /** Whether the keys that differ are to be named, to the asker alone. */
  readonly naming: 'namespaces' | 'keys';
};

export type ComparisonSide = {
  readonly cluster: string;
  readonly member: string;
  /** As of which it was read, and which it was at when both had been read. */
  readonly revision: number;
  readonly revisionAfter: number;
  readonly remarks: readonly string[];
};

export type ComparisonFacts = {
  readonly a: ComparisonSide;
  readonly b: ComparisonSide;
  readonly prefix: Buffer;
  readonly naming: ComparisonWish['naming'];
  readonly compared: Compared;
};

const levelsBelow = 2;
const shownGroups = 20;
/** Writes have stopped where no revision has moved for at least this long: a controller of Kubernetes renews its lease every two seconds. */
const stillMs = 3_000;

export function isNamingKeys({ prefix, naming }: Pick<ComparisonWish, 'prefix' | 'naming'>): boolean {
  return naming === 'keys' || isBelowOpen(keyBytes(prefix));
}

/**
 * Reads both clusters side by side, each as of a revision of its own, and looks at the revisions again afterwards.
 * @throws Refusal where one cannot be read (it names the cluster), and where both are the same
 */
export async function compareClusters(wish: ComparisonWish, context: Context): Promise<ComparisonFacts> {
  const { clients, signal, progress } = context;
  const prefix = keyBytes(wish.prefix);
  if (isNamingKeys(wish)) await demandNaming(context);
  const [a, b] = await Promise.all([clients.etcd(wish.a), clients.etcd(wish.b)]);
  const [viewA, viewB] = (await Promise.all([a.see(signal), b.see(signal)])).map(viewCluster) as [
    ClusterView,
    ClusterView,
  ];
  const [walkA, walkB] = [walkOf(a, viewA), walkOf(b, viewB)];
  if (viewA.clusterId === viewB.clusterId)
    throw new Refusal(
      `${wish.a} and ${wish.b} are the same cluster: both have the id ${viewA.clusterId}.`,
      'Name two clusters. If they are two, one was restored with the other’s --initial-cluster-token: give it its own before they meet.',
    );
  const comparing = new Comparing(shownGroups, openLengthWithin(directoryLevels(prefix) + levelsBelow, prefix.length));
  const startedAt = performance.now();
  const range = prefixRange(prefix);
  const expected = Math.max(
    ...(
      await Promise.all([a.keys.count(walkA.source.endpoint, range), b.keys.count(walkB.source.endpoint, range)])
    ).map(({ value }) => value?.count ?? 0),
  );
  await mergeKeys(
    walkA.pages(range, signal),
    walkB.pages(range, signal),
    (left, right) => comparing.take(left, right),
    () => progress(comparing.seenKeys, Math.max(expected, comparing.seenKeys), 'keys compared'),
  );
  await pause(Math.max(0, stillMs - (performance.now() - startedAt)), undefined, { signal });
  const [afterA, afterB] = await Promise.all([headOf(a, walkA, range.from), headOf(b, walkB, range.from)]);
  return {
    a: sideOf(wish.a, walkA, afterA),
    b: sideOf(wish.b, walkB, afterB),
    prefix,
    naming: wish.naming,
    compared: comparing.finish(),
  };
}

type DigestWalk = ReturnType<typeof walkOf>;

function walkOf(etcd: EtcdCluster, view: ClusterView) {
  return new Walk(view, (at, request) => etcd.keys.digests(at, request));
}

/**
 * As the cluster agrees on it, for a follower may be behind; as the member has it where nothing can be agreed on: then nothing is written either. Where neither
 * is told, a remark says so, for then writes may go on unseen.
 */
async function headOf(etcd: EtcdCluster, { source, revision, remarks }: DigestWalk, key: Buffer): Promise<number> {
  const agreed = await etcd.keys.head(source.endpoint, 'agreed', key);
  const seen = agreed.value === undefined ? await etcd.keys.head(source.endpoint, 'own', key) : agreed;
  if (seen.value !== undefined) return seen.value;
  remarks.push(`${source.label} did not tell its revision afterwards: ${seen.failure.said}.`);
  return revision;
}

function sideOf(cluster: string, { source, revision, remarks }: DigestWalk, revisionAfter: number): ComparisonSide {
  return { cluster, member: source.label, revision, revisionAfter, remarks: [...remarks] };
}
