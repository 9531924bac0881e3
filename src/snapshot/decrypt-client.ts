import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { Refusal } from '../refusal.ts';
import { codeOf } from '../thrown.ts';
import { Damage } from './damage.ts';
import { DatabaseCheck, type DatabaseFacts } from './database-check.ts';
import { unseal } from './sealing.ts';
import { keyOf } from './settings.ts';

/**
 * Decrypts a snapshot's file with the keys of the config into a new one, 0600, checked as it is written. Needs neither Redis nor etcd: only the file
 * and the key.
 * @throws Refusal for a wrong key, a damaged file, and an output that is there already; then nothing is written
 */
export async function decryptSnapshot(config: Config, from: string, to: string): Promise<DatabaseFacts> {
  const check = new DatabaseCheck();
  const output = await open(to, 'wx', 0o600).catch((error: unknown) => {
    throw new Refusal(
      codeOf(error) === 'EEXIST' ? `${to} is there already.` : `${to} cannot be written: ${codeOf(error)}.`,
      'Name a new file.',
    );
  });
  try {
    for await (const bytes of unseal(createReadStream(from), keysOf(config))) {
      check.take(bytes);
      await output.writeFile(bytes);
    }
    const facts = check.finish();
    await output.sync();
    await output.close();
    return facts;
  } catch (error) {
    await output.close();
    await rm(to, { force: true });
    if (error instanceof Damage)
      throw new Refusal(`${from} is not whole: ${error.message}.`, 'Nothing was written. Take another snapshot.');
    const code = codeOf(error);
    if (code !== '') throw new Refusal(`${from} cannot be decrypted: ${code}.`, 'Look at the file and at the disk.');
    throw error;
  }
}

/** Every key of every cluster: the file itself says which one is its own. */
function keysOf(config: Config): Uint8Array[] {
  return Object.values(config.etcd.clusters).flatMap(({ snapshots }) => {
    if (snapshots === undefined || snapshots.encryption === 'none') return [];
    return [snapshots.encryption.key, ...snapshots.encryption.oldKeys].flatMap((text) => {
      const key = keyOf(text);
      return key === null ? [] : [key];
    });
  });
}
