import type { Words } from '../../command.ts';
import { duration } from '../../config.ts';
import { Refusal } from '../../refusal.ts';
import { shortened } from '../../report/text.ts';
import { keyBytes } from './key-text.ts';

/**
 * The prefix of keys that was typed; '' where none was: all keys.
 * @throws Refusal where there is more than one word, or a backslash that stands for nothing
 */
export function atMostOnePrefix({ positionals, rest }: Pick<Words, 'positionals' | 'rest'>): string {
  const [word = '', second] = [...positionals, ...rest];
  if (second !== undefined) throw new Refusal(`"${shortened(second, 60)}" is one word too many.`, 'Name one prefix.');
  keyBytes(word);
  return word;
}

/** @throws Refusal for what is no number from 1 to the most */
export function wholeNumber(flag: string, text: string | undefined, most: number): number {
  const number = /^\d{1,9}$/.test(text ?? '') ? Number(text) : 0;
  if (number < 1 || number > most)
    throw new Refusal(
      `--${flag} "${shortened(text ?? '', 40)}" is not taken.`,
      `Give a whole number from 1 to ${most}.`,
    );
  return number;
}

/** An API server goes on putting events onto a lease for a minute (`--lease-reuse-duration-seconds`): a lease that old gets no more keys. */
const youngestAgeMs = 5 * 60_000;

/** @throws Refusal for what is no duration, or so short that a lease may still get keys */
export function eventAgeMs(text: string): number {
  const ageMs = duration.safeParse(text.trim()).data ?? 0;
  if (ageMs >= youngestAgeMs) return ageMs;
  throw new Refusal(
    `--older-than "${shortened(text, 60)}" is not taken.`,
    'Write minutes, hours or days, five minutes at the least: 15m, 1h, 2d. Younger leases still get events.',
  );
}

/**
 * The two clusters that were typed, and the prefix.
 * @throws Refusal where there are too few words or too many, and for the same name twice
 */
export function twoClusters({ positionals, rest }: Pick<Words, 'positionals' | 'rest'>): {
  a: string;
  b: string;
  prefix: string;
} {
  const [a = '', b = '', ...prefix] = [...positionals, ...rest];
  if (a === '' || b === '')
    throw new Refusal(
      'Two clusters are wanted.',
      'Name both, as the config calls them: `/etcd compare prod prod-new`.',
    );
  if (a === b) throw new Refusal(`"${shortened(a, 60)}" is named twice.`, 'Name two clusters.');
  return { a, b, prefix: atMostOnePrefix({ positionals: prefix, rest: [] }) };
}
