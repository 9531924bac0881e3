import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/checks.md'), 'utf8');
const files = [
  'checks',
  'peer-url-checks',
  'certificate-checks',
  'address-family',
  'version-checks',
  'add-plan',
  'promotion',
  'removal',
  'leadership',
  'space/upkeep-checks',
  'space/recovery',
];

/** Titles as the sources give them: `name: '…'`, `const name = '…'`, and the table of certificate faults. */
function titlesIn(file: string): string[] {
  const source = readFileSync(join(root, `src/etcd/${file}.ts`), 'utf8');
  const found = [
    ...source.matchAll(/(?:const name = |name: |ok\()'([^']+)'/g),
    ...source.matchAll(/\[\[?'[a-z-]+'(?:, '[a-z-]+')*\],\s*'([^']+)'/g),
  ];
  return found.map((match) => match[1] ?? '');
}

describe('the page about checks', () => {
  test('tells of every check, and of the failure that it prevents', () => {
    const titles = [...new Set(files.flatMap(titlesIn))];
    expect(titles.length).toBeGreaterThan(30);
    expect(titles.filter((title) => !page.includes(title))).toEqual([]);
  });
});
