import { beginsWith } from './key-range.ts';

/** A lease with the keys that go when it ends. */
export type Lease = {
  /** In decimal, as the wire has it. */
  readonly id: string;
  readonly grantedSeconds: number;
  /** Below 0 for one that has ended. */
  readonly leftSeconds: number;
  readonly keys: readonly Buffer[];
};

/**
 * What a lease is to events: all of its keys are events, and old or young; some are; none are; it holds no key, or has ended.
 * API servers put many keys on one lease.
 */
export type LeaseKind = 'old' | 'young' | 'shared' | 'foreign' | 'empty';

/**
 * Its age is what was granted less what is left. A lease that was renewed is older than that: they are at each change of the leader
 * (kubernetes#65497).
 */
export function kindOfLease({ grantedSeconds, leftSeconds, keys }: Lease, prefix: Buffer, ageMs: number): LeaseKind {
  if (keys.length === 0 || leftSeconds < 0) return 'empty';
  const events = keys.filter((key) => beginsWith(key, prefix)).length;
  if (events === 0) return 'foreign';
  if (events < keys.length) return 'shared';
  return (grantedSeconds - leftSeconds) * 1000 >= ageMs ? 'old' : 'young';
}

/** How many leases of each kind, how many events hang on them, and how old the oldest that is all events seems. */
export type LeaseTally = {
  readonly leases: Readonly<Record<LeaseKind, number>>;
  readonly oldEvents: number;
  readonly youngEvents: number;
  readonly oldestMs: number;
  readonly longestGrantedMs: number;
};

export function tallyLeases(leases: readonly Lease[], prefix: Buffer, ageMs: number): LeaseTally {
  const amounts: Record<LeaseKind, number> = { old: 0, young: 0, shared: 0, foreign: 0, empty: 0 };
  const tally = { oldEvents: 0, youngEvents: 0, oldestMs: 0, longestGrantedMs: 0 };
  for (const lease of leases) {
    const kind = kindOfLease(lease, prefix, ageMs);
    amounts[kind] += 1;
    if (kind !== 'old' && kind !== 'young') continue;
    if (kind === 'old') tally.oldEvents += lease.keys.length;
    else tally.youngEvents += lease.keys.length;
    tally.oldestMs = Math.max(tally.oldestMs, (lease.grantedSeconds - lease.leftSeconds) * 1000);
    tally.longestGrantedMs = Math.max(tally.longestGrantedMs, lease.grantedSeconds * 1000);
  }
  return { leases: amounts, ...tally };
}
