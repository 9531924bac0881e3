import type { WatchRule } from '../incident/config.ts';
import type { Incidents } from '../incident/incidents.ts';
import { type ChannelChoice, type Route, routeFor } from '../incident/routing.ts';
import { redact } from '../redact.ts';
import type { AlertsTicket } from './alert.ts';
import { alertOccurrence, type SeenAlert, seenAlert, subjectOf } from './alert-occurrence.ts';
import type { AlertNews, AlertPlace, AlertStore } from './alert-store.ts';
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

type NewsPlace = Extract<AlertPlace, { kind: 'news' }>;
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
  const fresh = routed.flatMap((one, index): (Routed & { readonly place: NewsPlace })[] => {
    const place = places[index];
    return place?.kind === 'news' ? [{ ...one, place }] : [];
  });
  const routes = new Map<string, Route>();
  const occurrences = fresh.map(({ seen, route, place }) => {
    const occurrence = alertOccurrence(seen, group, place, now);
    routes.set(occurrence.key, route);
    return occurrence;
  });
  const counts = await parts.take(occurrences, async ({ key }) => routes.get(key));
  const ended = await store.settle(
    fresh.map(({ news }) => news),
    now,
  );
  // Another worker was faster with their end.
  const ends = ended.flatMap((index) => {
    const one = fresh[index];
    if (one === undefined) return [];
    const alert = { ...one.seen.alert, isOn: false, endsAt: now };
    return [alertOccurrence({ ...one.seen, alert }, group, one.place, now)];
  });
  if (ends.length > 0) await parts.take(ends, async () => undefined);
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
