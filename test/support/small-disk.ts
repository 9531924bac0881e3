import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { codeOf } from '../../src/thrown.ts';
import { makeFolder, removeFolder } from './process.ts';

/** A file system of so many megabytes, in memory. @throws where none can be mounted */
export function mountSmall(megabytes: number): { readonly folder: string; unmount(): void } {
  const folder = makeFolder('quorum-small-disk');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'quorum-test', folder], { stdio: 'ignore' });
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
  return {
    folder,
    unmount() {
      execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
      removeFolder(folder);
    },
  };
}

export function canMountSmall(): boolean {
  try {
    mountSmall(1).unmount();
    return true;
  } catch {
    return false;
  }
}

/** Writes into a file until the disk takes no more. */
export function fillDisk(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(64 * 1024));
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}
