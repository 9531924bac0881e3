import { styleText } from 'node:util';
import type { Finding, Report, Section, Severity } from './report.ts';
import { alignedTable } from './text.ts';

/** Whether a terminal that shows colours reads it, or a pipe, a file or a test. */
export type Colours = 'coloured' | 'plain';

type Style = Parameters<typeof styleText>[0];

const severityStyle: Record<Severity, Style> = { critical: ['bold', 'red'], warning: ['bold', 'yellow'], info: 'cyan' };
const verdictMark = { ok: '✔', findings: '✖', unknown: '?', refused: '✖' } as const;
const verdictStyle: Record<Report['verdict'], Style> = {
  ok: ['bold', 'green'],
  findings: ['bold', 'red'],
  unknown: ['bold', 'yellow'],
  refused: ['bold', 'yellow'],
};

/** A report as a terminal shows it: the verdict first, then each finding, then the details. */
export function renderTerminal(report: Report, colours: Colours): string {
  const paint = (style: Style, text: string) =>
    colours === 'coloured' ? styleText(style, text, { validateStream: false }) : text;
  const seen = `as of ${report.asOf}${report.seenFrom === undefined ? '' : `, seen from ${report.seenFrom}`}`;
  const parts = [
    [
      `${paint(verdictStyle[report.verdict], `${verdictMark[report.verdict]} ${printable(report.summary)}`)}`,
      paint('dim', seen),
    ].join('\n'),
    ...report.findings.map((finding) => findingText(finding, report, paint)),
    ...report.sections.map((section) => sectionText(section, paint)),
    ...(report.copy === undefined ? [] : [`${paint('bold', 'Next')}\n  ${printable(report.copy)}`]),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Control characters from outside could move the cursor or recolour the screen: they are shown, not obeyed. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '�');
}

function findingText(finding: Finding, report: Report, paint: (style: Style, text: string) => string): string {
  const head =
    report.verdict === 'refused'
      ? ''
      : `${paint(severityStyle[finding.severity], finding.severity.toUpperCase())}  ${printable(finding.claim)}`;
  const grade = finding.grade === 'fact' ? '' : ` (${finding.grade})`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['seen', finding.evidence === '' ? undefined : finding.evidence + grade],
    ['since', finding.since],
    ['means', finding.impact],
    ['do', finding.advice],
    ['run', finding.command],
  ];
  return [
    head,
    ...rows.flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [indented(paint('dim', name.padEnd(7)), printable(value))],
    ),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function indented(name: string, value: string): string {
  return `  ${name}${value.replaceAll('\n', `\n${' '.repeat(9)}`)}`;
}

/** One section as lines. */
export function sectionText(section: Section, paint: (style: Style, text: string) => string): string {
  const title = section.title === undefined ? [] : [paint('bold', section.title)];
  const body = section.kind === 'table' ? alignedTable(section.columns, section.rows) : section.text;
  return [
    ...title,
    ...printable(body)
      .split('\n')
      .map((line) => (section.kind === 'text' ? line : `  ${line}`.trimEnd())),
  ].join('\n');
}
