import type { Report } from './report.ts';

/**
 * Text from outside on one line, without what cannot be seen: control characters, and those that turn the direction of writing
 * and so make a text read as another one (Unicode TR 36).
 */
export function visibleText(text: string): string {
  return [...text].map((character) => (isInvisible(character) ? ' ' : character)).join('');
}

function isInvisible(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  const isControl = code < 32 || (code >= 127 && code < 160);
  const isDirection =
    code === 0x200e || code === 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return isControl || isDirection;
}

/** A report with every text made visible, each line by itself: names, reasons and messages come from outside. A report is plain JSON. */
export function visibleReport(report: Report): Report {
  return JSON.parse(JSON.stringify(report), (_key, value: unknown) =>
    typeof value === 'string' ? value.split('\n').map(visibleText).join('\n') : value,
  );
}
