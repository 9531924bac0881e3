/** How new flags are put behind what a variable of options holds already, word by word as it was written. */

/** A variable's text with the new flags in it, and what they took the place of. */
export type MergedOptions = {
  readonly value: string;
  /** The words that are no longer there, as they were written. Not redacted. */
  readonly replaced: readonly string[];
  /** The words that stay, as they were written. Not redacted. */
  readonly kept: readonly string[];
  /** A quote that is never closed: no JVM starts with it. */
  readonly unmatchedQuote: boolean;
};

/** Flags that all say how large the heap may become: a new one takes the place of them all. */
const largestHeap = new Set(['-Xmx', '-mx', '-XX:MaxHeapSize', '-XX:MaxRAMPercentage', '-XX:MaxRAMFraction']);
const initialHeap = new Set(['-Xms', '-ms', '-XX:InitialHeapSize']);

/**
 * Keeps what is there and replaces only the same flags. Done twice it changes nothing more.
 * @param present as it was written, with its quotes and its `$(NAME)`s
 */
export function mergeOptions(present: string, flags: readonly string[]): MergedOptions {
  const { words, unmatchedQuote } = writtenWords(present);
  const names = new Set(flags.map(flagFamily));
  const replaced = words.filter(({ text }) => names.has(flagFamily(text)));
  const kept = words.filter(({ text }) => !names.has(flagFamily(text))).map(({ written }) => written);
  return {
    value: [...kept, ...flags].join(' '),
    replaced: replaced.map(({ written }) => written),
    kept,
    unmatchedQuote,
  };
}

/** `-XX:+ExitOnOutOfMemoryError` and `-XX:-ExitOnOutOfMemoryError` are one flag, as are two values of one, and -Xmx and a percentage. */
export function flagFamily(word: string): string {
  const name =
    /^-(?:X(?:mx|ms|mn|ss)|mx|ms|ss)(?=\d)/.exec(word)?.[0] ?? word.replace(/^-XX:[+-]/, '-XX:').replace(/=.*$/s, '');
  if (largestHeap.has(name)) return 'largest heap';
  return initialHeap.has(name) ? 'initial heap' : name;
}

/** Splits at white space as the VM does; quotes hold words together, and stay in `written`. */
function writtenWords(present: string): {
  readonly words: readonly { readonly text: string; readonly written: string }[];
  readonly unmatchedQuote: boolean;
} {
  const words: { text: string; written: string }[] = [];
  let word: { text: string; written: string } | undefined;
  let quote: string | undefined;
  for (const character of present) {
    if (quote === undefined && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word ??= { text: '', written: '' };
    word.written += character;
    if (quote !== undefined && character === quote) quote = undefined;
    else if (quote === undefined && (character === '"' || character === "'")) quote = character;
    else word.text += character;
  }
  if (word !== undefined) words.push(word);
  return { words, unmatchedQuote: quote !== undefined };
}
