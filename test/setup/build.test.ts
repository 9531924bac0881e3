import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { build, isBuilt } from '../../scripts/build.mjs';
import { makeFolder, removeFolder } from '../support/process.ts';

const projectRoot = join(import.meta.dirname, '..', '..');
let root: string;

beforeEach(() => {
  root = makeFolder('quorum-build');
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  for (const name of ['tsconfig.json', 'tsconfig.build.json', 'package.json']) {
    writeFileSync(join(root, name), readFileSync(join(projectRoot, name)));
  }
  write('src/greeting.ts', "export const greeting: string = 'good morning';\n");
  write('src/cli.ts', "import { greeting } from './greeting.ts';\nexport const said = greeting;\n");
  write('test/support/slack/page.html', '<title>page</title>');
});
afterEach(() => removeFolder(root));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function read(path: string): string {
  return readFileSync(join(root, 'dist', path), 'utf8');
}

describe('The build', () => {
  test('compiles once, copies what is not TypeScript, and does nothing until a source changes', async () => {
    expect(await build({ root })).toBe(true);
    expect(read('src/cli.js')).toContain("from './greeting.js'");
    expect(read('test/support/slack/page.html')).toBe('<title>page</title>');
    expect(await build({ root })).toBe(false);

    write('src/greeting.ts', "export const greeting: string = 'good evening';\n");
    rmSync(join(root, 'test/support/slack/page.html'));
    expect(isBuilt(root)).toBe(false);
    expect(await build({ root })).toBe(true);
    expect(read('src/greeting.js')).toContain('good evening');
    expect(existsSync(join(root, 'dist/test/support/slack/page.html'))).toBe(false);
  });

  test('clears away what a killed one left', async () => {
    write('dist.99999/src/cli.js', '');
    await build({ root });
    expect(readdirSync(root).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
  });

  test('keeps the last good one where a source does not compile, and says where', async () => {
    await build({ root });
    write('src/greeting.ts', 'export const greeting: string = 7;\n');
    await expect(build({ root })).rejects.toThrow("src/greeting.ts(1,14): error TS2322: Type 'number'");
    expect(read('src/greeting.js')).toContain('good morning');
    expect(readdirSync(root).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
    expect(isBuilt(root)).toBe(false);
  });

  test('is done by one of several processes that ask at the same time', async () => {
    const script = `import(${JSON.stringify(join(projectRoot, 'scripts/build.mjs'))}).then(async ({ build }) => {
      process.stdout.write(String(await build({ root: ${JSON.stringify(root)} })));
    })`;
    const ask = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        child.stdout.on('data', (chunk) => {
          text += chunk;
        });
        child.on('error', reject);
        child.on('close', () => resolve(text));
      });
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(answers.sort()).toEqual(['false', 'false', 'true']);
    expect(read('src/cli.js')).toContain('greeting');
  });
});
