import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, libraryPath, PARTS, unpackedFolder } from './binaries.mjs';
import { lastLine, runCommand } from './command.mjs';
import { withLock } from './lock.mjs';

/** Whether this is a Debian or an Ubuntu (or one of their children) on which packages can be downloaded and unpacked. */
export async function canUsePackages() {
  if (process.platform !== 'linux') return false;
  const tools = await Promise.all([
    runCommand('apt-get', ['--version']),
    runCommand('dpkg-deb', ['--version']),
    runCommand('apt-cache', ['--version']),
  ]);
  return tools.every(({ code }) => code === 0);
}

/**
 * Downloads a part's packages, with those libraries that this machine lacks, and unpacks them into the cache folder.
 * Nothing is installed and no service starts; neither root nor sudo is needed. Throws an Error that tells why it could not.
 */
export async function fetchPart(part, log) {
  const target = unpackedFolder(part);
  mkdirSync(dirname(target), { recursive: true });
  const folder = mkdtempSync(`${target}.`);
  try {
    const downloads = join(folder, 'downloads');
    const root = join(folder, 'root');
    mkdirSync(downloads);
    mkdirSync(root);
    await download(PARTS[part].debianPackages, downloads, log);
    for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
      const { code, stderr } = await runCommand('dpkg-deb', ['-x', join(downloads, file), root]);
      if (code !== 0) throw new Error(`${file} could not be unpacked: ${lastLine(stderr)}`);
    }
    await proveThatItRuns(part, root);
    moveIntoPlace(root, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The system's package lists first; where they are empty or too old, lists of our own, fetched into the cache folder. */
async function download(packages, folder, log) {
  const fromSystem = await downloadWith([], packages, folder);
  if (fromSystem === undefined) return;
  const options = await ownListOptions();
  // Two parts are fetched at the same time, and both do with one update.
  ownLists ??= fetchOwnLists(options, fromSystem, log);
  const update = await ownLists;
  if (update.code !== 0) throw new Error(`apt-get update failed: ${lastLine(errorLines(update))}`);
  const fromOwn = await downloadWith(options, packages, folder);
  if (fromOwn === undefined) return;
  // An archive that cannot be reached is only a warning to apt-get update.
  const warning = update.stderr.split('\n').find((line) => line.startsWith('W: Failed to fetch'));
  throw new Error(warning === undefined ? fromOwn : `${fromOwn} (${warning})`);
}

/** Gives back undefined when all is downloaded, else why not. */
async function downloadWith(options, packages, folder) {
  const simulation = await apt('apt-get', [
    ...options,
    'install',
    '--simulate',
    '--no-install-recommends',
    ...packages,
  ]);
  // Where another package is broken the simulation refuses: then the closure is told by apt-cache.
  const missing =
    simulation.code === 0 ? packagesToUnpack(simulation.stdout) : await missingDependencies(options, packages);
  if (missing === undefined) return lastLine(errorLines(simulation));
  const names = [...new Set([...packages, ...missing])];
  const user = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  const result = await apt('apt-get', [...options, ...user, '-o', 'Acquire::Retries=2', 'download', ...names], {
    cwd: folder,
  });
  return result.code === 0 ? undefined : lastLine(errorLines(result));
}

/** From `Inst libjemalloc2 (5.3.0-1 Debian:12 [amd64])` the name; one with its old version in brackets is here already. */
export function packagesToUnpack(simulation) {
  return [...simulation.matchAll(/^Inst (\S+) \(/gm)].map(([, name]) => name);
}

async function missingDependencies(options, packages) {
  const limits = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (kind) => `--no-${kind}`,
  );
  const closure = await apt('apt-cache', [...options, 'depends', '--recurse', ...limits, ...packages]);
  if (closure.code !== 0) return undefined;
  const names = new Set(closure.stdout.match(/^[a-z0-9][a-z0-9.+-]*$/gm) ?? []);
  if (!packages.every((name) => names.has(name))) return undefined;
  const installed = await runCommand('dpkg', ['--get-selections']);
  for (const [, name] of installed.stdout.matchAll(/^([^\s:]+)\S*\s+(?:install|hold)$/gm)) names.delete(name);
  // Only libraries are of use to an unpacked program; the C library and the loader must be the system's own pair.
  return [...names].filter((name) => /^(lib|lua-)/.test(name) && !/^libc6/.test(name));
}

/** Options that give apt its own lists and caches below our cache folder: readable and writable without root. */
async function ownListOptions() {
  const base = join(cacheFolder(), 'apt');
  for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(base, folder), { recursive: true });
  const user = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  return [...user, '-o', `Dir::State::lists=${join(base, 'lists')}`, '-o', `Dir::Cache=${join(base, 'cache')}`];
}

let ownLists;

function fetchOwnLists(options, reason, log) {
  log(`fetching the package lists (${reason})`);
  // Another run may be at it: apt refuses where somebody else updates the same lists.
  return withLock('package lists', () => apt('apt-get', [...options, 'update']));
}

/** Its messages are read by code, so they are asked for in English. */
function apt(command, args, options) {
  return runCommand(command, args, {
    ...options,
    env: { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' },
  });
}

async function proveThatItRuns(part, root) {
  for (const name of PARTS[part].required) {
    const env = { ...process.env, LD_LIBRARY_PATH: libraryPath(root) };
    const { code, stdout, stderr } = await runCommand(join(root, 'usr', 'bin', name), ['--version'], { env });
    if (code !== 0) throw new Error(`${name} was unpacked but does not run here: ${lastLine(stderr || stdout)}`);
    writeFileSync(join(root, `${name}.version`), stdout);
  }
}

/** Whoever comes second keeps what the first put there. */
function moveIntoPlace(folder, target) {
  try {
    renameSync(folder, target);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
}

function errorLines({ stdout, stderr }) {
  const text = `${stdout}\n${stderr}`;
  const errors = text.split('\n').filter((line) => /^(E:|Err:)/.test(line));
  return errors.length > 0 ? errors.join('\n') : text;
}
