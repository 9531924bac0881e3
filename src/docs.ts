import { readFileSync, writeFileSync } from 'node:fs';
import { commands } from '../commands/index.ts';
import { emptyConfig } from './config.ts';
import { commandsPage, configurationPage, withCommandTable } from './documentation.ts';
import { rbacFor } from './kubernetes/rbac-words.ts';

/** The pages that are made from the code, by path below the project's folder. */
export function madePages(root: string): Readonly<Record<string, string>> {
  const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8');
  return {
    'README.md': withCommandTable(read('README.md'), commands),
    'docs/commands.md': commandsPage(commands),
    'docs/configuration.md': configurationPage(read('docs/quorum.example.yaml')),
    'deploy/kubernetes/rbac.yaml': rbacFor(emptyConfig(), {}),
  };
}

/** Writes the pages that are made from the code; run by `npm run docs` in the project's folder. */
export function main(): number {
  for (const [path, text] of Object.entries(madePages('.'))) writeFileSync(path, text);
  return 0;
}
