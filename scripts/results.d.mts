export interface JestResults {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
  readonly numRuntimeErrorTestSuites?: number;
  readonly numPendingTests?: number;
  readonly numTodoTests?: number;
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults?: readonly { readonly status: string }[];
  }[];
}
export function readResults(file: string): JestResults | undefined;
export function countLine(results: JestResults | undefined, exitCode: number): string;
export function failedFiles(results: JestResults | undefined): string[];
export function withSecondRun(first: JestResults | undefined, second: JestResults | undefined): JestResults;
