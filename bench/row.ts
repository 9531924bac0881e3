import type { Comparison } from './rounds.ts';

/** What a row is held against; where there is no aim it only tells. */
export type Aim =
  | { readonly kind: 'ratio'; readonly atMost: number; readonly words?: string }
  | { readonly kind: 'ours'; readonly atMost: number }
  | { readonly kind: 'none' };

/** One line of the result. */
export type Row = Comparison & {
  readonly what: string;
  readonly baselineIs: string;
  readonly unit: 'ms' | 'MB';
  readonly aim: Aim;
  /** null where there is no aim. */
  readonly isMet: boolean | null;
  /** How to read it: what is counted and what is not. */
  readonly note?: string;
};

export function row(
  comparison: Comparison,
  words: Pick<Row, 'what' | 'baselineIs' | 'aim' | 'note'> & { readonly unit?: Row['unit'] },
): Row {
  const { aim } = words;
  const value = aim.kind === 'ratio' ? comparison.ratio : comparison.ours;
  return { unit: 'ms', ...words, ...comparison, isMet: aim.kind === 'none' ? null : value <= aim.atMost };
}

const titles = ['what', 'ours', 'held against', 'ratio', 'aim', 'met'];

/** A table for a terminal, the notes below it. */
export function renderTable(rows: readonly Row[]): string {
  const lines = [titles, ...rows.map(cells)];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const notes = rows.flatMap(({ what, note }) => (note === undefined ? [] : [`${what}: ${note}`]));
  return `${[...table, '', ...notes].join('\n')}\n`;
}

/** The same for README. */
export function renderMarkdown(rows: readonly Row[]): string {
  const line = (parts: readonly string[]) => `| ${parts.join(' | ')} |`;
  const notes = rows.flatMap(({ what, note }) => (note === undefined ? [] : [`- ${what}: ${note}`]));
  return `${[line(titles), line(titles.map(() => '---')), ...rows.map((each) => line(cells(each))), '', ...notes].join('\n')}\n`;
}

function cells({ what, ours, baseline, baselineIs, ratio, unit, aim, isMet }: Row): string[] {
  return [
    what,
    `${amount(ours)} ${unit}`,
    `${baselineIs}: ${amount(baseline)} ${unit}`,
    ratio.toFixed(2),
    aimText(aim, unit),
    isMet === null ? '' : isMet ? 'yes' : 'no',
  ];
}

function aimText(aim: Aim, unit: string): string {
  if (aim.kind === 'none') return '';
  if (aim.kind === 'ours') return `≤ ${aim.atMost} ${unit}`;
  return aim.words === undefined ? `≤ ${aim.atMost}` : `≤ ${aim.atMost} (${aim.words})`;
}

function amount(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
