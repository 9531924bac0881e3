import { nearest } from '../nearest.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { messageOf } from '../thrown.ts';
import { fileNames, nameOfFile, readFacts, type SnapshotFacts } from './facts.ts';
import type { Keeping } from './settings.ts';
import type { SnapshotStorage, StoredFile } from './storage.ts';

/** What the storage holds of one cluster, newest first. */
export type Catalogue = {
  readonly snapshots: readonly SnapshotFacts[];
  /** Databases without facts: never verified, or not yet. They do not count. */
  readonly strays: readonly StoredFile[];
  /** Facts whose database is not there, or that cannot be read: what is the matter with each. */
  readonly broken: readonly { readonly name: string; readonly why: string }[];
};

/** Side by side: a bucket takes some 50 ms for each. */
const readAtOnce = 8;

/** Reads what there is from the storage itself. @throws Refusal where the storage cannot be read */
export async function readCatalogue(storage: SnapshotStorage): Promise<Catalogue> {
  const files = (await storage.list()).filter(({ name }) => nameOfFile(name) !== undefined);
  const names = new Set(files.map(({ name }) => name));
  const waiting = files.filter(({ name }) => name.endsWith('.json')).map(({ name }) => name);
  const snapshots: SnapshotFacts[] = [];
  const broken: { name: string; why: string }[] = [];
  const readNext = async (): Promise<void> => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      const name = nameOfFile(file) ?? file;
      try {
        const facts = readFacts(await storage.readText(file));
        if (facts === undefined) broken.push({ name, why: `${file} is not as Quorum writes it` });
        else if (names.has(facts.file)) snapshots.push(facts);
        else broken.push({ name, why: `${facts.file} is gone` });
      } catch (error) {
        if (error instanceof Refusal) throw error;
        broken.push({ name, why: `${file} cannot be read: ${shortened(messageOf(error), 100)}` });
      }
    }
  };
  await Promise.all(Array.from({ length: readAtOnce }, readNext));
  const known = new Set([...snapshots.map(({ name }) => name), ...broken.map(({ name }) => name)]);
  return {
    snapshots: snapshots.sort((a, b) => (a.name < b.name ? 1 : -1)),
    strays: files.filter(({ name }) => !name.endsWith('.json') && !known.has(nameOfFile(name) ?? '')),
    broken,
  };
}

/** Whether a snapshot is not known to be bad. */
export function isGood({ lastRead, lastDrill }: SnapshotFacts): boolean {
  return (lastRead?.damage ?? null) === null && (lastDrill?.trouble ?? null) === null;
}

/** The newest snapshot of this very cluster that is not known to be bad: one of another cluster of the same name is none. */
export function lastGood(catalogue: Catalogue, clusterId: string): SnapshotFacts | undefined {
  return catalogue.snapshots.find((facts) => facts.clusterId === clusterId && isGood(facts));
}

/** How long ago the snapshot was begun, in milliseconds: what was written since is not in it. */
export function ageOf({ startedAt }: SnapshotFacts, now: Date): number {
  return Math.max(0, now.getTime() - Date.parse(startedAt));
}

/**
 * Which snapshots are beyond the limits: more than `last`, or older than `days`. Counted for each cluster id, so that a cluster which was made
 * anew does not push out what is left of the old one; the last good one of each is never among them.
 */
export function beyondKeeping(catalogue: Catalogue, keep: Keeping, now: Date): SnapshotFacts[] {
  const oldest = now.getTime() - keep.days * 86_400_000;
  const clusterIds = [...new Set(catalogue.snapshots.map(({ clusterId }) => clusterId))];
  return clusterIds.flatMap((clusterId) => {
    const own = catalogue.snapshots.filter((facts) => facts.clusterId === clusterId);
    const good = own.filter(isGood);
    const kept = new Set(good.slice(0, keep.last).filter(({ endedAt }) => Date.parse(endedAt) >= oldest));
    const last = good[0];
    if (last !== undefined) kept.add(last);
    // A damaged one goes with its time: until then somebody may want to look at it.
    return own.filter((facts) => !kept.has(facts) && (isGood(facts) || Date.parse(facts.endedAt) < oldest));
  });
}

/**
 * The snapshot that was typed: `latest`, its name, or as much of its name as no other has.
 * @throws Refusal that lists what there is
 */
export function findSnapshot(catalogue: Catalogue, word: string): SnapshotFacts {
  const { snapshots } = catalogue;
  const names = snapshots.map(({ name }) => name);
  const choices = names.slice(0, 10);
  if (snapshots.length === 0)
    throw new Refusal('There is no snapshot of this cluster yet.', 'Take one with `/etcd snapshot`.');
  const matching =
    word === 'latest' ? snapshots.slice(0, 1) : snapshots.filter(({ name }) => name === word || name.includes(word));
  const [found, second] = matching;
  if (found !== undefined && (second === undefined || found.name === word)) return found;
  if (second !== undefined)
    throw new Refusal(
      `“${shortened(word, 60)}” is a part of ${matching.length} names.`,
      'Type more of it.',
      matching.map(({ name }) => name).slice(0, 10),
    );
  const near = nearest(word, names);
  throw new Refusal(
    `There is no snapshot “${shortened(word, 60)}”${near === undefined ? '.' : `; did you mean \`${near}\`?`}`,
    'Name one of these, or `latest`.',
    choices,
  );
}

/** Removes a snapshot: its facts first, so that what is left by a crash does not count. */
export async function removeSnapshot(storage: SnapshotStorage, facts: SnapshotFacts): Promise<void> {
  await storage.remove(fileNames.facts(facts.name));
  await storage.remove(facts.file);
}

/** From now on the snapshot counts, or what is known of it is known anew. */
export async function writeFacts(storage: SnapshotStorage, facts: SnapshotFacts): Promise<void> {
  await storage.writeText(fileNames.facts(facts.name), `${JSON.stringify(facts, null, 2)}\n`);
}
