import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand, runScript, SetupError } from './command.mjs';
import { withLock } from './lock.mjs';
import { ROOT } from './project.mjs';

/** Compiled by tsc; what is not TypeScript in them is copied beside it. */
const SOURCES = ['src', 'commands', 'jobs', 'demo', 'bench', 'test/support'];
/** Copied as they are: the launchers of real parts import scripts/binaries.mjs. */
const COPIED = ['scripts/binaries.mjs'];
const SETTINGS = ['package.json', 'tsconfig.json', 'tsconfig.build.json'];
const STAMP = '.built-from';

/**
 * Compiles the project into dist/ if its sources have changed since the last build; gives back whether it did. Several
 * processes may ask at once: one builds, the others wait and find it done. Throws a SetupError with what the compiler said.
 */
export async function build({ root = ROOT, log = () => {} } = {}) {
  const dist = join(root, 'dist');
  if (isBuilt(root) || isReadOnly(root)) return false;
  return withLock(`build ${root}`, async () => {
    if (isBuilt(root)) return false;
    const started = performance.now();
    // Taken before the compiler reads: a file saved meanwhile makes the next call build again.
    const stamp = fingerprint(root);
    const fresh = join(root, `dist.${process.pid}`);
    removeAbandoned(root);
    try {
      await compile(root, fresh);
      for (const folder of [...SOURCES, ...COPIED]) copyAssets(join(root, folder), join(fresh, folder));
      replaceFiles(fresh, dist);
      writeFileSync(join(dist, STAMP), stamp);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
    log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return true;
  });
}

/** A checkout that this user may not write to is run as it was built. */
function isReadOnly(root) {
  try {
    accessSync(root, constants.W_OK);
    return false;
  } catch {
    return existsSync(join(root, 'dist', STAMP));
  }
}

/** Whether dist/ holds what the sources say now. */
export function isBuilt(root = ROOT) {
  try {
    return readFileSync(join(root, 'dist', STAMP), 'utf8') === fingerprint(root);
  } catch {
    return false;
  }
}

/** Names, sizes and times of everything that goes into a build: reading the contents would take longer than it saves. */
function fingerprint(root) {
  const hash = createHash('sha256');
  for (const entry of [...SOURCES, ...COPIED, ...SETTINGS]) {
    for (const file of listFiles(join(root, entry))) {
      const { size, mtimeMs } = statSync(file);
      hash.update(`${relative(root, file)} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}

async function compile(root, target) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(compiler)) throw new SetupError('The TypeScript compiler is not installed.', 'Run: npm ci');
  const { code, stdout, stderr } = await runCommand(
    process.execPath,
    [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', target, '--noEmitOnError', '--pretty', 'false'],
    { cwd: root },
  );
  if (code === 0) return;
  const said = `${stdout}${stderr}`.trim();
  throw new SetupError(
    `The project does not compile:\n${said}`,
    'Mend that, then run the same command again. dist/ is unchanged.',
  );
}

/** A build that was killed leaves its folder; we hold the lock, so none of them is in use. */
function removeAbandoned(root) {
  for (const name of readdirSync(root)) {
    if (/^dist\.\d+$/.test(name)) rmSync(join(root, name), { recursive: true, force: true });
  }
}

function copyAssets(from, to) {
  for (const file of listFiles(from)) {
    if (/\.ts$/.test(file)) continue;
    const target = join(to, relative(from, file));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(file, target);
  }
}

/** File by file, each in one rename: whoever runs from dist/ meanwhile never finds a file missing. What is gone from the sources goes. */
function replaceFiles(fresh, dist) {
  const kept = new Set();
  for (const file of listFiles(fresh)) {
    const name = relative(fresh, file);
    const target = join(dist, name);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(file, target);
    kept.add(name);
  }
  for (const file of listFiles(dist)) {
    if (!kept.has(relative(dist, file))) rmSync(file, { force: true });
  }
}

function listFiles(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  const entries = readdirSync(path, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runScript(async () => {
    const didBuild = await build({ log: (line) => console.error(line) });
    if (!didBuild) console.error('dist/ is up to date');
  });
}
