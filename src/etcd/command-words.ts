import { isIP } from 'node:net';
import type { Words } from '../command.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { shortAddress } from './certificates.ts';
import { requireCertificatePem } from './peer-certificate.ts';

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

/** More than anybody prepares for. */
const mostSpares = 20;

/**
 * Addresses and names for later nodes, sorted, each once.
 * @throws Refusal for what is neither
 */
export function spareAddresses(words: readonly string[]): string[] {
  const wanted = words.flatMap((word) => word.split(',')).map((word) => word.trim());
  if (wanted.length > mostSpares)
    throw new Refusal(`${wanted.length} spare addresses are too many.`, `Give at most ${mostSpares}.`);
  const odd = wanted.find(
    (word) => isIP(word.replace(/^\[|\]$/g, '')) === 0 && !/^(?!-)[a-z0-9.-]{1,253}(?<!-)$/i.test(word),
  );
  if (odd !== undefined)
    throw new Refusal(
      `--spare "${shortened(odd, 60)}" is no address.`,
      'Give an IP address or a DNS name without scheme and port: --spare 10.0.0.5.',
    );
  return [...new Set(wanted.map((word) => shortAddress(word).toLowerCase()))].sort();
}

/**
 * The new node's certificate: its text, as the terminal has read it from the file or the form has taken it.
 * @throws Refusal for a private key, and for what is no certificate; a path is none
 */
export function certificateOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!text.includes('-----BEGIN') && !text.includes('\n') && text.length < 4096)
    throw new Refusal(
      'A path in --cert is read in a terminal only, from the machine where it is typed.',
      'In Slack, type `/etcd add` alone: the form takes the file.',
    );
  return requireCertificatePem(text);
}

/** @throws Refusal for a word where none is taken */
export function noWords({ positionals, rest }: Words): object {
  const [word] = [...positionals, ...rest];
  if (word !== undefined) throw new Refusal(`"${shortened(word, 60)}" is one word too many.`, 'Type it without.');
  return {};
}

/** The snapshot that was typed. @throws Refusal where there is none, or more than one word */
export function oneSnapshot({ positionals, rest }: Words): string {
  const [word, second] = [...positionals, ...rest];
  if (second !== undefined) throw new Refusal(`"${shortened(second, 60)}" is one word too many.`, 'Name one snapshot.');
  if (word === undefined || word.trim() === '')
    throw new Refusal('Which snapshot is missing.', 'Name it, or say `latest`: `/etcd snapshots` lists them.');
  return demandWord(word);
}

/** @throws Refusal for CORRUPT, which nobody disarms here, and for what is no alarm */
export function requireNoSpace(words: Words): object {
  const word = atMostOneWord(words)?.toUpperCase() ?? 'NOSPACE';
  if (word === 'NOSPACE') return {};
  if (word === 'CORRUPT')
    throw new Refusal(
      'CORRUPT is not disarmed: it says that a member’s data differs from the others’.',
      'Find the member that differs, remove it and add it again with an empty data directory; `/etcd alarms` tells how.',
    );
  throw new Refusal(`There is no alarm "${shortened(word, 60)}".`, 'NOSPACE is the one that can be disarmed.');
}
