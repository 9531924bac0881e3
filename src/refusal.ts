/**
 * The one kind of error whose message is written for people: what happened, then what to do.
 * It is shown as it is; any other error becomes "failed, id …" and a log line.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** What the person can do next: a sentence. */
  readonly advice: string;
  /** Names to choose from where a name was unknown or ambiguous. Each is something that could be typed. */
  readonly choices: readonly string[];

  constructor(message: string, advice: string, choices: readonly string[] = []) {
    super(message);
    this.advice = advice;
    this.choices = choices;
  }
}
