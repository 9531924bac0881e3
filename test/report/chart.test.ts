import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { memoryChart, type Pictured } from '../../src/kubernetes/memory-chart.ts';
import type { Sample } from '../../src/kubernetes/memory-history.ts';
import type { Chart } from '../../src/report/chart.ts';
import { drawChart } from '../../src/report/chart-client.ts';
import { binaryTicks, chartSvg } from '../../src/report/chart-svg.ts';
import { rise } from '../support/memory-shapes.ts';

const mebi = 1024 ** 2;
const minute = 60_000;
const fromMs = Date.parse('2026-11-03T09:00:00Z');
const toMs = fromMs + 60 * minute;

function pictured(
  more: Partial<Omit<Pictured, 'history'>> & { readonly history?: Partial<Pictured['history']> } = {},
): Pictured {
  const runs: Sample[][] = [
    [
      [fromMs, 100 * mebi],
      [fromMs + 10 * minute, 300 * mebi],
      [fromMs + 20 * minute, 500 * mebi],
    ],
    [
      [fromMs + 30 * minute, 100 * mebi],
      [toMs, 400 * mebi],
    ],
  ];
  return {
    title: 'OOM-killed (7 restarts): heap may grow to 1992 MiB in 512 MiB; set -Xmx292m',
    namespace: 'shop',
    pod: 'checkout-7d9f8b6c54-x2x9k',
    container: 'checkout',
    limitBytes: 512 * mebi,
    heapMaxBytes: 1992 * mebi,
    ended: { atMs: fromMs + 20.5 * minute, reason: 'OOMKilled' },
    ...more,
    history: {
      source: 'prometheus',
      fromMs,
      toMs,
      everyMs: 10 * minute,
      runs,
      endsMs: [fromMs + 20 * minute],
      heapRuns: [],
      limits: [],
      ...more.history,
    },
  };
}

/** The texts of a picture, in the order of drawing. */
function textsOf(chart: Chart): string[] {
  return [...chartSvg(chart).matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text ?? '');
}

describe('the picture of memory against its limit', () => {
  test('says the verdict, the pod, the peak, each height by its name and size, the kill and its time, and the zone', () => {
    expect(textsOf(memoryChart(pictured()))).toEqual([
      'OOM-killed (7 restarts): heap may grow to 1992 MiB in',
      '512 MiB; set -Xmx292m',
      'shop/checkout-7d9f8b6c54-x2x9k · peak 500 MiB at 09:20',
      '3 Nov 2026 · Prometheus, a value every 10 min',
      '0',
      '128 MiB',
      '256 MiB',
      '384 MiB',
      '512 MiB',
      '09:00',
      '09:15',
      '09:30',
      '09:45',
      '10:00',
      'UTC',
      'OOM-killed 09:20',
      'limit',
      '512 MiB',
      'working set',
      'last 400 MiB',
      '↑ the heap may grow to 1992 MiB',
    ]);
  });

  test('is the same SVG each time, its runs not connected', () => {
    const svg = chartSvg(memoryChart(pictured()));
    expect(svg).toBe(readFileSync(new URL('../fixtures/chart/sawtooth.svg', import.meta.url), 'utf8').trimEnd());
    expect(svg).toContain('<path d="M136,518L274,402.1L412,286.2M550,518L964,344.2" fill="none" stroke="#0072b2"');
  });

  test('shows a largest heap that lies within reach, and the heap that the JVM says it has rather than one reckoned', () => {
    const heap = rise({ fromMs, toMs, everyMs: minute }, { from: 60, to: 120 });
    const shown = textsOf(memoryChart(pictured({ history: { heapRuns: [heap], heapMaxBytes: 128 * mebi } })));
    expect(shown).toEqual(expect.arrayContaining(['largest heap', '128 MiB', 'heap used']));
    expect(shown.join(' ')).not.toContain('1992 MiB ↑');
  });

  test('says that there is no limit, and tells ends that were concluded from those that are known', () => {
    const chart = memoryChart(pictured({ limitBytes: undefined, heapMaxBytes: undefined, ended: undefined }));
    expect(textsOf(chart)).toEqual(expect.arrayContaining(['no memory limit', 'ended 09:20']));
    expect(chart.levels).toEqual([]);
    expect(chart.alt).toContain('There is no limit.');
  });

  test('moves a limit that was changed', () => {
    const limits: Sample[] = [
      [fromMs, 256 * mebi],
      [fromMs + 10 * minute, 256 * mebi],
      [fromMs + 25 * minute, 512 * mebi],
    ];
    const { levels } = memoryChart(pictured({ history: { limits } }));
    expect(levels).toEqual([
      {
        name: 'limit',
        role: 'limit',
        bytes: 536_870_912,
        steps: [
          [fromMs / 1000, 268_435_456],
          [fromMs / 1000 + 1500, 536_870_912],
        ],
      },
    ]);
  });

  test('shows few values as dots, and one alone too', () => {
    const one: Sample[][] = [[[fromMs + 5 * minute, 300 * mebi]]];
    const svg = chartSvg(memoryChart(pictured({ history: { runs: one } })));
    expect(svg.match(/<circle/g)).toHaveLength(1);
    expect(svg).not.toContain('NaN');
  });

  test('of 10,000 values keeps as many as it has room for', () => {
    const run = rise({ fromMs: toMs - 7 * 24 * 60 * minute, toMs, everyMs: minute }, { from: 100, to: 400 });
    const chart = memoryChart(pictured({ history: { fromMs: toMs - 7 * 24 * 60 * minute, runs: [run], endsMs: [] } }));
    expect(run).toHaveLength(10_081);
    expect(chart.lines.flatMap(({ parts }) => parts.flat()).length).toBeLessThanOrEqual(600);
    expect(textsOf(chart)).toEqual(expect.arrayContaining(['28 Oct', '3 Nov']));
  });

  test('keeps text from outside as text', () => {
    const svg = chartSvg(
      memoryChart(pictured({ title: '</text><script>alert("x")</script> & <!channel>', pod: 'a->b 2x9'.repeat(40) })),
    );
    expect(svg).toContain('&lt;/text&gt;&lt;script&gt;alert(&quot;x&quot;)');
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('a-&gt;b 2x9');
  });

  test('is said in words to those who cannot see it', () => {
    const { alt } = memoryChart(pictured());
    expect(alt).toBe(
      'Memory of shop/checkout-7d9f8b6c54-x2x9k from 3 Nov 09:00 to 3 Nov 10:00 UTC. The working set was at most 500 MiB, at 09:20. The limit is 512 MiB. OOM-killed 09:20.',
    );
    expect(memoryChart(pictured({ pod: 'x'.repeat(2000) })).alt.length).toBeLessThanOrEqual(1000);
  });

  test('has heights that are whole in binary units', () => {
    expect(binaryTicks(550 * mebi).map((bytes) => bytes / mebi)).toEqual([0, 128, 256, 384, 512]);
    expect(binaryTicks(3.9 * 1024 * mebi).map((bytes) => bytes / mebi)).toEqual([0, 1024, 2048, 3072]);
    expect(binaryTicks(90 * mebi).map((bytes) => bytes / mebi)).toEqual([0, 16, 32, 48, 64, 80]);
  });
});

test('the PNG is 1200 by 680 and holds text although the machine may have no font', async () => {
  const chart = memoryChart(pictured());
  const png = Buffer.from(await drawChart(chart));
  expect(png.subarray(0, 8)).toEqual(Buffer.from('89504e470d0a1a0a', 'hex'));
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 680]);
  expect(darkPixels(png, 0, 110)).toBeGreaterThan(5000);
  expect(darkPixels(Buffer.from(await drawChart({ ...chart, title: '' })), 0, 60)).toBe(0);
});

/** How many pixels of the rows are nearly black: of a picture of 8 bits and 4 channels without interlacing, as it is drawn here. */
function darkPixels(png: Buffer, fromRow: number, toRow: number): number {
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const raw = inflateSync(Buffer.concat(parts));
  const rowBytes = png.readUInt32BE(16) * 4;
  const before = Buffer.alloc(rowBytes);
  let dark = 0;
  for (let row = 0; row < toRow; row++) {
    const filter = raw[row * (rowBytes + 1)];
    const line = raw.subarray(row * (rowBytes + 1) + 1, (row + 1) * (rowBytes + 1));
    for (let index = 0; index < rowBytes; index++) {
      const left = index < 4 ? 0 : (line[index - 4] ?? 0);
      const up = before[index] ?? 0;
      const corner = index < 4 ? 0 : (before[index - 4] ?? 0);
      line[index] = (line[index] ?? 0) + predicted(filter, left, up, corner);
    }
    if (row >= fromRow) for (let index = 0; index < rowBytes; index += 4) if ((line[index] ?? 255) < 80) dark++;
    line.copy(before);
  }
  return dark;
}

/** Source: https://www.w3.org/TR/png-3/#9Filters */
function predicted(filter: number | undefined, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return Math.floor((left + up) / 2);
  if (filter !== 4) return 0;
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
}
