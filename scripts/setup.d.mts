export { findBinary } from './binaries.mjs';
export class SetupError extends Error {
  readonly advice: string;
}
export type SetUpPart = 'libraries' | 'build' | 'node' | 'redis' | 'etcd';
export function setUp(options?: {
  parts?: readonly SetUpPart[];
  given?: 'enough' | 'not enough';
  log?: (line: string) => void;
}): Promise<{ env: NodeJS.ProcessEnv }>;
export function checkNodeVersion(version: string): void;
