import { scaleLinear, scaleUtc } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import type { Chart, ChartMark, ChartPoint } from './chart.ts';
import { formatBytes, shortened } from './text.ts';
import { utcClock, utcDay } from './utc.ts';

/** In pixels. A phone shows it at 360: what is to be read there has to be 28 here. */
export const chartWidth = 1200;
export const chartHeight = 680;
/** The family of the font files that the picture is drawn with. */
export const chartFont = 'IBM Plex Sans';

/** Told apart by everybody: Okabe and Ito, https://jfly.uni-koeln.de/color/ */
const colours = {
  'working-set': '#0072b2',
  heap: '#00805f',
  limit: '#c44f00',
  'heap-max': '#00805f',
  text: '#1d1c1d',
  soft: '#616061',
  grid: '#e4e4e4',
} as const;

const left = 136;
const right = 964;
const bottom = 576;
const titleSize = 38;
const textSize = 28;
const lineHeight = 34;
/** Characters of the title's size that fit beside each other. */
const titleCharacters = 56;

/** The picture as SVG. The same chart gives the same text. */
export function chartSvg(chart: Chart): string {
  const title = wrapped(chart.title, titleCharacters);
  const subtitleY = 20 + title.length * 46 + 28;
  const top = subtitleY + (chart.marks.length > 0 ? 74 : 36);
  const highest = Math.max(
    1,
    ...chart.levels.flatMap(({ bytes, steps = [] }) => [bytes, ...steps.map(([, value]) => value)]),
    ...chart.lines.flatMap(({ parts }) => parts.flat().map(([, bytes]) => bytes)),
  );
  const x = scaleUtc([chart.fromSeconds * 1000, chart.toSeconds * 1000], [left, right]);
  // A remark stands above the highest line.
  const ceiling = highest * (chart.remark === undefined ? 1.08 : 1.22);
  const y = scaleLinear([0, ceiling], [bottom, top]);
  const xOf = ([seconds]: ChartPoint) => x(seconds * 1000);
  const yOf = ([, bytes]: ChartPoint) => y(bytes);
  const lineOf = line<ChartPoint>(xOf, yOf).digits(1);
  const areaOf = area<ChartPoint>(xOf, bottom, yOf).digits(1);
  const stepOf = line<ChartPoint>(xOf, yOf).curve(curveStepAfter).digits(1);

  const drawn: string[] = [];
  for (const bytes of binaryTicks(ceiling)) {
    drawn.push(rule({ x1: left, x2: right, y1: y(bytes), y2: y(bytes) }, colours.grid, 2));
    drawn.push(
      text(left - 14, y(bytes) + 10, bytes === 0 ? '0' : formatBytes(bytes), { anchor: 'end', colour: colours.soft }),
    );
  }
  const ticks = x.ticks(6).map((at) => at.getTime());
  for (const atMs of ticks) {
    drawn.push(rule({ x1: x(atMs), x2: x(atMs), y1: bottom, y2: bottom + 8 }, colours.soft, 2));
    const isDay = new Date(atMs).getUTCHours() === 0 && new Date(atMs).getUTCMinutes() === 0;
    drawn.push(
      text(x(atMs), bottom + 40, isDay ? utcDay(atMs) : utcClock(atMs), { anchor: 'middle', colour: colours.soft }),
    );
  }
  drawn.push(text(right + 60, bottom + 40, 'UTC', { colour: colours.soft }));

  for (const { role, parts } of chart.lines.filter((each) => each.role === 'working-set')) {
    const areas = parts.filter(({ length }) => length > 1).map((part) => areaOf(part) ?? '');
    drawn.push(`<path d="${areas.join('')}" fill="${colours[role]}" fill-opacity="0.12"/>`);
  }
  for (const { role, bytes, steps } of chart.levels) {
    const points: ChartPoint[] = [...(steps ?? [[chart.fromSeconds, bytes]]), [chart.toSeconds, bytes]];
    drawn.push(path(stepOf(points) ?? '', colours[role], role === 'limit' ? 4 : 3, role === 'limit' ? '' : '10 8'));
  }
  for (const { role, parts } of chart.lines) {
    const width = role === 'working-set' ? 4 : 3;
    const lines = parts.filter(({ length }) => length > 1).map((part) => lineOf(part) ?? '');
    if (lines.length > 0) drawn.push(path(lines.join(''), colours[role], width, ''));
    // Few values are shown as what they are; one alone would not be seen otherwise.
    const isFew = parts.flat().length <= 24;
    for (const point of parts.flatMap((part) => (isFew || part.length === 1 ? part : [])))
      drawn.push(
        `<circle cx="${round(xOf(point))}" cy="${round(yOf(point))}" r="${width + 2}" fill="${colours[role]}"/>`,
      );
  }
  drawn.push(...marks(chart.marks, (seconds) => x(seconds * 1000), top));
  drawn.push(...endLabels(chart, y, top));
  if (chart.remark !== undefined) {
    const remark = shortened(chart.remark, 54);
    drawn.push(
      `<rect x="${left + 6}" y="${top + 13}" width="${round(widthOf(remark) + 16)}" height="36" fill="#ffffff"/>`,
    );
    drawn.push(text(left + 14, top + 40, remark, { colour: colours.text }));
  }

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${chartWidth}" height="${chartHeight}" viewBox="0 0 ${chartWidth} ${chartHeight}" font-family="${chartFont}" font-size="${textSize}">`,
    `<rect width="${chartWidth}" height="${chartHeight}" fill="#ffffff"/>`,
    ...title.map((words, index) =>
      text(32, 58 + index * 46, words, { colour: colours.text, size: titleSize, weight: 600 }),
    ),
    text(32, subtitleY, shortened(chart.subtitle, 78), { colour: colours.soft }),
    text(32, chartHeight - 20, shortened(chart.footer, 78), { colour: colours.soft }),
    ...drawn,
    '</svg>',
  ].join('\n');
}

/** Sizes that are whole in binary units, three to six of them. */
export function binaryTicks(highestBytes: number): number[] {
  let step = 1024;
  while (highestBytes / step >= 6) step *= 2;
  return Array.from({ length: Math.floor(highestBytes / step) + 1 }, (_, index) => index * step);
}

/** A cross at each moment and its time where there is room, the latest first; what it was is said of kills and of the latest. */
function marks(all: readonly ChartMark[], xOf: (seconds: number) => number, top: number): string[] {
  const drawn: string[] = [];
  let free = right + 160;
  const latestFirst = [...all].sort((a, b) => b.atSeconds - a.atSeconds);
  for (const [index, { atSeconds, kind, name }] of latestFirst.entries()) {
    const at = xOf(atSeconds);
    const colour = kind === 'kill' ? colours.limit : colours.soft;
    drawn.push(rule({ x1: at, x2: at, y1: top, y2: bottom }, colour, 2, kind === 'kill' ? '' : '3 7'));
    drawn.push(
      `<path d="M${round(at - 9)},${top - 9}l18,18m0,-18l-18,18" stroke="${colour}" stroke-width="4" fill="none"/>`,
    );
    const clock = utcClock(atSeconds * 1000);
    const words = kind === 'kill' || index === 0 ? [`${name} ${clock}`, clock] : [clock];
    const fitting = words.map((word) => ({ word, half: widthOf(word) / 2 })).find(({ half }) => at + half < free);
    if (fitting === undefined) continue;
    const middle = Math.max(left + fitting.half - 100, at);
    drawn.push(text(middle, top - 20, fitting.word, { anchor: 'middle', colour }));
    free = middle - fitting.half - 14;
  }
  return drawn;
}

/** Names of lines and levels beside their ends, pushed apart where they would lie upon each other. */
function endLabels(chart: Chart, y: (bytes: number) => number, top: number): string[] {
  const labels = [
    ...chart.levels.map(({ name, role, bytes }) => ({ name, value: formatBytes(bytes), role, at: y(bytes) })),
    ...chart.lines.flatMap(({ name, role, parts }) => {
      const last = parts.at(-1)?.at(-1);
      return last === undefined ? [] : [{ name, value: `last ${formatBytes(last[1])}`, role, at: y(last[1]) }];
    }),
  ].sort((a, b) => a.at - b.at);
  const high = 2 * lineHeight + 8;
  let free = top + 4;
  const placed = labels.map((label) => {
    const at = Math.max(free, label.at - lineHeight + 8);
    free = at + high;
    return { ...label, at };
  });
  // Those that were pushed below the axis are pushed back up.
  let floor = bottom + 8;
  for (const label of [...placed].reverse()) {
    label.at = Math.min(label.at, floor - high);
    floor = label.at;
  }
  return placed.flatMap(({ name, value, role, at }) => [
    text(right + 20, at + 26, name, { colour: colours[role], weight: 600 }),
    text(right + 20, at + 26 + lineHeight, value, { colour: colours[role] }),
  ]);
}

type Style = {
  readonly colour: string;
  readonly anchor?: 'middle' | 'end';
  readonly size?: number;
  readonly weight?: number;
};

function text(x: number, y: number, words: string, { colour, anchor, size, weight }: Style): string {
  const more = [
    anchor === undefined ? '' : ` text-anchor="${anchor}"`,
    size === undefined ? '' : ` font-size="${size}"`,
    weight === undefined ? '' : ` font-weight="${weight}"`,
  ].join('');
  return `<text x="${round(x)}" y="${round(y)}" fill="${colour}"${more}>${escaped(words)}</text>`;
}

type Ends = { readonly x1: number; readonly x2: number; readonly y1: number; readonly y2: number };

function rule({ x1, x2, y1, y2 }: Ends, colour: string, width: number, dashes = ''): string {
  return path(`M${round(x1)},${round(y1)}L${round(x2)},${round(y2)}`, colour, width, dashes);
}

function path(d: string, colour: string, width: number, dashes: string): string {
  const dashed = dashes === '' ? '' : ` stroke-dasharray="${dashes}"`;
  return `<path d="${d}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"${dashed}/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** About: the characters of this font are a little over half as wide as it is high. */
function widthOf(words: string): number {
  return [...words].length * textSize * 0.56;
}

/** At most two lines. */
function wrapped(words: string, characters: number): string[] {
  if ([...words].length <= characters) return [words];
  const cut = words.lastIndexOf(' ', characters);
  const at = cut < characters / 2 ? characters : cut;
  return [words.slice(0, at), shortened(words.slice(at).trimStart(), characters)];
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
