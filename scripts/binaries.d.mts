export interface Binary {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}
export type Part = 'redis' | 'etcd';
export function findBinary(name: 'redis-server' | 'redis-cli' | 'etcd' | 'etcdctl'): Binary | undefined;
export function hasPart(part: Part): boolean;
export function cacheFolder(): string;
export function unpackedFolder(part: Part): string;
export function libraryPath(root: string): string;
