import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { JsonObject } from './report/report.ts';

/** Where the answer goes. */
const place = z.object({
  channelId: z.string(),
  /** The thread it was asked in (a mention); a slash command has none and gets a root message of its own. */
  threadTs: z.string().optional(),
  /** Slack's answer address for this request: five uses within 30 minutes. */
  responseUrl: z.string().optional(),
});

/** One entry in the queue: which command, which input, who asked, where the answer goes. */
export const ticketSchema = z.object({
  id: z.string(),
  command: z.string(),
  /** As it was typed, for "Run again" and for the message that says who asked what. */
  line: z.string(),
  cluster: z.string(),
  input: z.record(z.string(), z.json()) as z.ZodType<JsonObject>,
  requester: z.object({ userId: z.string() }),
  place,
  /** ISO 8601 UTC. */
  askedAt: z.string(),
});

export type Ticket = z.infer<typeof ticketSchema>;
export type TicketPlace = z.infer<typeof place>;

/**
 * The id of a request's ticket, made from what Slack calls the request (a trigger id, an event id): a request that is sent again
 * gets the same id, and the queue takes it once. BullMQ's ids hold no `:` and are no integers.
 */
export function ticketId(origin: string): string {
  return `ticket-${createHash('sha256').update(origin).digest('hex').slice(0, 20)}`;
}
