import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The programs a part needs, and those that are only pleasant to have. */
export const PARTS = {
  redis: {
    title: 'Redis',
    required: ['redis-server'],
    optional: ['redis-cli'],
    debianPackages: ['redis-server', 'redis-tools'],
    brewFormula: 'redis',
  },
  etcd: {
    title: 'etcd',
    required: ['etcd'],
    optional: ['etcdctl'],
    debianPackages: ['etcd-server', 'etcd-client'],
    brewFormula: 'etcd',
  },
};

/** Where downloaded programs are kept between runs. */
export function cacheFolder() {
  const base = process.env.XDG_CACHE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'quorum');
}

/** Where a part's unpacked packages are: `usr/bin`, `usr/lib/…` below it. */
export function unpackedFolder(part) {
  return join(cacheFolder(), 'packages', `${process.platform}-${process.arch}`, part);
}

/**
 * Finds `redis-server`, `redis-cli`, `etcd` or `etcdctl`: on PATH, else in the cache folder. Gives back its path and the
 * environment to start it with (the libraries unpacked beside it are found through LD_LIBRARY_PATH), or undefined.
 */
export function findBinary(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (folder.startsWith('/') && isExecutable(path)) return { path, env: { ...process.env } };
  }
  for (const part of Object.keys(PARTS)) {
    const root = unpackedFolder(part);
    const path = join(root, 'usr', 'bin', name);
    if (isExecutable(path)) return { path, env: { ...process.env, LD_LIBRARY_PATH: libraryPath(root) } };
  }
  return undefined;
}

/** Whether every program that the part cannot do without is there. */
export function hasPart(part) {
  return PARTS[part].required.every((name) => findBinary(name) !== undefined);
}

/** The folders below an unpacked root that hold shared libraries, before those of the system's own search path. */
export function libraryPath(root) {
  const folders = [];
  for (const lib of [join(root, 'usr', 'lib'), join(root, 'lib')]) {
    if (!existsSync(lib)) continue;
    for (const entry of readdirSync(lib, { withFileTypes: true })) {
      // Debian's multiarch folders are named after the machine, such as x86_64-linux-gnu.
      if (entry.isDirectory() && entry.name.includes('-linux-')) folders.push(join(lib, entry.name));
    }
    folders.push(lib);
  }
  const outer = process.env.LD_LIBRARY_PATH;
  return (outer ? [...folders, outer] : folders).join(delimiter);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
