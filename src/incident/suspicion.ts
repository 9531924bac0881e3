import type { Report } from '../report/report.ts';
import type { Incident } from './incident.ts';

/** A workload that ends in the same way again is not suspected for so long. */
export const dismissedMs = 10 * 60_000;
/** An API server that does not answer says nothing about how a container ended: the sweep has it asked again, for so long at least. */
export const unansweredMs = 10 * 60_000;

/** What a suspicion is remembered by. */
export function suspicion({ cluster, subject }: Pick<Incident, 'cluster' | 'subject'>): string {
  return JSON.stringify([cluster, subject]);
}

/** Whether the look names no cause at all, not even that it is unknown: it was refused, or failed. */
export function isUnanswered({ data }: Report): boolean {
  return data.cause === undefined;
}
