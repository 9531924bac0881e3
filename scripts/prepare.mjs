import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { ROOT } from './project.mjs';

// npm runs this at the end of `npm ci`, so that `npx quorum` starts at once. It never fails an installation: without the
// compiler (--omit=dev) there is nothing to do, and what does not compile is told by the first command that needs it.
if (existsSync(join(ROOT, 'node_modules', 'typescript'))) {
  await build().catch((error) => console.error(error.message));
}
