/** A picture as data: who draws it (a Slack thread, `--chart`) does so at the edge. Sizes are bytes, times seconds since the epoch. */

/** One value at one moment. */
export type ChartPoint = readonly [atSeconds: number, bytes: number];

/** A line; its parts are not connected. */
export type ChartLine = {
  /** Beside its end. */
  readonly name: string;
  readonly role: 'working-set' | 'heap';
  readonly parts: readonly (readonly ChartPoint[])[];
};

/** A height that does not move, or moved at some moments. */
export type ChartLevel = {
  readonly name: string;
  readonly role: 'limit' | 'heap-max';
  readonly bytes: number;
  /** What it was before, oldest first: each value holds until the next. */
  readonly steps?: readonly ChartPoint[];
};

/** Something that happened at a moment. */
export type ChartMark = {
  readonly atSeconds: number;
  /** `kill` is known; `end` was concluded from the values. */
  readonly kind: 'kill' | 'end';
  readonly name: string;
};

export type Chart = {
  /** What a file of it is called, without its ending: `memory-checkout-7d9f8b6c54-x2x9k`. */
  readonly name: string;
  readonly title: string;
  readonly subtitle: string;
  /** The day, and where the values come from. */
  readonly footer: string;
  /** Said to those who cannot see it. */
  readonly alt: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly lines: readonly ChartLine[];
  readonly levels: readonly ChartLevel[];
  readonly marks: readonly ChartMark[];
  /** Said within the picture, where something lies outside of it. */
  readonly remark?: string;
};
