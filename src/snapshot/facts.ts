import { createHash } from 'node:crypto';
import { z } from 'zod';

const memberSchema = z.object({
  id: z.string(),
  name: z.string(),
  peerUrls: z.array(z.string()),
  clientUrls: z.array(z.string()),
});

/**
 * What is known of a snapshot, in a file beside it: written when it was verified, so a snapshot without one does not count. It needs no
 * Redis, and holds what a restore needs when the cluster is gone.
 */
export const factsSchema = z.object({
  version: z.literal(1),
  /** `20261129T030000Z-4f1c9a2e`: when it was begun, and whose it is. */
  name: z.string(),
  /** Of the request: the same request never makes two. */
  id: z.string(),
  why: z.enum(['asked', 'schedule', 'change']),
  cluster: z.string(),
  clusterId: z.string(),
  etcdVersion: z.string(),
  /** The member that it was taken from. */
  member: memberSchema,
  /** All of them at that time. */
  members: z.array(memberSchema),
  /** Of the key-value store as it was begun and as it was done: the snapshot’s own lies between. */
  revision: z.number(),
  revisionAfter: z.number(),
  /** Of the database with its trailer, as etcdctl would save it. */
  bytes: z.number(),
  /** Hex, of that: what `sha256sum` prints once it is decrypted. */
  sha256: z.string(),
  /** The file beside this one. */
  file: z.string(),
  storedBytes: z.number(),
  /** null: not encrypted. */
  keyId: z.string().nullable(),
  /** ISO 8601 UTC. */
  startedAt: z.string(),
  endedAt: z.string(),
  /** Whether keys of etcd's old API may be beside it, which no snapshot holds; null where it is not known. */
  v2: z.boolean().nullable().default(null),
  /** The last time it was read again whole; null: never since it was taken. */
  lastRead: z.object({ at: z.string(), damage: z.string().nullable() }).nullable().default(null),
  /** The last time it was restored into a scratch member. */
  lastDrill: z.object({ at: z.string(), trouble: z.string().nullable() }).nullable().default(null),
});

export type SnapshotFacts = z.infer<typeof factsSchema>;

/** Eight characters that stand for a request in the name of its snapshot. */
export function markOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 8);
}

export function snapshotName(id: string, startedAt: Date): string {
  return `${startedAt.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')}-${markOf(id)}`;
}

/** The files of a snapshot: the database, sealed or as it is, and what is known of it. */
export const fileNames = {
  sealed: (name: string) => `${name}.db.sealed`,
  plain: (name: string) => `${name}.db`,
  facts: (name: string) => `${name}.json`,
};

const ours = /^(\d{8}T\d{6}Z-[0-9a-f]{8})(\.db|\.db\.sealed|\.json)(\.part|\?.*)?$/;

/** The snapshot that a file belongs to; undefined for a file of somebody else, which is never touched. */
export function nameOfFile(file: string): string | undefined {
  return ours.exec(file)?.[1];
}

/** @returns undefined for a text that is not ours */
export function readFacts(text: string): SnapshotFacts | undefined {
  try {
    return factsSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
