import type { SnapshotPlace } from './settings.ts';

/** A file as the storage lists it. */
export type StoredFile = {
  readonly name: string;
  readonly bytes: number;
  /** ISO 8601 UTC. */
  readonly modifiedAt: string;
};

/** Where the files of one cluster's snapshots are. Names hold no slash. Every call may throw a Refusal that says what to mend. */
export type SnapshotStorage = {
  /** As people say it: `/var/lib/quorum/snapshots/prod`, `s3://backups/etcd/prod`. */
  readonly where: string;
  /** Whole files only. */
  list(): Promise<readonly StoredFile[]>;
  readText(name: string): Promise<string>;
  read(name: string): AsyncIterable<Uint8Array>;
  /**
   * Writes what comes, and makes it a file only when all has come: where the source throws or the signal aborts nothing is left.
   * @returns the bytes written
   */
  write(name: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number>;
  writeText(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** What a killed process left: files that were begun and never became one. */
  unfinished(): Promise<readonly StoredFile[]>;
  removeUnfinished(name: string): Promise<void>;
  /** null where there is no such figure. */
  freeBytes(): Promise<number | null>;
  close(): void;
};

/** Opens the storage of one cluster; nothing is asked of it before its first use. */
export async function openStorage(place: SnapshotPlace, cluster: string): Promise<SnapshotStorage> {
  if (place.kind === 'directory') {
    const { openDirectory } = await import('./directory-client.ts');
    return openDirectory(place.path, cluster);
  }
  const { openBucket } = await import('./s3-client.ts');
  return openBucket(place, cluster);
}
