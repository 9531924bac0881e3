/** What goes wrong with a call of the Web API, on request. `drop_after_commit` does it and then cuts the connection. */
export type Fault = {
  /** A method's name, or `*` for every method. */
  readonly method: string;
  readonly channel?: string;
  /** How many calls it hits; 1 where not given. */
  readonly times?: number;
  readonly kind: 'rate_limited' | 'error' | 'http_500' | 'hang' | 'drop_after_commit' | 'drop_before_commit' | 'slow';
  /** Slack's error code, for `error`. */
  readonly error?: string;
  readonly retryAfterSeconds?: number;
  /** How much later the answer comes, for `slow`. */
  readonly ms?: number;
};

/** The faults that are still to come, taken one call at a time in the order they were asked for. */
export class Faults {
  #pending: { readonly fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#pending.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#pending = [];
  }

  take(method: string, channel: string | null): Fault | undefined {
    const entry = this.#pending.find(
      ({ fault }) =>
        (fault.method === '*' || fault.method === method) && (fault.channel === undefined || fault.channel === channel),
    );
    if (entry === undefined) return undefined;
    entry.left -= 1;
    if (entry.left <= 0) this.#pending = this.#pending.filter((each) => each !== entry);
    return entry.fault;
  }
}
