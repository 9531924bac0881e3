import type { Context } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import type { EtcdCluster } from '../client.ts';
import { prefixCounts } from '../space/prefixes.ts';
import { noteSpace } from '../space/sample.ts';
import { viewCluster } from '../view.ts';
import { Groups } from './groups.ts';
import { directoryLength, directoryLevels, prefixRange } from './key-range.ts';
import { keyBytes, keyText } from './key-text.ts';
import { nearestPrefix } from './nearest-prefix.ts';
import { directoriesOf, isBelowOpen, OpenLengths, openLevels } from './openness.ts';
import type { SurveyFacts } from './survey-report.ts';
import { Walk } from './walk.ts';

/** What is asked of the keys of one cluster. */
export type SurveyWish = {
  readonly cluster: string;
  /** As typed: `\xNN` stands for a byte. */
  readonly prefix: string;
  /** Directories below the prefix; null where it was not said. */
  readonly depth: number | null;
  readonly top: number;
};

const defaultDepth = 2;
/** Of Kubernetes, when nothing of the prefix tells what the store is. */
const mostOpenLevels = 3;

/** Whether the answer could name what not everybody may see: a deeper look than down to the namespace, asked for in so many words. */
export function wantsNames({ prefix: typed, depth }: Pick<SurveyWish, 'prefix' | 'depth'>): boolean {
  const prefix = keyBytes(typed);
  const open = directoriesOf(prefix).length === 0 ? mostOpenLevels : openLevels(prefix);
  return isBelowOpen(prefix) || (depth !== null && directoryLevels(prefix) + depth > open);
}

/** In a terminal whoever may read the config may read the cluster. */
async function mayNameKeys({ desk }: Pick<Context, 'desk'>): Promise<boolean> {
  return desk === undefined || (await desk.roles()).some(({ role }) => role === 'operator' || role === 'approver');
}

/** @throws Refusal for whoever is no operator */
export async function demandNaming(context: Pick<Context, 'desk'>): Promise<void> {
  if (await mayNameKeys(context)) return;
  throw new Refusal(
    'What lies below a namespace is for operators: names of keys can be secrets themselves.',
    'Name a shorter prefix, down to the namespace.',
  );
}

/**
 * Counts and measures the keys of a prefix by what they begin with.
 * @throws Refusal where nobody can be asked, where there is no such key, and for a prefix that is not for everybody
 */
export async function surveyKeys(wish: SurveyWish, etcd: EtcdCluster, context: Context): Promise<SurveyFacts> {
  const { signal, progress } = context;
  const prefix = keyBytes(wish.prefix);
  const mayName = await mayNameKeys(context);
  if (isBelowOpen(prefix)) await demandNaming(context);
  const seen = await etcd.see(signal);
  const view = viewCluster(seen);
  const walk = new Walk(view, (at, request) => etcd.keys.page(at, { ...request, content: 'sizes' }));
  const levels = directoryLevels(prefix) + (wish.depth ?? defaultDepth);
  const isNaming = mayName && wantsNames(wish);
  const groups = new Groups(wish.top, isNaming ? namedLength(levels) : openLengthWithin(levels, prefix.length));
  let expected = 0;
  for await (const page of walk.pages(prefixRange(prefix), signal)) {
    // Only the first page's end is open, so that it counts all of them.
    if (expected === 0) expected = page.count;
    for (const key of page.keys) groups.take(key);
    progress(groups.seenKeys, Math.max(expected, groups.seenKeys), `keys read from ${walk.source.label}`);
  }
  const found = groups.finish();
  if (found.total.keys === 0 && prefix.length > 0) throw await noSuchPrefix(prefix, etcd, walk.source.endpoint);
  // Of the first levels, which everybody may see.
  if (prefix.length === 0 && wish.depth === null)
    noteSpace(context.space, seen, context.now(), prefixCounts(found.largest));
  const { label, status, isLeader } = walk.source;
  return {
    cluster: wish.cluster,
    clusterId: view.clusterId,
    member: label,
    isLeader,
    revision: walk.revision,
    inUseBytes: status.dbSizeInUseBytes,
    fileBytes: status.dbSizeBytes,
    prefix,
    isNaming,
    isHeldBack: !mayName && wantsNames(wish),
    remarks: walk.remarks,
    ...found,
  };
}

/** The directory of that depth; the key itself where it has none so deep. */
function namedLength(levels: number): (key: Buffer) => number {
  return (key) => (directoryLevels(key) < levels ? key.length : directoryLength(key, levels));
}

/** The directory of that depth or as deep as everybody may see; the prefix that was typed where it is longer. */
export function openLengthWithin(levels: number, prefixLength: number): (key: Buffer) => number {
  const open = new OpenLengths();
  return (key) => Math.max(prefixLength, Math.min(directoryLength(key, levels), open.of(key)));
}

async function noSuchPrefix(prefix: Buffer, etcd: EtcdCluster, at: string): Promise<Refusal> {
  const near = await nearestPrefix(prefix, etcd.keys, at);
  const nearest = near === undefined ? '' : `; nearest: \`${keyText(near)}\``;
  return new Refusal(
    `No key of ${etcd.name} begins with \`${keyText(prefix)}\`${nearest}.`,
    near === undefined ? '`/etcd keys` without a prefix shows what there is.' : `Try \`/etcd keys ${keyText(near)}\`.`,
  );
}
