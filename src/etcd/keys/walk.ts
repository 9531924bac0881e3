import { setTimeout as pause } from 'node:timers/promises';
import { Refusal } from '../../refusal.ts';
import { chooseSources, type SnapshotSource } from '../../snapshot/source.ts';
import type { Failure, Settled } from '../failure.ts';
import type { PageRequest } from '../keys-client.ts';
import type { ClusterView } from '../view.ts';
import type { KeyRange } from './key-range.ts';
import { keyText } from './key-text.ts';
import { Pace } from './pace.ts';
import { Paging } from './paging.ts';
import type { KeyFacts, RangePage } from './range-reply.ts';

/** How a page is asked for: the client's own call, whatever it makes of the values. */
export type AskPage<Facts> = (at: string, request: Omit<PageRequest, 'content'>) => Promise<Settled<RangePage<Facts>>>;

/**
 * A walk over the keys of one cluster: from a follower, as of one revision, page by page, with rests in between. Memory is that of a page.
 * The revision that is walked is compacted away under a long walk: then it goes on at the newest, and says so.
 */
export class Walk<Facts extends Pick<KeyFacts, 'key'> = KeyFacts> {
  /** Of the first page; of a later one after a compaction. 0 before the first. */
  revision = 0;
  /** What happened on the way, in sentences. */
  readonly remarks: string[] = [];
  private readonly cluster: string;
  private readonly sources: SnapshotSource[];
  private readonly ask: AskPage<Facts>;

  /** @throws Refusal where no voter answers: it names the cluster */
  constructor(view: ClusterView, ask: AskPage<Facts>) {
    this.cluster = view.seen.cluster;
    this.sources = chooseSources(view);
    this.ask = ask;
  }

  /** Whom it reads from. */
  get source(): SnapshotSource {
    const [source] = this.sources;
    if (source === undefined) throw new Error('a walk without anybody to ask');
    return source;
  }

  /**
   * Each key of the range once, in order.
   * @throws Refusal where the member does not let the bot read, or nobody answers any more
   */
  async *pages(range: KeyRange, signal: AbortSignal): AsyncGenerator<RangePage<Facts>> {
    const paging = new Paging(range);
    const pace = new Pace();
    for (let next = paging.next(); next !== undefined; next = paging.next()) {
      signal.throwIfAborted();
      const startedAt = performance.now();
      const page = await this.page(next, paging);
      if (page === undefined) continue;
      const tookMs = performance.now() - startedAt;
      yield page;
      paging.took(page);
      const restMs = pace.restMs(tookMs, page.keys.length + page.count / 8);
      if (restMs > 0) await pause(restMs, undefined, { signal });
    }
  }

  /** undefined where it has to be asked for anew. */
  private async page(
    next: { readonly range: KeyRange; readonly limit: number },
    paging: Paging,
  ): Promise<RangePage<Facts> | undefined> {
    const { value, failure } = await this.ask(this.source.endpoint, { ...next, revision: this.revision });
    if (value !== undefined) {
      if (this.revision === 0) this.revision = value.revision;
      return value;
    }
    if (/larger than max/.test(failure.said)) {
      if (paging.wasTooLarge()) return undefined;
      throw new Refusal(
        `The value of one key of ${this.cluster} is larger than 32 MiB: the one at or after ${keyText(next.range.from)}.`,
        'Look at it with etcdctl, by its key.',
      );
    }
    if (failure.kind === 'compacted' || failure.kind === 'future-revision') {
      this.remarks.push(
        `Revision ${this.revision} was ${failure.kind === 'compacted' ? 'compacted meanwhile' : `not yet known to ${this.source.label}`}: from ${keyText(next.range.from.subarray(0, 40))} on it is a later one.`,
      );
      this.revision = 0;
      return undefined;
    }
    this.giveUpSource(failure);
    return undefined;
  }

  private giveUpSource(failure: Failure): void {
    if (failure.kind === 'permission' || failure.kind.startsWith('auth'))
      throw new Refusal(
        `The keys of ${this.cluster} may not be read: ${failure.said}.`,
        'Grant the bot’s etcd user a role that may: `etcdctl role grant-permission <role> read <prefix> --prefix`, with an empty prefix for all keys.',
      );
    const gone = this.sources.shift();
    const [next] = this.sources;
    if (next === undefined)
      throw new Refusal(
        `Reading ${this.cluster} stopped in the middle: ${gone?.label} said: ${failure.said}.`,
        '`/etcd health` tells how the members are; then ask again.',
      );
    this.remarks.push(`${gone?.label} stopped answering (${failure.said}): ${next.label} was asked from there on.`);
  }
}
