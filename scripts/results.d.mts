export interface JestResults {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
  readonly numRuntimeErrorTestSuites?: number;
  readonly numPendingTests?: number;
  readonly numTodoTests?: number;
}
export function readResults(file: string): JestResults | undefined;
export function countLine(results: JestResults | undefined, exitCode: number): string;
