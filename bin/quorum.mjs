#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const entry = join(root, 'dist', 'src', 'cli.js');

// grpc-js names servers by IP address, which Node deprecates (DEP0123); nobody at a terminal can do anything about it.
process.noDeprecation = true;

if (await isReady()) {
  const { main } = await import(pathToFileURL(entry).href);
  await main(process.argv.slice(2));
} else {
  process.exitCode = 2;
}

/** In a checkout dist/ follows the sources; what is said about that goes to stderr, for stdout belongs to the command. */
async function isReady() {
  if (!existsSync(join(root, 'src'))) return true;
  try {
    const { checkNodeVersion } = await import('../scripts/node-version.mjs');
    checkNodeVersion(process.versions.node);
    const { build } = await import('../scripts/build.mjs');
    await build({ root });
    return true;
  } catch (error) {
    console.error(error?.advice === undefined ? error : `${error.message}\n${error.advice}`);
    return false;
  }
}
