export function canUsePackages(): Promise<boolean>;
export function fetchPart(part: 'redis' | 'etcd', log: (line: string) => void): Promise<void>;
export function packagesToUnpack(simulation: string): string[];
