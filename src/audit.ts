import { z } from 'zod';
import { digestOf } from './digest.ts';
import type { Json, JsonObject } from './report/report.ts';

const entrySchema = z.object({
  /** 1, 2, 3, … */
  number: z.number().int().positive(),
  /** ISO 8601 UTC. */
  at: z.string(),
  /** A Slack user id; `quorum` for what happens by itself. */
  actor: z.string(),
  /** requested, refused, approved, denied, expired, cancelled, started, step, done, … */
  action: z.string(),
  cluster: z.string(),
  /** Empty where it is about no change. */
  changeId: z.string(),
  details: z.record(z.string(), z.json()) as z.ZodType<JsonObject>,
  /** The digest of the entry before; '' for the first. */
  previous: z.string(),
  digest: z.string(),
});

/** One line of the audit: append-only, each holding the digest of the one before. */
export type AuditEntry = z.infer<typeof entrySchema>;

/** What is to be noted; its place in the chain comes when it is written. */
export type AuditNote = Omit<AuditEntry, 'number' | 'previous' | 'digest'>;

/** The end of the chain: what the next entry is chained to. */
export type AuditHead = { readonly number: number; readonly digest: string };

export const emptyAudit: AuditHead = { number: 0, digest: '' };

/** The entry for a note, chained to the head. */
export function chained(note: AuditNote, head: AuditHead): AuditEntry {
  const { at, actor, action, cluster, changeId, details } = note;
  const body = { number: head.number + 1, at, actor, action, cluster, changeId, details, previous: head.digest };
  return { ...body, digest: digestOf(body) };
}

/** The entries for several notes, one chained to the other. */
export function chain(notes: readonly AuditNote[], head: AuditHead): AuditEntry[] {
  const entries: AuditEntry[] = [];
  let at = head;
  for (const note of notes) {
    const entry = chained(note, at);
    entries.push(entry);
    at = entry;
  }
  return entries;
}

/** What came of following the chain: its end, or the first entry that is not what it was when it was written. */
export type Verified =
  | { readonly kind: 'whole'; readonly head: AuditHead }
  | { readonly kind: 'broken'; readonly number: number; readonly why: string };

/** Follows the chain over its pages, oldest first. */
export async function verifyAudit(pages: AsyncIterable<readonly string[]>): Promise<Verified> {
  let head = emptyAudit;
  for await (const page of pages)
    for (const text of page) {
      const number = head.number + 1;
      const entry = parseEntry(text);
      if (entry === undefined) return { kind: 'broken', number, why: 'it is not an entry' };
      if (entry.number !== number)
        return {
          kind: 'broken',
          number,
          why: `it says it is number ${entry.number}: entries are missing or out of order`,
        };
      if (entry.previous !== head.digest)
        return { kind: 'broken', number, why: 'it does not follow the entry before it' };
      const { digest, ...body } = entry;
      if (digestOf(body as Json) !== digest)
        return { kind: 'broken', number, why: 'it was changed after it was written' };
      head = entry;
    }
  return { kind: 'whole', head };
}

/** undefined for what is not an entry. */
export function parseEntry(text: string): AuditEntry | undefined {
  try {
    const parsed = entrySchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
