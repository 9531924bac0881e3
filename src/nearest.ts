import { distance } from 'fastest-levenshtein';

/** The known word that a mistyped one most likely meant; undefined where none is near enough to be worth a suggestion. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const asked = word.slice(0, 64).toLowerCase();
  const candidates = known
    .map((candidate) => ({ candidate, errors: distance(asked, candidate.toLowerCase()) }))
    .filter(({ candidate, errors }) => errors <= allowedErrors(asked, candidate.toLowerCase()))
    .sort((a, b) => a.errors - b.errors);
  return candidates[0]?.candidate;
}

/** One slip in a short word, one more for every three letters; two letters that changed places are one slip. */
function allowedErrors(asked: string, candidate: string): number {
  const letters = (text: string) => [...text].sort().join('');
  if (letters(asked) === letters(candidate)) return 2;
  return Math.max(1, Math.floor(Math.min(asked.length, candidate.length) / 3));
}
