import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { recordedKubernetes } from '../../src/kubernetes/recorded-client.ts';
import type { Report } from '../../src/report/report.ts';
import { askWhy } from '../support/why.ts';

let folder: string | undefined;

afterEach(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true });
  folder = undefined;
});

/** A recorded pod, asked about as if its log had begun with these lines. */
async function askWithLog(name: string, lines: readonly string[]): Promise<Report> {
  folder = await mkdtemp(join(tmpdir(), 'quorum-printed-'));
  await cp(join(import.meta.dirname, '..', 'fixtures', 'oom', name), folder, { recursive: true });
  const file = join(folder, 'previous.txt');
  const log = await readFile(file, 'utf8').catch(() => '');
  await writeFile(file, `${lines.join('\n')}\n${log}`);
  return askWhy(await recordedKubernetes(folder, 'recorded'), 'x');
}

const said = (report: Report) => JSON.stringify([report.findings, report.sections]);

test('a heap that the JVM printed beats what its version, its limit and the node’s kernel make likely', async () => {
  const reckoned = await askWithLog('limit-17-on-kernel-6.12', []);
  expect(reckoned.data.heap).toMatchObject({ maxHeapBytes: 4_070_572_032 });
  await rm(folder ?? '', { recursive: true });

  const report = await askWithLog('limit-17-on-kernel-6.12', [
    '   size_t InitialHeapSize                          = 16777216    {product} {ergonomic}',
    '   size_t MaxHeapSize                              = 268435456   {product} {ergonomic}',
  ]);
  expect(report.data.heap).toMatchObject({ initialHeapBytes: 16_777_216, maxHeapBytes: 268_435_456 });
  expect(said(report)).toContain('as the JVM itself printed: ');
  expect(report.summary).not.toContain('heap may grow');
});

test('the memory that it printed tells that it sees the node, and the claim is a fact then', async () => {
  const reckoned = await askWithLog('limit-17-on-kernel-6.12', []);
  const node = Number(reckoned.data.nodeBytes) / 1024 ** 2;
  await rm(folder ?? '', { recursive: true });
  const exact = await askWithLog('limit-17-on-kernel-6.12', [`[0.004s][info][gc,init] Memory: ${Math.floor(node)}M`]);
  expect(said(exact)).toContain('its log tells the memory of the node');
  expect(exact.data.heap).toMatchObject({ containerAware: false });
});

test('where the version is not known the printed heap is what is reckoned with', async () => {
  const report = await askWithLog('limit-unknown-jdk-evidence-picks', [
    '    uintx MaxHeapSize                              := 2088763392          {product}',
  ]);
  expect(said(report)).toContain('1992 MiB');
});
