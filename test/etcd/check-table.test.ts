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

const workloadFiles = [
  'change-checks',
  'scaling-checks',
  'budget-check',
  'fix-checks',
  'capacity-checks',
  'ask/checks',
];

/** Titles as the sources give them: `name: '…'`, `const name = '…'`, and the table of certificate faults. */
function titlesIn(path: string): string[] {
  const source = readFileSync(join(root, path), 'utf8');
  const found = [
    ...source.matchAll(/(?:const name = |name: |ok\()'([^']+)'/g),
    ...source.matchAll(/\[\[?'[a-z-]+'(?:, '[a-z-]+')*\],\s*'([^']+)'/g),
  ];
  return found.map((match) => match[1] ?? '');
}

describe('the page about checks', () => {
  test('tells of every check, and of the failure that it prevents', () => {
    const titles = [...new Set(files.map((file) => `src/etcd/${file}.ts`).flatMap(titlesIn))];
    expect(titles.length).toBeGreaterThan(30);
    expect(titles.filter((title) => !page.includes(title))).toEqual([]);
  });

  test('tells of every check of a workload', () => {
    const titles = [...new Set(workloadFiles.map((file) => `src/kubernetes/${file}.ts`).flatMap(titlesIn))];
    expect(titles.length).toBe(20);
    expect(titles.filter((title) => !page.includes(`| ${title} |`))).toEqual([]);
  });
});
