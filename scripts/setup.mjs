import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBinary, hasPart, PARTS } from './binaries.mjs';
import { build } from './build.mjs';
import { lastLine, runCommand, runScript, SetupError } from './command.mjs';
import { canUseCompose, startWithCompose } from './compose.mjs';
import { installNodeModules } from './node-modules.mjs';
import { checkNodeVersion } from './node-version.mjs';
import { canUsePackages, fetchPart } from './packages.mjs';

export { findBinary } from './binaries.mjs';
export { SetupError } from './command.mjs';
export { checkNodeVersion } from './node-version.mjs';

const GIVEN = { redis: 'REDIS_URL', etcd: 'QUORUM_ETCD_ENDPOINTS' };

/**
 * Brings about what a fresh clone lacks, and does nothing where all is there.
 *
 * parts: 'libraries' (npm ci), 'build' (dist/), 'node' (both), 'redis', 'etcd'. A Redis or an etcd that the environment
 * names (REDIS_URL, QUORUM_ETCD_ENDPOINTS) is taken as it is; with given: 'not enough' the programs are fetched all the
 * same where that is possible, for tests that kill and pause their own. log gets one short line for each thing that is done.
 * Gives back the environment for what is started next. Throws a SetupError: what happened, what to do.
 */
export async function setUp({ parts = ['node', 'redis', 'etcd'], given = 'enough', log = logToStderr } = {}) {
  checkNodeVersion(process.versions.node);
  const wants = (part) => parts.includes(part);
  const libraries = wants('node') || wants('libraries') ? installNodeModules({ log }) : undefined;
  const programs = Promise.all(['redis', 'etcd'].filter(wants).map((part) => providePart(part, given, log)));
  // Side by side, but one failure is told only when the other has come to rest: nothing is left half written.
  const [librariesResult, programsResult] = await Promise.allSettled([libraries, programs]);
  for (const result of [librariesResult, programsResult]) if (result.status === 'rejected') throw result.reason;
  if (wants('node') || wants('build')) await build({ log });
  return { env: Object.assign({ ...process.env }, ...programsResult.value) };
}

/** Gives back the variables that name the part, none where its programs are on this machine. */
async function providePart(part, given, log) {
  if (hasPart(part)) return {};
  const { title } = PARTS[part];
  const isGiven = Boolean(process.env[GIVEN[part]]);
  if (isGiven && given === 'enough') return {};
  const reasons = [];
  const started = performance.now();
  for (const way of WAYS) {
    if (!(await way.isPossible())) continue;
    log(`${title}: ${way.saying}`);
    try {
      const env = (await way.provide(part, log)) ?? {};
      log(`${title}: there after ${((performance.now() - started) / 1000).toFixed(0)} s`);
      return env;
    } catch (error) {
      reasons.push(`${way.name}: ${error.message}`);
    }
  }
  if (isGiven) {
    log(`${title}: only the one that ${GIVEN[part]} names is there, so tests that kill one will fail`);
    return {};
  }
  throw new SetupError(
    [`${title} is not on this machine and could not be fetched.`, ...reasons].join('\n'),
    adviceFor(part),
  );
}

const WAYS = [
  {
    name: 'packages',
    saying: 'downloading its packages into the cache folder (nothing is installed on the system)',
    isPossible: canUsePackages,
    provide: fetchPart,
  },
  {
    name: 'Homebrew',
    saying: 'brew install',
    isPossible: async () => (await runCommand('brew', ['--version'])).code === 0,
    provide: async (part) => {
      const { code, stdout, stderr } = await runCommand('brew', ['install', '--quiet', PARTS[part].brewFormula]);
      if (code !== 0) throw new Error(lastLine(`${stdout}\n${stderr}`));
      if (!hasPart(part)) throw new Error(`brew installed ${part}, but its program is not on PATH`);
    },
  },
  {
    name: 'docker compose',
    saying: 'starting it with docker compose',
    isPossible: canUseCompose,
    provide: startWithCompose,
  },
];

function adviceFor(part) {
  const { required, debianPackages, brewFormula } = PARTS[part];
  const hasNetworkHint = 'Check the network and the disk and run the same command again';
  return [
    `${hasNetworkHint}, or provide it yourself in one of these ways:`,
    `  Debian, Ubuntu   sudo apt-get install ${debianPackages.join(' ')}`,
    `  macOS            brew install ${brewFormula}`,
    `  others           put ${required.join(', ')} on PATH`,
    part === 'redis'
      ? '  one that runs    REDIS_URL=redis://127.0.0.1:6379'
      : '  one that runs    QUORUM_ETCD_ENDPOINTS=https://…:2379,… with QUORUM_ETCD_CA, QUORUM_ETCD_CERT, QUORUM_ETCD_KEY (PEM files)',
  ].join('\n');
}

function logToStderr(line) {
  process.stderr.write(`${line}\n`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runScript(async () => {
    const started = performance.now();
    await setUp();
    for (const name of ['redis-server', 'etcd', 'etcdctl']) {
      logToStderr(`${name.padEnd(13)} ${findBinary(name)?.path ?? 'not here'}`);
    }
    logToStderr(`set up in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  });
}
