import type { ClusterSeen } from './cluster.ts';

/** A look takes some milliseconds itself: what was seen so long ago, and before no change of ours, is as good as a new one. */
const reuseMs = 60;

/**
 * The latest look at a cluster, for whoever looks again at once: the next step of a change right after the last one. What was begun before a
 * mutation of this process ended is never given again. Pure: told the time.
 */
export class RecentLook {
  private latest: { readonly seen: ClusterSeen; readonly begunAt: number } | undefined;
  private mutations = 0;

  /** undefined where it is too old, or something was changed since. @param nowMs of a clock that only goes forward */
  at(nowMs: number): ClusterSeen | undefined {
    return this.latest !== undefined && nowMs - this.latest.begunAt <= reuseMs ? this.latest.seen : undefined;
  }

  /** @returns what to call with that which was seen */
  begin(nowMs: number): (seen: ClusterSeen) => void {
    const { mutations } = this;
    return (seen) => {
      if (mutations === this.mutations) this.latest = { seen, begunAt: nowMs };
    };
  }

  /** To be called before a mutation is sent and after it came to an end. */
  forget(): void {
    this.mutations += 1;
    this.latest = undefined;
  }

  /** Carries a call that may change something. */
  async changing<Value>(call: () => Promise<Value>): Promise<Value> {
    this.forget();
    try {
      return await call();
    } finally {
      this.forget();
    }
  }
}
