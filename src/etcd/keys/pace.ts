/** Of the time that a page took, the member's rest after it: usually, and while it is slow. */
const usualShare = 0.05;
const slowShare = 0.5;
/** So much longer than pages of their size have taken is slow, over some pages: one may be slow by chance. So many milliseconds are, whatever the size. */
const slowTimes = 3;
const slowPageMs = 250;
const smoothing = 1 / 8;
/** What is usual rises by so much a page: a member that is slower than it was for long is as it is. */
const forgetting = 1.005;
/** A timer does not rest shorter than a millisecond: short rests are taken together. */
const leastRestMs = 4;
/** A call costs as much as so many keys (measured with 3.4: 0.9 ms a call, 4.5 µs a key). */
const fixedUnits = 200;

/**
 * How long to rest between two pages: hardly as long as the member answers about as quickly as it did at best, and half of the time where it has
 * become slower, so that somebody else's load slows ours. Pure: told how long a page took, it tells the rest.
 */
export class Pace {
  private usualMsPerUnit = Number.POSITIVE_INFINITY;
  private lately: number | undefined;
  private owedMs = 0;

  /** @param units what the page was work for: the keys that were read, and an eighth of those that were only counted */
  restMs(tookMs: number, units: number): number {
    const each = tookMs / (units + fixedUnits);
    this.usualMsPerUnit = Math.min(each, this.usualMsPerUnit * forgetting);
    this.lately = (this.lately ?? each) * (1 - smoothing) + each * smoothing;
    const isSlow = tookMs > slowPageMs || this.lately > slowTimes * this.usualMsPerUnit;
    this.owedMs += tookMs * (isSlow ? slowShare : usualShare);
    if (this.owedMs < leastRestMs) return 0;
    const restMs = this.owedMs;
    this.owedMs = 0;
    return restMs;
  }
}
