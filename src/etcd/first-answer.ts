/**
 * Asks one candidate after the other until one answers: the next one at once when the last failed, and after
 * `hedgeMs` when it is merely slow. The answers of slow ones still count.
 * @throws the errors of all, in the order they came, as an AggregateError
 */
export function firstAnswer<Candidate, Answer>(
  candidates: readonly Candidate[],
  hedgeMs: number,
  ask: (candidate: Candidate) => Promise<Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const errors: unknown[] = [];
    let asked = 0;
    let timer: NodeJS.Timeout | undefined;
    const askNext = () => {
      clearTimeout(timer);
      const candidate = candidates[asked];
      if (asked >= candidates.length || candidate === undefined) {
        if (errors.length === candidates.length) reject(new AggregateError(errors));
        return;
      }
      asked += 1;
      timer = setTimeout(askNext, hedgeMs);
      ask(candidate).then(
        (answer) => {
          clearTimeout(timer);
          // What is still slow is left to its deadline, and nobody else is asked.
          asked = candidates.length;
          resolve(answer);
        },
        (error: unknown) => {
          errors.push(error);
          askNext();
        },
      );
    };
    askNext();
  });
}
