import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runScript, SetupError } from './command.mjs';
import { ROOT } from './project.mjs';
import { setUp } from './setup.mjs';

/**
 * Sets up what the entry needs, then runs it in this very process, so that signals and the exit code are its own. An entry
 * is a compiled file below dist/ that exports `main(args)`, or runs by being imported. Set-up speaks on stderr only.
 */
export function runEntry(file, parts) {
  return runScript(async () => {
    const { env } = await setUp({ parts });
    Object.assign(process.env, env);
    // grpc-js names servers by IP address, which Node deprecates (DEP0123); nobody at a terminal can do anything about it.
    process.noDeprecation = true;
    const path = join(ROOT, 'dist', file);
    if (!existsSync(path)) {
      throw new SetupError(
        `${file} is not in dist/ although the build went through.`,
        'Look whether its source file is there.',
      );
    }
    const { main } = await import(pathToFileURL(path).href);
    const code = await main?.(process.argv.slice(2));
    return typeof code === 'number' ? code : process.exitCode;
  });
}
