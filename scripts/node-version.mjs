import { SetupError } from './command.mjs';

const OLDEST_NODE = [20, 19];

/** Throws where this Node.js is older than what the libraries need. */
export function checkNodeVersion(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupError(
    `This is Node.js ${version}, and Quorum needs ${OLDEST_NODE.join('.')} or newer.`,
    'Install a newer one (https://nodejs.org, or: nvm install 22), then run the same command again.',
  );
}
