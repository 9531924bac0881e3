import { type AuditEntry, chain, emptyAudit } from '../../src/audit.ts';
import { type ChangeRecord, isEnded, parseRecord } from '../../src/change-record.ts';
import type { ChangeStore } from '../../src/changes.ts';
import { Refusal } from '../../src/refusal.ts';

export type MemoryChanges = ChangeStore & {
  readonly entries: AuditEntry[];
  readonly claims: Map<string, string>;
  only(): ChangeRecord;
};

/** The record store as a map: what Redis does in one script is one synchronous step here. */
export function memoryChanges(): MemoryChanges {
  const records = new Map<string, string>();
  const entries: AuditEntry[] = [];
  const claims = new Map<string, string>();
  const all = () => [...records.values()].map(parseRecord);
  const read = (id: string) => {
    const text = records.get(id);
    return text === undefined ? undefined : parseRecord(text);
  };
  return {
    entries,
    claims,
    only() {
      const [record] = all();
      if (record === undefined) throw new Error('there is no change');
      return record;
    },
    async create({ record, notes }) {
      const known = read(record.id);
      if (known !== undefined) return known;
      records.set(record.id, JSON.stringify(record));
      entries.push(...chain(notes, entries.at(-1) ?? emptyAudit));
      return record;
    },
    read: async (id) => read(id),
    async transition(id, decide) {
      const before = read(id);
      if (before === undefined) throw new Refusal('There is no such change.', '');
      const transition = decide(before);
      if (transition === undefined) return before;
      const { record, notes, claim } = transition;
      const target = `${record.target.kind}:${record.target.identity}`;
      const owner = claims.get(target);
      if (claim === 'take' && owner !== undefined && owner !== id)
        throw new Refusal(`Another change is running on ${record.target.name}: ${owner}.`, '');
      if (claim === 'take') claims.set(target, id);
      if (claim === 'release' && owner === id) claims.delete(target);
      records.set(id, JSON.stringify(record));
      entries.push(...chain(notes, entries.at(-1) ?? emptyAudit));
      return parseRecord(JSON.stringify(record));
    },
    open: async () => all().filter((record) => !isEnded(record)),
    unfinished: async () => all().filter(({ toldAt }) => toldAt === undefined),
    recent: async (limit) => all().reverse().slice(0, limit),
    async note(note) {
      entries.push(...chain([note], entries.at(-1) ?? emptyAudit));
    },
    async *audit() {
      yield entries.map((entry) => JSON.stringify(entry));
    },
  };
}
