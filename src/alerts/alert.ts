import { createHash } from 'node:crypto';
import { z } from 'zod';

const pairs = z.record(z.string(), z.string());

/** One alert as Alertmanager tells of it, cut to a size that can be kept. */
export const alertSchema = z.object({
  isOn: z.boolean(),
  /** Of its labels: the same as long as it is the same alert. */
  fingerprint: z.string(),
  labels: pairs,
  annotations: pairs,
  /** Milliseconds since the epoch, by the clock of whoever fired it; 0 where that was not told. What makes it fire again another time. */
  startsAt: z.number(),
  /** When it ended; null while it is on, and where that was not told. */
  endsAt: z.number().nullable(),
  /** Where its expression can be seen; '' where that was not told. */
  generatorURL: z.string(),
});

/** The group that alerts were sent in. */
export const alertGroupSchema = z.object({
  receiver: z.string(),
  key: z.string(),
  labels: pairs,
  /** Alertmanager's own page; '' where that was not told. */
  externalURL: z.string(),
  /** How many alerts Alertmanager left out (`max_alerts`). */
  truncated: z.number().int(),
});

/** At most `alertsInTicket` alerts of one group, on their way through the queue. */
export const alertsTicketSchema = z.object({
  kind: z.literal('alerts'),
  id: z.string(),
  group: alertGroupSchema,
  alerts: z.array(alertSchema),
});

export type Alert = z.infer<typeof alertSchema>;
export type AlertGroup = z.infer<typeof alertGroupSchema>;
export type AlertsTicket = z.infer<typeof alertsTicketSchema>;

/** What one ticket holds: some 100 KB, a moment's work. */
export const alertsInTicket = 100;

/**
 * The tickets of one body. Their ids are made of what they say: a body that is sent again, by the same Alertmanager or by the other one of a
 * pair (whose address is another one), makes the same tickets.
 */
export function alertTickets(group: AlertGroup, alerts: readonly Alert[]): AlertsTicket[] {
  const tickets: AlertsTicket[] = [];
  for (let from = 0; from < alerts.length; from += alertsInTicket) {
    const part = alerts.slice(from, from + alertsInTicket);
    const digest = createHash('sha256')
      .update(JSON.stringify([group.receiver, group.key, part.map((alert) => ({ ...alert, generatorURL: '' }))]))
      .digest('hex');
    tickets.push({ kind: 'alerts', id: `alerts-${digest.slice(0, 32)}`, group, alerts: part });
  }
  return tickets;
}
