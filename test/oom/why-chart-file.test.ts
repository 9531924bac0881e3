import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { answersIn, openTerminal } from '../support/executable.ts';
import { loadRecorded } from '../support/kubernetes/recorded.ts';
import { sawtooth } from '../support/memory-shapes.ts';
import { scrapedHeap, scrapedRuns, startPrometheus } from '../support/prometheus.ts';
import { now } from '../support/why.ts';

const terminal = openTerminal();
const recorded = join(terminal.folder, 'recorded');
const bare = join(terminal.folder, 'bare');
const checkout = { namespace: 'shop', pod: 'checkout-7d9f8b6c54-x2x9k', container: 'checkout' };
const minute = 60_000;

beforeAll(() => {
  const { objects } = loadRecorded({ now });
  const fromMs = now.getTime() - 62 * minute;
  const killsMs = [5, 17, 28.5, 43, 60].map((minutes) => fromMs + minutes * minute);
  const runs = sawtooth({ fromMs, toMs: now.getTime(), everyMs: 15_000 }, killsMs, 1.3 * minute, 512);
  const series = [...scrapedRuns(checkout, runs), ...scrapedHeap(checkout, runs, 1992 * 1024 ** 2)];
  const result = series.map(({ labels, samples }) => ({
    metric: labels,
    values: samples.map(([atMs, value]) => [atMs / 1000, String(value)]),
  }));
  for (const folder of [recorded, bare]) {
    mkdirSync(folder);
    for (const [file, kind, name] of [
      ['pod.json', 'Pod', checkout.pod],
      ['node.json', 'Node', 'node-1'],
    ] as const) {
      const object = objects.find((each) => each.kind === kind && each.metadata.name === name);
      writeFileSync(join(folder, file), JSON.stringify(object));
    }
  }
  writeFileSync(
    join(recorded, 'prometheus.json'),
    JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } }),
  );
});
afterAll(() => terminal.close());

test('quorum run draws the picture of an answer into a new file, and gives scripts its values', async () => {
  const file = join(terminal.folder, 'checkout.png');
  const run = ['run', '/oom why x', '--recorded', recorded, '--output', 'json', '--chart', file];
  const made = await terminal.quorum(run);
  expect(made).toMatchObject({ exitCode: 1, stderr: '' });
  const png = readFileSync(file);
  expect([png.toString('latin1', 1, 4), png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual(['PNG', 1200, 680]);
  const [answer] = answersIn(made).map(({ data }) => data.memory as { workingSet: { at: string; bytes: number }[] });
  expect(answer).toMatchObject({
    source: 'prometheus',
    everyMs: 15_000,
    peakAt: '2026-11-03T09:14:48.000Z',
    heapMaxBytes: 2_088_763_392,
  });
  expect(answer?.workingSet.length).toBeLessThanOrEqual(120);

  const again = await terminal.quorum(run);
  expect(again).toMatchObject({
    exitCode: 2,
    stdout: '',
    stderr: `${file} is there already.\nName a new file, or remove that one first.\n`,
  });
  expect(readFileSync(file)).toEqual(png);
}, 60_000);

test('what has no picture is refused, after its answer where there is one', async () => {
  const [nothing, other, many, ending, nowhere] = await Promise.all([
    terminal.quorum(['run', '/oom why x', '--recorded', bare, '--chart', 'a.png']),
    terminal.quorum(['run', '/oom size --limit 1Gi --jdk 17', '--chart', 'b.png']),
    terminal.quorum(['run', '-', '--chart', 'c.png']),
    terminal.quorum(['run', '/oom why x', '--recorded', recorded, '--chart', 'd.svg']),
    terminal.quorum(['run', '/oom why x', '--recorded', recorded, '--chart', 'missing/e.png']),
  ]);
  expect([nothing, other, many, ending, nowhere].map(({ exitCode }) => exitCode)).toEqual([2, 2, 2, 2, 2]);
  expect(nothing.stdout).toContain('set -Xmx292m');
  expect(nothing.stderr).toContain(
    'No picture: nothing is known of this container’s memory before now.\nName a Prometheus',
  );
  expect(other.stderr).toBe('No picture: /oom size has none.\nPictures come with /oom why.\n');
  expect(many.stderr).toContain('`quorum run -` gives many.');
  expect(ending.stderr).toBe('--chart writes PNG, and d.svg is called otherwise.\nName a file that ends in .png.\n');
  expect(nowhere.stderr).toContain('missing/e.png cannot be written: ');
}, 60_000);

test('quorum check says how many containers a Prometheus knows, or what is wrong with it', async () => {
  const newest = sawtooth(
    { fromMs: Date.now() - 5 * minute, toMs: Date.now() + minute, everyMs: 15_000 },
    [],
    minute,
    512,
  );
  const [full, empty] = await Promise.all([
    startPrometheus({ series: scrapedRuns(checkout, newest) }),
    startPrometheus(),
  ]);
  try {
    const prometheus = { full: { url: full.url }, empty: { url: empty.url }, gone: { url: 'http://127.0.0.1:1' } };
    const config = terminal.file('check.yaml', JSON.stringify({ redis: { url: 'redis://127.0.0.1:1' }, prometheus }));
    const { stdout } = await terminal.quorum(['check', '--config', config]);
    expect(stdout.split('\n').filter((line) => line.includes('prometheus'))).toEqual([
      expect.stringMatching(/^ok {4}prometheus full +knows the memory of 1 container$/),
      expect.stringMatching(
        /^warn {2}prometheus empty +it answers, and knows the memory of no container → let it scrape/,
      ),
      expect.stringMatching(
        /^FAIL {2}prometheus gone +Nobody listens at http:\/\/127\.0\.0\.1:1, the Prometheus of gone/,
      ),
    ]);
  } finally {
    await Promise.all([full.stop(), empty.stop()]);
  }
}, 60_000);
