import { isIP } from 'node:net';
import type { Words } from '../command.ts';
import { duration } from '../config.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { shortAddress } from './certificates.ts';
import { requireCertificatePem } from './peer-certificate.ts';
import type { Compaction } from './space/compaction.ts';
import type { Care } from './space/upkeep-checks.ts';

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
  return [...new Set(wanted.map((word) => demandAddress('--spare', word)))].sort();
}

/**
 * The address that a flag was given, in one spelling; null where it was not given.
 * @throws Refusal for what is neither an IP address nor a DNS name
 */
export function oneAddress(flag: string, text: string | undefined): string | null {
  return text === undefined ? null : demandAddress(flag, text.trim());
}

function demandAddress(flag: string, word: string): string {
  // Digits and dots alone are a mistyped address and no name.
  const isName = /^(?!-)[a-z0-9.-]{1,253}(?<!-)$/i.test(word) && !/^[\d.]+$/.test(word);
  if (isIP(word.replace(/^\[|\]$/g, '')) === 0 && !isName)
    throw new Refusal(
      `${flag} "${shortened(word, 60)}" is no address.`,
      `Give an IP address or a DNS name without scheme and port: ${flag} 10.0.0.5.`,
    );
  return shortAddress(word).toLowerCase();
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

/** What `--force` is wherever it is taken. */
export const forceFlag = {
  type: 'boolean',
  help: 'Only warn where a member cannot be spared or its liveness probe is too short; needs two approvers',
} as const;

export function careOf(words: Words): Care {
  return words.isSet('force') ? 'forced' : 'careful';
}

/** How many of the latest revisions stay where nothing is said. */
const defaultKeptRevisions = 10_000;

/**
 * How much of the history is to go.
 * @throws Refusal for what is no number, no duration, or more than one of the ways
 */
export function compactionOf(words: Words): Compaction {
  const [kept, age] = [words.flag('keep-revisions'), words.flag('older-than')];
  const isToHead = words.isSet('to-head');
  if ([kept !== undefined, age !== undefined, isToHead].filter(Boolean).length > 1)
    throw new Refusal(
      'How much is to go is said in two ways.',
      'Give one of --keep-revisions, --older-than and --to-head.',
    );
  if (isToHead) return { kind: 'to-head' };
  if (age !== undefined) {
    const ageMs = duration.safeParse(age.trim()).data ?? 0;
    if (ageMs <= 0)
      throw new Refusal(
        `--older-than "${shortened(age, 60)}" is no duration.`,
        'Write minutes, hours or days: 30m, 1h, 2d.',
      );
    return { kind: 'older-than', ageMs };
  }
  if (kept === undefined) return { kind: 'keep', revisions: defaultKeptRevisions };
  const revisions = Number(kept.trim().replaceAll(/[,_](?=\d{3})/g, ''));
  if (!/^\d+$/.test(kept.trim().replaceAll(/[,_]/g, '')) || !Number.isSafeInteger(revisions) || revisions < 1)
    throw new Refusal(
      `--keep-revisions "${shortened(kept, 60)}" is no number of revisions.`,
      'Write how many of the latest stay, 1 at least: --keep-revisions 10000. To drop all, under NOSPACE: --to-head.',
    );
  return { kind: 'keep', revisions };
}
