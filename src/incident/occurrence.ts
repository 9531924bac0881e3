import { z } from 'zod';

/**
 * One thing that happened to one subject, as plain data: a container that was OOM-killed, an alert that fires.
 * Whoever sees things happen (the watch, the alerts' door) makes these; all that follows is the same for every source.
 */
export const occurrenceSchema = z.object({
  /** What makes it this one, within its source and cluster: seen again it is known, whoever saw it and how often. */
  key: z.string(),
  source: z.enum(['watch', 'alert']),
  /** The name in the config; '' where it belongs to none of them. */
  cluster: z.string(),
  /** What it happened to, within its source and cluster: all that happens to it while an incident is open belongs to that one. */
  subject: z.string(),
  /** The same for people: `shop/deploy/checkout`. */
  title: z.string(),
  /** When it happened, milliseconds since the epoch. */
  at: z.number(),
  /** One line for people: `checkout-7d9f-x2x9k: OOM-killed at its limit of 512 MiB`. */
  note: z.string(),
  /** The look that answers it, as typed without its slash; null where there is none. */
  line: z.string().nullable(),
  /** It ended in a way that only its log explains: told once the look says that it was for memory. */
  isSuspected: z.boolean(),
  /** It happened while nobody watched, and was found later. */
  isMissed: z.boolean(),
  namespace: z.string().nullable(),
  /** The node that it ran on: what many have in common when a node dies. */
  node: z.string().nullable(),
  /** What may begin and end within the incident: one alert of a group. The incident is over when none of them is on. */
  member: z.object({ id: z.string(), label: z.string(), isOn: z.boolean() }).nullable(),
  /** Tables, labels and links that the thread shows where no look answers; text for people, already without secrets. */
  details: z.string().nullable(),
  /** Where to read on, as buttons: addresses of the web alone. */
  links: z.array(z.object({ title: z.string(), url: z.string() })).optional(),
});

export type Occurrence = z.infer<typeof occurrenceSchema>;
/** What it is remembered by: what was suspected may have been called something else since. */
export function takenKey({ key, isSuspected }: Pick<Occurrence, 'key' | 'isSuspected'>): string {
  return isSuspected ? `${key} suspected` : key;
}

export type Member = NonNullable<Occurrence['member']>;
