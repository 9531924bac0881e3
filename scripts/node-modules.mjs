import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLine, runCommand, SetupError } from './command.mjs';
import { withLock } from './lock.mjs';
import { ROOT } from './project.mjs';

/** Runs `npm ci` where node_modules is missing or is not what package-lock.json says; gives back whether it did. */
export async function installNodeModules({ root = ROOT, log = () => {} } = {}) {
  if (areInstalled(root)) return false;
  return withLock(`npm ci ${root}`, async () => {
    if (areInstalled(root)) return false;
    if (!matchesLockFile(root)) {
      const started = performance.now();
      log('npm ci (the libraries in package-lock.json)');
      const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
      const { code, stdout, stderr } = await runCommand(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: root,
        env: { ...process.env, NODE_ENV: 'development' },
      });
      if (code !== 0) throw explain(code, `${stdout}\n${stderr}`);
      log(`npm ci took ${((performance.now() - started) / 1000).toFixed(0)} s`);
    }
    writeFileSync(stampFile(root), stamp(root));
    return true;
  });
}

function areInstalled(root) {
  try {
    return readFileSync(stampFile(root), 'utf8') === stamp(root);
  } catch {
    return false;
  }
}

function stampFile(root) {
  return join(root, 'node_modules', '.quorum-lock-hash');
}

/** Some libraries hold machine code, so a folder that was carried to another kind of machine does not count. */
function stamp(root) {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${hash} ${process.platform} ${process.arch}\n`;
}

/**
 * Whether somebody has run `npm ci` here already: npm notes what it installed in node_modules/.package-lock.json.
 * Optional libraries may be missing: they are for other machines.
 */
function matchesLockFile(root) {
  const noted = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(noted)) return false;
  const installed = JSON.parse(readFileSync(noted, 'utf8')).packages ?? {};
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages ?? {};
  const differs = Object.entries(wanted).some(([path, { version, optional }]) => {
    if (path === '') return false;
    const found = installed[path];
    return found === undefined ? !optional : found.version !== version || !existsSync(join(root, path));
  });
  return !differs && Object.keys(installed).every((path) => path in wanted);
}

function explain(code, output) {
  if (code === 127) {
    return new SetupError(
      'npm was not found, and it comes with Node.js.',
      'Install Node.js 20.19 or newer with npm: https://nodejs.org',
    );
  }
  const errors = output.split('\n').filter((line) => /npm (ERR!|error)/.test(line) && !/complete log|_logs/.test(line));
  const said = errors.slice(0, 6).join('\n') || lastLine(output);
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|network/i.test(output)) {
    return new SetupError(
      `npm ci could not reach its registry.\n${said}`,
      'Check the network (or the proxy settings in ~/.npmrc), then run the same command again.',
    );
  }
  if (/ENOSPC/.test(output)) {
    return new SetupError(
      `npm ci ran out of disk space.\n${said}`,
      'Free about 500 MB, then run the same command again.',
    );
  }
  return new SetupError(`npm ci failed.\n${said}`, 'Mend that, then run the same command again.');
}
