import { distance } from 'fastest-levenshtein';

/** The known word that a mistyped one most likely meant; undefined where none is near enough to be worth a suggestion. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const asked = word.slice(0, 64).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(Math.max(asked.length, 4) / 2));
  for (const candidate of known) {
    const candidateDistance = distance(asked, candidate.toLowerCase());
    if (candidateDistance < bestDistance || (candidateDistance === bestDistance && best === undefined)) {
      best = candidate;
      bestDistance = candidateDistance;
    }
  }
  return best;
}
