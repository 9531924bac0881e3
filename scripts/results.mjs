import { readFileSync } from 'node:fs';

/** What Jest wrote with --json, or undefined where it wrote nothing. */
export function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** `N passed, N failed`, with `, N skipped` where there are any. A file that could not be loaded counts as one failure. */
export function countLine(results, exitCode) {
  const passed = results?.numPassedTests ?? 0;
  const told = (results?.numFailedTests ?? 0) + (results?.numRuntimeErrorTestSuites ?? 0);
  const failed = told === 0 && exitCode !== 0 ? 1 : told;
  const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
