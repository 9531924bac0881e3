import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { recordedKubernetes } from '../../src/kubernetes/recorded-client.ts';
import { renderThread } from '../../src/report/blocks.ts';
import type { Report } from '../../src/report/report.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { visibleReport } from '../../src/report/visible-text.ts';
import { askWhy } from '../support/why.ts';

/** What is expected of one recorded pod, derived from the facts about JVMs and Kubernetes and not from what the bot says. */
type Expected = {
  readonly cause: string;
  readonly grade?: string;
  readonly container: string;
  readonly isJava?: boolean;
  readonly limitBytes?: number | null;
  readonly maxHeapBytes?: number;
  /** Parts of the summary, of what is advised first, and of the whole report. */
  readonly verdict: string;
  readonly advice: string;
  readonly flags?: readonly string[];
  readonly says: readonly string[];
  readonly neverSays: readonly string[];
};

const folder = join(import.meta.dirname, '..', 'fixtures', 'oom');
const cases = readdirSync(folder).sort();

test.each(cases)('%s is told as it was', async (name) => {
  const expected: Expected = JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8'));
  const report = visibleReport(await askWhy(await recordedKubernetes(join(folder, name), 'recorded'), 'x'));
  const { data, findings, summary } = report;
  const all = renderTerminal(report, 'plain');
  const heap = (data.heap ?? {}) as { readonly maxHeapBytes?: number };
  const recommendation = (data.recommendation ?? {}) as { readonly flags?: readonly string[] };

  expect({ cause: data.cause, container: data.container }).toEqual({
    cause: expected.cause,
    container: expected.container,
  });
  expect(summary).toContain(expected.verdict);
  expect(findings[0]?.advice).toContain(expected.advice);
  if (expected.grade !== undefined) expect(findings[0]?.grade).toBe(expected.grade);
  if (expected.isJava !== undefined) expect(data.isJava).toBe(expected.isJava);
  if (expected.limitBytes !== undefined) expect(data.limitBytes).toBe(expected.limitBytes);
  if (expected.maxHeapBytes !== undefined) expect(heap.maxHeapBytes).toBe(expected.maxHeapBytes);
  if (expected.flags !== undefined) expect(recommendation.flags).toEqual(expect.arrayContaining([...expected.flags]));
  for (const words of expected.says) expect(all).toContain(words);
  for (const words of expected.neverSays) expect(all).not.toContain(words);
  expect([...summary].length).toBeLessThanOrEqual(120);
  expect(pingsIn(report)).toEqual([]);
});

test('every cause there is has been recorded', () => {
  const recorded = cases.map((name) => JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')).cause);
  expect([...new Set(recorded)].sort()).toEqual([
    'array-size',
    'bad-flags',
    'child-process',
    'completed',
    'compressed-class-space',
    'direct-memory',
    'error-exit',
    'evicted',
    'gc-overhead',
    'heap',
    'limit',
    'metaspace',
    'native-crash',
    'native-threads',
    'node-oom',
    'none',
    'pod-limit',
    'probe-kill',
    'sigkill-unknown',
    'sigterm',
    'stack-overflow',
    'unknown',
  ]);
  expect(cases.length).toBeGreaterThanOrEqual(40);
});

/** Markup in what Slack would read as such: the plain texts and mrkdwn of all messages. The date and the asker are the bot's own. */
function pingsIn(report: Report): string[] {
  const { root, details, more } = renderThread(report, { line: '/oom why x', userId: 'U1' }, undefined);
  const read: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('type' in value && value.type === 'mrkdwn' && 'text' in value) read.push(String(value.text));
    for (const inner of Object.values(value)) walk(inner);
  };
  for (const message of [root, details, more])
    if (message !== undefined) {
      read.push(message.text);
      walk(message);
    }
  return read.flatMap((text) => text.match(/<(?!!date\^|@U1>)[!@#h][^>]*>/g) ?? []);
}
