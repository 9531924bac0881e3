import { createHash } from 'node:crypto';
import { z } from 'zod';
import { alertsTicketSchema } from './alerts/alert.ts';
import type { JsonObject } from './report/report.ts';

/** Where the answer goes. */
const place = z.object({
  channelId: z.string(),
  /** The thread it was asked in (a mention); a slash command has none and gets a root message of its own. */
  threadTs: z.string().optional(),
  /** Slack's answer address for this request: five uses within 30 minutes. */
  responseUrl: z.string().optional(),
});

/** What somebody asked: which command, which input, who, where the answer goes. */
const askSchema = z.object({
  kind: z.literal('ask'),
  id: z.string(),
  command: z.string(),
  /** As it was typed, for "Run again" and for the message that says who asked what. */
  line: z.string(),
  cluster: z.string(),
  input: z.record(z.string(), z.json()) as z.ZodType<JsonObject>,
  requester: z.object({ userId: z.string() }),
  /** Begun without a second person: the incident that it is for. */
  incident: z.string().optional(),
  /** Why the change is wanted, where it was said. */
  reason: z.string().optional(),
  place,
  /** ISO 8601 UTC. */
  askedAt: z.string(),
});

/** Wakes a change: what is to be done stands in its record. */
const wakeSchema = z.object({ kind: z.literal('wake'), id: z.string(), changeId: z.string() });

/** Has the thread of an incident brought up to date: what it tells stands in its record. */
const incidentSchema = z.object({ kind: z.literal('incident'), id: z.string(), incidentId: z.string() });

/** One entry in the queue. */
export const ticketSchema = z.discriminatedUnion('kind', [askSchema, wakeSchema, incidentSchema, alertsTicketSchema]);

export type Ticket = z.infer<typeof ticketSchema>;
export type AskTicket = z.infer<typeof askSchema>;
export type TicketPlace = z.infer<typeof place>;

/**
 * The id of a request's ticket, made from what Slack calls the request (a trigger id, an event id): a request that is sent again
 * gets the same id, and the queue takes it once. BullMQ's ids hold no `:` and are no integers.
 */
export function ticketId(origin: string): string {
  return `ticket-${createHash('sha256').update(origin).digest('hex').slice(0, 20)}`;
}

/** A change's id, made from its ticket's: a proposal that is made again after a crash is the same one. */
export function changeIdOf(ticket: AskTicket): string {
  return `c-${ticket.id.replace(/^ticket-/, '').slice(0, 8)}`;
}

/** Every wake is a ticket with an id of its own: the id of a finished one is taken for ever, and stalls are counted by ticket. */
export function wakeTicket(changeId: string, wake: number): Ticket {
  return { kind: 'wake', id: `change-${changeId}-${wake}`, changeId };
}

/** @param which what makes this call for it one of its own: calls of the same are one ticket */
export function incidentTicket(incidentId: string, which: string): Ticket {
  return { kind: 'incident', id: `incident-${incidentId}-${which}`, incidentId };
}
