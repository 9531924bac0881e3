/** How old the last snapshot is, and how old it may be. */
export type SnapshotAge = {
  /** null where the bot knows of none. */
  readonly ageMs: number | null;
  readonly maxAgeMs: number;
};

/** The bot keeps no snapshots yet, so it knows of none. */
export const unknownSnapshot: SnapshotAge = { ageMs: null, maxAgeMs: 86_400_000 };
