const mebi = 1024 ** 2;

/** How long a defragmentation blocks its member, as an estimate: measured were 10 to 15 ms a megabyte of the database. */
export function expectedBlockMs(dbSizeBytes: number): number {
  return Math.round((dbSizeBytes / mebi) * 12.5);
}

/** How long one is waited for: a deadline that is over ends the waiting and not the work. */
export function patienceMs(dbSizeBytes: number): number {
  return 30_000 + Math.ceil((dbSizeBytes / mebi) * 100);
}

/** From this share of the quota up a database counts as full: disarmed, the alarm would soon be back. */
export const fullShare = 0.95;
/** More than this in use after all is done: the quota has to be raised, or data to go. */
export const tightShare = 0.8;
