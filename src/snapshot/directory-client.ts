import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '../refusal.ts';
import { codeOf } from '../thrown.ts';
import type { SnapshotStorage, StoredFile } from './storage.ts';

const part = '.part';
/** What is not on the disk yet is pushed there so often, while more comes: at the end little is left to wait for. */
const syncEveryBytes = 32 * 1024 ** 2;
const writeBytes = 1024 ** 2;

/** Snapshots in a folder of this machine, files 0600 in folders 0700: each holds every secret of its cluster. */
export function openDirectory(path: string, cluster: string): SnapshotStorage {
  const folder = join(path, cluster);
  const at = (name: string) => join(folder, name);

  async function filesWith(isWanted: (name: string) => boolean): Promise<StoredFile[]> {
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (error) {
      // Before the first snapshot there is none.
      if (codeOf(error) === 'ENOENT') return [];
      throw refused(error, 'read');
    }
    const files = await Promise.all(
      names.filter(isWanted).map(async (name) => {
        const found = await stat(at(name)).catch(() => undefined);
        return found === undefined
          ? []
          : [{ name, bytes: found.size, modifiedAt: new Date(found.mtimeMs).toISOString() }];
      }),
    );
    return files.flat();
  }

  async function makeFolder(): Promise<void> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
    } catch (error) {
      throw refused(error, 'made');
    }
  }

  /** A name stands there whole, and after a loss of power too. */
  async function publish(begun: string, name: string): Promise<void> {
    await rename(at(begun), at(name));
    const handle = await open(folder, constants.O_RDONLY);
    await handle.sync().finally(() => handle.close());
  }

  function refused(error: unknown, done: string): Error {
    const code = codeOf(error);
    const said = {
      ENOSPC: ['The disk is full', `Free space in ${folder}, or name another folder under snapshots.to.directory.`],
      EDQUOT: ['The disk quota is used up', `Free space in ${folder}, or raise the quota.`],
      EFBIG: ['The file is larger than this system lets the bot write', 'Raise the limit of file sizes (ulimit -f).'],
      EACCES: [`${folder} may not be ${done} by the bot`, 'Let the user that the bot runs as own that folder.'],
      EPERM: [`${folder} may not be ${done} by the bot`, 'Let the user that the bot runs as own that folder.'],
      EROFS: [`${folder} is on a file system that is read-only`, 'Name a folder that can be written to.'],
      ENOTDIR: [
        `${folder} cannot be made: a part of its path is a file`,
        'Name a folder under snapshots.to.directory.',
      ],
      EIO: [`The disk of ${folder} fails (EIO)`, 'Look at the kernel’s log; name a folder on another disk.'],
    }[code];
    if (said !== undefined) return new Refusal(`${said[0]}.`, said[1] ?? '');
    return error instanceof Error ? error : new Error(String(error));
  }

  return {
    where: folder,
    list: () => filesWith((name) => !name.endsWith(part)),
    async readText(name) {
      return await readFile(at(name), 'utf8');
    },
    async *read(name) {
      let handle: FileHandle;
      try {
        handle = await open(at(name), 'r');
      } catch (error) {
        throw refused(error, 'read');
      }
      try {
        for (;;) {
          const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(1024 ** 2), 0, 1024 ** 2, null);
          if (bytesRead === 0) return;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await handle.close();
      }
    },
    async write(name, source, signal) {
      await makeFolder();
      const begun = `${name}${part}`;
      let written = 0;
      try {
        const handle = await open(at(begun), 'wx', 0o600);
        try {
          let syncing: Promise<void> | undefined;
          let unsynced = 0;
          for await (const batch of inBatches(source, writeBytes)) {
            signal.throwIfAborted();
            const { length, pieces } = batch;
            await writeWhole(handle, pieces, length);
            written += length;
            unsynced += length;
            if (unsynced < syncEveryBytes) continue;
            await syncing;
            syncing = handle.datasync();
            // Its failure is met where it is awaited.
            syncing.catch(() => {});
            unsynced = 0;
          }
          await syncing;
          await handle.sync();
        } finally {
          await handle.close();
        }
        signal.throwIfAborted();
        await publish(begun, name);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') await rm(at(begun), { force: true }).catch(() => {});
        throw refused(error, 'written');
      }
      return written;
    },
    async writeText(name, text) {
      await makeFolder();
      const begun = `${name}${part}`;
      try {
        const handle = await open(at(begun), 'w', 0o600);
        await handle
          .writeFile(text)
          .then(() => handle.sync())
          .finally(() => handle.close());
        await publish(begun, name);
      } catch (error) {
        await rm(at(begun), { force: true }).catch(() => {});
        throw refused(error, 'written');
      }
    },
    remove: (name) => rm(at(name), { force: true }),
    unfinished: () => filesWith((name) => name.endsWith(part)),
    removeUnfinished: (name) => rm(at(name), { force: true }),
    async freeBytes() {
      await makeFolder();
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
    close() {},
  };
}

type Batch = { readonly pieces: readonly Uint8Array[]; readonly length: number };

/** Pieces that are written with one call: each call is a turn of a thread. */
async function* inBatches(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Batch> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    pieces.push(piece);
    length += piece.length;
    if (length < bytes) continue;
    yield { pieces, length };
    pieces = [];
    length = 0;
  }
  if (length > 0) yield { pieces, length };
}

/** A disk that is nearly full may take a part: then the rest is tried, and says why. */
async function writeWhole(handle: FileHandle, pieces: readonly Uint8Array[], length: number): Promise<void> {
  const { bytesWritten } = await handle.writev([...pieces]);
  if (bytesWritten === length) return;
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let at = 0; at < rest.length; ) at += (await handle.write(rest, at, rest.length - at)).bytesWritten;
}
