import type { AuditEntry, AuditNote } from './audit.ts';
import type { Transition } from './change.ts';
import type { ChangeRecord } from './change-record.ts';

/** Where the records of changes and the audit are kept. What is stored in one call is stored together or not at all. */
export type ChangeStore = {
  /** Stores a new record with its notes; where the id is known already, that record is answered and nothing is stored. */
  create(transition: Transition): Promise<ChangeRecord>;
  read(id: string): Promise<ChangeRecord | undefined>;
  /**
   * Reads, decides and stores, again where somebody else was faster.
   * @param decide throws a Refusal where it may not be; undefined where there is nothing to do
   * @returns the record as it stands now
   * @throws Refusal where the record is not known, or where another change holds the claim
   */
  transition(id: string, decide: (record: ChangeRecord) => Transition | undefined): Promise<ChangeRecord>;
  /** Those that have not ended, oldest first. */
  open(): Promise<readonly ChangeRecord[]>;
  /** Those that have not ended, and those whose end has not been told yet. */
  unfinished(): Promise<readonly ChangeRecord[]>;
  /** The latest, newest first, ended ones too. */
  recent(limit: number): Promise<readonly ChangeRecord[]>;
  /** What is not part of a transition: a request that was refused, a click that was none of theirs. */
  note(note: AuditNote): Promise<void>;
  audit(): AsyncIterable<readonly string[]>;
};

/** Told of each entry once it stands in the audit: it goes to the log as well. */
export type AuditListener = (entry: AuditEntry) => void;
