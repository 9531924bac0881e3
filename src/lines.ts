/**
 * The lines of a text that comes in pieces, split at newlines alone: `node:readline` also splits at U+2028 and at a bare carriage return,
 * and one command would become two.
 */
export async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let begun = '';
  for await (const piece of pieces) {
    if (!piece.includes('\n')) {
      begun += piece;
      continue;
    }
    const [first = '', ...others] = piece.split('\n');
    yield begun + first;
    begun = others.pop() ?? '';
    yield* others;
  }
  if (begun !== '') yield begun;
}
