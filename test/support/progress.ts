import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './worker-process.ts';

/**
 * A file that outlives the run, in which a long test writes how far it is, so that the next run goes on from there. It belongs to the
 * sources that are tested: those that were changed begin anew.
 */
export function progressPath(name: string): string {
  const builtFrom = readFileSync(join(projectRoot(), 'dist', '.built-from'));
  const stamp = createHash('sha256').update(projectRoot()).update(builtFrom).digest('hex').slice(0, 12);
  return join(tmpdir(), `quorum-${name}-${stamp}`);
}
