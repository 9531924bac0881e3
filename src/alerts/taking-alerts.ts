import type { WatchRule } from '../incident/config.ts';
import type { Incidents } from '../incident/incidents.ts';
import type { Occurrence } from '../incident/occurrence.ts';
import { type ChannelChoice, type Route, routeFor } from '../incident/routing.ts';
import { redact } from '../redact.ts';
import type { AlertsTicket } from './alert.ts';
import { alertOccurrence, type SeenAlert, seenAlert, subjectOf } from './alert-occurrence.ts';
import type { AlertNews, AlertStore } from './alert-store.ts';
import type { LookFacts } from './look-for.ts';

export type TakingAlertsParts = {
  readonly facts: LookFacts;
  readonly rules: readonly WatchRule[];
  /** What channels have chosen to hear of. */
  choices(): Promise<readonly ChannelChoice[]>;
  readonly store: AlertStore;
  readonly take: Incidents['take'];
  now(): Date;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
};

type Routed = { readonly seen: SeenAlert; readonly route: Route; readonly news: AlertNews };

/**
 * From a ticket to incidents: each alert once, whoever told of it and how often. May be called again with the same ticket.
 * @throws where Redis does not answer: then it is to be called again
 */
export async function takeAlerts({ id, group, alerts }: AlertsTicket, parts: TakingAlertsParts): Promise<void> {
  const { facts, rules, store, log } = parts;
  const choices = await parts.choices();
  const now = parts.now().getTime();
  const routed: Routed[] = [];
  for (const alert of alerts) {
    const seen = seenAlert(alert, facts);
    const route = routeFor(seen.facts, rules, choices);
    if (route === undefined) continue;
    const { fingerprint, isOn, startsAt } = alert;
    const subject = subjectOf(group, route.channelId);
    routed.push({ seen, route, news: { cluster: seen.look.cluster, fingerprint, isOn, startsAt, subject } });
  }
  const places = await store.place(
    routed.map(({ news }) => news),
    now,
  );
  const fresh: Routed[] = [];
  const occurrences: Occurrence[] = [];
  const routes = new Map<string, Route>();
  for (const [index, one] of routed.entries()) {
    const place = places[index];
    if (place?.kind !== 'news') continue;
    const occurrence = alertOccurrence(one.seen, group, place, now);
    fresh.push(one);
    occurrences.push(occurrence);
    routes.set(occurrence.key, one.route);
  }
  const counts = await parts.take(occurrences, async ({ key }) => routes.get(key));
  await store.settle(
    fresh.map(({ news }) => news),
    now,
  );
  const unrouted = alerts.length - routed.length;
  log('alerts taken', {
    id,
    group: redact(group.key),
    alerts: alerts.length,
    taken: counts.taken,
    known: alerts.length - occurrences.length - unrouted + counts.known,
    // Nobody hears of them, or they end without having begun here.
    ...(unrouted + counts.unrouted === 0 ? {} : { untold: unrouted + counts.unrouted }),
  });
}
