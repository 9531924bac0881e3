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

/** The files in which a test failed, or that could not be loaded. */
export function failedFiles(results) {
  return (results?.testResults ?? []).filter(({ status }) => status === 'failed').map(({ name }) => name);
}

/** The results of a run with what a second run of some of its files came to in their place. */
export function withSecondRun(first, second) {
  const again = new Set((second?.testResults ?? []).map(({ name }) => name));
  const replaced = (first?.testResults ?? [])
    .filter(({ name }) => again.has(name))
    .flatMap(({ assertionResults }) => assertionResults ?? []);
  const count = (wanted) => replaced.filter(({ status }) => status === wanted).length;
  return {
    numPassedTests: (first?.numPassedTests ?? 0) - count('passed') + (second?.numPassedTests ?? 0),
    numFailedTests: second?.numFailedTests ?? 0,
    numRuntimeErrorTestSuites: second?.numRuntimeErrorTestSuites ?? 0,
    numPendingTests: (first?.numPendingTests ?? 0) - count('pending') + (second?.numPendingTests ?? 0),
    numTodoTests: first?.numTodoTests ?? 0,
  };
}
