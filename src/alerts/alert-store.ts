/** One alert as it is known by: within its cluster, by its fingerprint. */
export type AlertNews = {
  readonly cluster: string;
  readonly fingerprint: string;
  readonly isOn: boolean;
  /** Milliseconds since the epoch. */
  readonly startsAt: number;
  /** Where it would be told, were it new. */
  readonly subject: string;
};

/** Where an alert belongs, or that nothing about it is new. */
export type AlertPlace =
  | { readonly kind: 'known' }
  | {
      readonly kind: 'news';
      /** Where it was told when it began, whichever group and channel it would be told in now. */
      readonly subject: string;
      /** How often it had ended before. */
      readonly round: number;
    };

/** What is remembered of each alert, for all workers. Times are milliseconds since the epoch. */
export type AlertStore = {
  /** In the order of `news`. Places an alert that begins; may be asked again until `settle` says that it was taken. */
  place(news: readonly AlertNews[], now: number): Promise<readonly AlertPlace[]>;
  /**
   * These were taken: told again they are known.
   * @returns which of them, by their place in `news`, another worker heard the end of meanwhile: it found nothing yet that could end
   */
  settle(news: readonly AlertNews[], now: number): Promise<readonly number[]>;
};
