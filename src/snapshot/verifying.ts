import type { SnapshotKeeping } from '../etcd/client.ts';
import type { Context } from '../job.ts';
import { Refusal } from '../refusal.ts';
import { writeFacts } from './catalogue.ts';
import { Damage } from './damage.ts';
import { DatabaseCheck } from './database-check.ts';
import type { SnapshotFacts } from './facts.ts';
import { unseal } from './sealing.ts';

const mebi = 1024 ** 2;

/** The database of a snapshot, decrypted, a piece at a time. Ends with Damage where it is not the one that was written. */
export async function* readSnapshot(
  { settings, storage }: SnapshotKeeping,
  facts: SnapshotFacts,
  { signal, progress }: Pick<Context, 'signal' | 'progress'>,
): AsyncGenerator<Uint8Array> {
  const check = new DatabaseCheck();
  const stored = storage.read(facts.file);
  let doneBytes = 0;
  try {
    for await (const bytes of facts.keyId === null ? stored : unseal(stored, settings.keys)) {
      signal.throwIfAborted();
      check.take(bytes);
      doneBytes += bytes.length;
      progress(Math.floor(doneBytes / mebi), Math.ceil(facts.bytes / mebi), 'MiB read');
      yield bytes;
    }
  } catch (error) {
    // A key or a storage that refuses says "it": people have to be told what cannot be read.
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(`${facts.name} cannot be read. ${error.message}`, error.advice, error.choices);
  }
  const { sha256 } = check.finish();
  if (sha256 !== facts.sha256) throw new Damage('it is whole, but not the one that was taken: its sha256 is another');
}

/**
 * Reads a snapshot again from its storage, all of it, and notes beside it how that went.
 * @returns why it is damaged; null where it is whole
 * @throws Refusal where it cannot be read: a wrong key says nothing about the snapshot
 */
export async function verifySnapshot(
  keeping: SnapshotKeeping,
  facts: SnapshotFacts,
  context: Pick<Context, 'signal' | 'progress' | 'now'>,
): Promise<string | null> {
  let damage: string | null = null;
  try {
    for await (const _ of readSnapshot(keeping, facts, context));
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    damage = error.message;
  }
  await writeFacts(keeping.storage, { ...facts, lastRead: { at: context.now().toISOString(), damage } });
  return damage;
}
