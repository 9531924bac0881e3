import { Refusal } from './refusal.ts';

const asciiQuotes: Record<string, string> = {
  '“': '"',
  '”': '"',
  '„': '"',
  '«': '"',
  '»': '"',
  '‘': "'",
  '’': "'",
  '‚': "'",
};
const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

/**
 * What a person typed, without what Slack and phones make of it: smart quotes, a dash that stands for `--`,
 * `<https://x|x>`, `<@U1|ann>`, `<#C1|general>`, `<!subteam^S1|@oncall>`, `&amp;`, backticks, zero-width characters.
 * Source: https://api.slack.com/reference/surfaces/formatting#retrieving-messages
 */
export function unmangle(text: string): string {
  return text
    .replace(/[\u200b\u2060\ufeff]/g, '')
    .replace(/<([@#])([A-Z0-9]+)(?:\|[^<>]*)?>/g, '$2')
    .replace(/<!subteam\^([A-Z0-9]+)(?:\|[^<>]*)?>/g, '$1')
    .replace(/<(?:mailto:|tel:)[^<>|]*\|([^<>]*)>/g, '$1')
    .replace(/<((?:https?|ftp):[^<>|\s]+)(?:\|[^<>]*)?>/g, '$1')
    .replace(/&(?:lt|gt|amp);/g, (entity) => entities[entity] ?? entity)
    .replace(/[“”„«»‘’‚]/g, (quote) => asciiQuotes[quote] ?? quote)
    .replace(/(^|\s)[—–]{1,2}(?=[\p{L}\p{N}]|\s|$)/gu, '$1--')
    .replaceAll('`', '');
}

/**
 * Splits a line as a POSIX shell splits words: '…' is literal, "…" knows \" and \\, a backslash outside quotes takes the next character as it is.
 * @throws Refusal where a quote is opened and not closed
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  let quoteOpenedAt = 0;
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    const next = line.charAt(at + 1);
    if (quote === undefined && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === undefined && (character === '"' || character === "'")) {
      quote = character;
      quoteOpenedAt = at;
      word ??= '';
    } else if (character === quote) {
      quote = undefined;
    } else if (
      character === '\\' &&
      next !== '' &&
      (quote === undefined || (quote === '"' && (next === '"' || next === '\\')))
    ) {
      word = (word ?? '') + next;
      at++;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== undefined)
    throw new Refusal(
      `A quote (${quote}) is opened and not closed: ${line.slice(quoteOpenedAt, quoteOpenedAt + 40)}`,
      `Close it with another ${quote}, or write \\${quote} for the character itself.`,
    );
  if (word !== undefined) words.push(word);
  return words;
}
