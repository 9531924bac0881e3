import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { build } from './build.mjs';
import { runCommand, runInForeground, runScript, SetupError } from './command.mjs';
import { ROOT } from './project.mjs';
import { countLine, failedFiles, readResults, withSecondRun } from './results.mjs';
import { setUp } from './setup.mjs';

const KINDS = ['live', 'long'];
/** More than these fail for a reason of their own. */
const MOST_FILES_AGAIN = 12;

/** Set-up, lint, typecheck, tests. `live` and `long` as the first word run those tests instead of the usual ones. */
await runScript(async () => {
  const [first = '', ...others] = process.argv.slice(2);
  const kind = KINDS.includes(first) ? first : undefined;
  const jestArguments = kind === undefined ? process.argv.slice(2) : others;

  const { env } = await setUp({ parts: ['libraries', 'redis', 'etcd'], given: 'not enough' }).catch(stopAt('set-up'));
  await Promise.all([
    check('lint', 'biome', ['@biomejs', 'biome', 'bin', 'biome'], ['ci', '--colors=off', '.']),
    check('typecheck', 'tsc', ['typescript', 'bin', 'tsc'], ['--noEmit', '--pretty', 'false']),
  ]).catch(stopAt('checks'));
  // Tests of the executable run it from dist/.
  await build({ log: (line) => console.error(line) }).catch(stopAt('build'));
  return runTests(kind, jestArguments, env);
});

async function check(stage, program, path, args) {
  const started = performance.now();
  const { code, stdout, stderr } = await runCommand(process.execPath, [join(ROOT, 'node_modules', ...path), ...args], {
    cwd: ROOT,
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (code === 0) return console.log(`${stage}: ok (${program}, ${seconds} s)`);
  throw new SetupError(
    `${stdout}${stderr}`.trim(),
    `${stage} failed: ${program} ended with ${code}. ${stage === 'lint' ? 'npm run format mends most of it.' : ''}`.trim(),
  );
}

/** A stage that fails ends the run; the last line is still the count that whoever reads it expects. */
function stopAt(stage) {
  return (error) => {
    if (!(error instanceof SetupError)) throw error;
    console.log(`${error.message}\n${error.advice}\nStopped at ${stage}: no test was run.\n0 passed, 1 failed`);
    process.exit(1);
  };
}

async function runTests(kind, jestArguments, env) {
  const folder = mkdtempSync(join(tmpdir(), 'quorum-test-results-'));
  try {
    const first = await runJest(kind, jestArguments, env, join(folder, 'first.json'));
    const failed = failedFiles(first.results);
    const isWhole = kind === undefined && jestArguments.length === 0;
    if (!isWhole || first.code === 0 || failed.length === 0 || failed.length > MOST_FILES_AGAIN) {
      console.log(countLine(first.results, first.code));
      return first.code;
    }
    // The tests run real servers with deadlines of a second beside each other: on a busy machine one is late, which is no fault of the bot.
    console.log(`Failed beside others, once more alone: ${failed.map((file) => relative(ROOT, file)).join(', ')}`);
    const second = await runJest(kind, ['--runInBand', ...failed], env, join(folder, 'second.json'));
    console.log(countLine(withSecondRun(first.results, second.results), second.code));
    return second.code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runJest(kind, jestArguments, env, file) {
  const code = await runInForeground(
    process.execPath,
    [
      ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', '--disable-warning=DEP0123'],
      join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'),
      ...['--json', `--outputFile=${file}`, ...(kind === undefined ? [] : ['--passWithNoTests'])],
      ...jestArguments,
    ],
    {
      cwd: ROOT,
      env: { ...env, ...(kind === undefined ? {} : { QUORUM_TESTS: kind }) },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return { code, results: readResults(file) };
}
