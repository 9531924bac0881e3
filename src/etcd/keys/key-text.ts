import { Refusal } from '../../refusal.ts';
import { grouped, shortened } from '../../report/text.ts';
import { visibleText } from '../../report/visible-text.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A key as it is shown: its text where it is one that can be read, else each other byte as `\xNN`. What is shown can be typed. */
export function keyText(key: Uint8Array): string {
  try {
    const text = decoder.decode(key);
    if (visibleText(text) === text) return text.replaceAll('\\', '\\\\');
  } catch {
    // Not UTF-8: byte by byte.
  }
  return [...key].map(byteText).join('');
}

function byteText(byte: number): string {
  if (byte === 0x5c) return '\\\\';
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** Longer than any key that people type. */
const longestPrefix = 1000;

/**
 * The bytes of a prefix as it was typed: `\xNN` stands for a byte, `\\` for a backslash.
 * @throws Refusal for another backslash, and for what is too long
 */
export function keyBytes(typed: string): Buffer {
  if (typed.length > longestPrefix)
    throw new Refusal(
      `The prefix has ${typed.length} characters.`,
      `At most ${longestPrefix} are taken: name a shorter one.`,
    );
  const parts: readonly string[] = typed.match(/\\x[0-9a-fA-F]{2}|\\\\|[^\\]+|\\/g) ?? [];
  if (parts.includes('\\'))
    throw new Refusal(
      `"${shortened(typed, 60)}" has a backslash that stands for nothing.`,
      "A byte is written as '\\x00', a backslash as '\\\\', both in single quotes.",
    );
  return Buffer.concat(
    parts.map((part) =>
      part.startsWith('\\x') ? Buffer.from(part.slice(2), 'hex') : Buffer.from(part === '\\\\' ? '\\' : part),
    ),
  );
}

/** `1 key`, `1,203,442 keys`. */
export function keyCount(amount: number): string {
  return amount === 1 ? '1 key' : `${grouped(amount)} keys`;
}
