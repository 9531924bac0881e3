import type { Fields } from './model.ts';

/** The three kinds of things that Slack tells an app, by the names that Socket Mode gives them. */
export type DeliveryType = 'slash_commands' | 'interactive' | 'events_api';

export type Retry = { readonly attempt: number; readonly reason: string };

/** What came back: an acknowledgement with whatever it carried, nothing in time, or a failure. */
export type Answer =
  | { readonly kind: 'acked'; readonly body: Fields; readonly tookMs: number }
  | { readonly kind: 'timeout'; readonly tookMs: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly tookMs: number };

/** One way to the app: Socket Mode or signed HTTP. */
export type Delivery = {
  deliver(type: DeliveryType, payload: Fields, retry: Retry | null): Promise<Answer>;
};

/** How long Slack waits and how often it repeats; tests may shorten it. */
export type Timing = {
  /** "within 3000 ms", https://docs.slack.dev/interactivity/implementing-slash-commands */
  readonly ackMs: number;
  /** A trigger id is exchanged within 3 seconds. */
  readonly triggerMs: number;
  /** A response URL is used "up to 5 times within 30 minutes". */
  readonly responseUrlMs: number;
  /** "nearly immediately, after 1 minute, after 5 minutes", https://docs.slack.dev/apis/events-api */
  readonly eventRetryMs: readonly number[];
  readonly socketPingMs: number;
  /** How long a connection still lives after a `warning`. */
  readonly socketWarningMs: number;
};

export const slackTiming: Timing = {
  ackMs: 3000,
  triggerMs: 3000,
  responseUrlMs: 30 * 60_000,
  eventRetryMs: [100, 60_000, 300_000],
  socketPingMs: 5000,
  socketWarningMs: 10_000,
};
