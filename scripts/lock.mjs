import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from './binaries.mjs';

const WAIT_MS = 10 * 60 * 1000;

/**
 * Runs the body while no other process on this machine runs one under the same name. The lock of a process that is no
 * longer alive is taken over.
 */
export async function withLock(name, body) {
  const file = join(lockFolder(), createHash('sha256').update(name).digest('hex').slice(0, 16));
  const giveUpAt = Date.now() + WAIT_MS;
  while (!take(file)) {
    if (Date.now() > giveUpAt)
      throw new Error(`Another run has held ${file} for ten minutes. If none is alive, remove that file.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  try {
    return await body();
  } finally {
    rmSync(file, { force: true });
  }
}

/** In the cache folder; where that cannot be written (a home folder that is read-only), in the temporary one. */
function lockFolder() {
  const folder = join(cacheFolder(), 'locks');
  try {
    mkdirSync(folder, { recursive: true });
    return folder;
  } catch {
    const other = join(tmpdir(), `quorum-locks-${process.getuid?.() ?? 'user'}`);
    mkdirSync(other, { recursive: true });
    return other;
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!isHeldByTheLiving(file)) rmSync(file, { force: true });
  return false;
}

function isHeldByTheLiving(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty for the instant between its creation and its writing.
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
