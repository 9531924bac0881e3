export function build(options?: { root?: string; log?: (line: string) => void }): Promise<boolean>;
export function isBuilt(root?: string): boolean;
