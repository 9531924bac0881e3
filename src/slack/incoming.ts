import type { Click } from '../deciding.ts';
import type { SilenceFor } from '../incident/incidents.ts';
import type { Filled, FormOrigin } from './form-view.ts';
import type { Message } from './message.ts';

/** A line that somebody typed, from a slash command, a mention or a button. */
export type SlackRequest = Where & { readonly line: string };

/** Who did something, and where. */
export type Where = {
  readonly userId: string;
  readonly channelId: string;
  readonly threadTs?: string;
  readonly responseUrl?: string;
  /** What Slack calls this request: the same when it is sent again. */
  readonly origin: string;
  /** Opens a modal, once and within 3 s; a mention has none. */
  readonly triggerId?: string;
};

/** Buttons under a report that ask for what it recommends. */
export const offeredActions = ['oom-fix', 'oom-ask', 'oom-rollback'] as const;
export type OfferedAction = (typeof offeredActions)[number];

/** What the bot does with what Slack sends. Each call answers within Slack's 3 seconds. */
export type Incoming = {
  /** @returns what only the asker is shown at once; undefined when the answer comes in a thread */
  ask(request: SlackRequest): Promise<Message | undefined>;
  /** A filled form. @returns why it was not taken */
  submit(origin: FormOrigin, filled: Filled, userId: string, request: string): Promise<Message | undefined>;
  /** What was asked with a ticket, asked once more by whoever pressed the button. */
  again(ticketId: string, where: Where): Promise<Message | undefined>;
  /** What the report of a ticket offers, asked for as whoever pressed the button. */
  offered(which: OfferedAction, ticketId: string, where: Where): Promise<Message | undefined>;
  /** @returns why it was not taken, for the one who clicked; undefined where the thread shows what came of it */
  decide(click: Click): Promise<Message | undefined>;
  /** Asks for what takes an ended change back, as whoever pressed the button. */
  undo(changeId: string, where: Where): Promise<Message | undefined>;
  /** Keeps an incident quiet for a while. @returns why it was not; undefined where its thread shows it */
  silence(incidentId: string, how: SilenceFor, where: Where): Promise<Message | undefined>;
  /** The modal that asks why a change is denied. */
  askWhy(changeId: string, triggerId: string): Promise<void>;
  /** A request that was refused because Slack did not sign it, or not now. */
  unsigned(from: string): void;
  /** The modal with everything that a report holds. */
  details(ticketId: string, triggerId: string, userId: string): Promise<void>;
};
