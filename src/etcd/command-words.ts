import type { Words } from '../command.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';

/** The longest name of a member that is taken: etcd sets no limit, and a message is not to be filled by one. */
const longestWord = 200;

/**
 * The member that was typed; null where none was.
 * @throws Refusal where there is more than one word
 */
export function atMostOneWord({ positionals, rest }: Words): string | null {
  const [word, second] = [...positionals, ...rest];
  if (second !== undefined) throw new Refusal(`"${shortened(second, 60)}" is one word too many.`, 'Name one member.');
  if (word === undefined) return null;
  return demandWord(word);
}

/**
 * The member that was typed.
 * @throws Refusal where there is none, or more than one word
 */
export function oneMember(words: Words): string {
  const word = atMostOneWord(words);
  if (word === null)
    throw new Refusal('Which member is missing.', 'Name it, or give its id: `/etcd members` lists them.');
  return word;
}

/** @throws Refusal for a word that is empty or longer than any name */
export function demandWord(word: string): string {
  const trimmed = word.trim();
  if (trimmed === '') throw new Refusal('The name is empty.', 'Name a member, or give its id.');
  if (trimmed.length > longestWord)
    throw new Refusal(
      `"${shortened(trimmed, 60)}" is too long for a name.`,
      `Names have at most ${longestWord} characters.`,
    );
  return trimmed;
}
