export function installNodeModules(options?: { root?: string; log?: (line: string) => void }): Promise<boolean>;
