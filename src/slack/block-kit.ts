import type { JsonObject } from '../report/report.ts';
import { shortened } from '../report/text.ts';
import { type Block, escaped, type Message } from './message.ts';

// The few block types that messages are built of. Text in rich text has no markup: nothing from outside pings or formats there.

/** A message whose plain form is given beside it. */
export function message(
  text: string,
  blocks: readonly Block[],
  plainBlocks: readonly Block[],
  form: 'raw' | 'escaped' = 'raw',
): Message {
  return { text: form === 'escaped' ? text : escaped(shortened(text, 2000)), blocks, plainBlocks };
}

/** Escaped, and with the characters that mrkdwn formats by taken out of play. */
export function escapedMarkup(text: string): string {
  return escaped(text).replace(/[*_~`]/g, (character) => `\u200b${character}\u200b`);
}

export function section(text: string): Block {
  return { type: 'section', text: { type: 'mrkdwn', text } };
}

export function context(text: string): Block {
  return { type: 'context', elements: [{ type: 'mrkdwn', text }] };
}

export function rich(elements: readonly JsonObject[]): Block {
  return { type: 'rich_text', elements };
}

export function span(elements: readonly JsonObject[]): JsonObject {
  return { type: 'rich_text_section', elements };
}

export function preformatted(text: string): JsonObject {
  return { type: 'rich_text_preformatted', elements: [plain(text === '' ? ' ' : text)] };
}

/** Quorum's own words: what stands in backticks is code. */
export function quoted(text: string, style: JsonObject): JsonObject[] {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? code(part) : { type: 'text', text: part, style }))
    .filter((element) => element.text !== '');
}

export function plain(text: string): JsonObject {
  return { type: 'text', text };
}

export function bold(text: string): JsonObject {
  return { type: 'text', text, style: { bold: true } };
}

export function code(text: string): JsonObject {
  return { type: 'text', text, style: { code: true } };
}

export function emoji(name: string): JsonObject {
  return { type: 'emoji', name };
}

export function dateElement(iso: string): JsonObject {
  return {
    type: 'date',
    timestamp: Math.floor(Date.parse(iso) / 1000),
    format: '{date_short_pretty} {time_secs}',
    fallback: iso,
  };
}
