import type { Occurrence } from '../incident/occurrence.ts';
import type { RouteFacts } from '../incident/routing.ts';
import type { Alert, AlertGroup } from './alert.ts';
import { detailsOf, linksOf, memberLabel, noteOf, titleOf } from './alert-words.ts';
import { type LookFacts, type LookFor, lookFor, namespaceOf } from './look-for.ts';

/** An alert with the look that it leads to and the facts that route it. */
export type SeenAlert = {
  readonly alert: Alert;
  readonly look: LookFor;
  readonly facts: RouteFacts;
};

export function seenAlert(alert: Alert, lookFacts: LookFacts): SeenAlert {
  const look = lookFor(alert.labels, lookFacts);
  const { labels, annotations } = alert;
  return { alert, look, facts: { cluster: look.cluster, namespace: namespaceOf(labels), labels, annotations } };
}

/** Where an alert is told: in the thread of its group, in the channel that hears of it. */
export function subjectOf({ receiver, key }: AlertGroup, channelId: string): string {
  return JSON.stringify([receiver, key, channelId]);
}

/**
 * An alert as something that happened.
 * @param place where it is told, and how often it had ended before: the same alert may fire again as if it never had
 * @param now milliseconds since the epoch: nothing happened later, whatever other clocks say
 */
export function alertOccurrence(
  { alert, look }: SeenAlert,
  group: AlertGroup,
  { subject, round }: { readonly subject: string; readonly round: number },
  now: number,
): Occurrence {
  const { fingerprint, startsAt, endsAt, isOn, labels } = alert;
  return {
    key: `${fingerprint} ${startsAt} ${round} ${isOn ? 'firing' : 'resolved'}`,
    source: 'alert',
    cluster: look.cluster,
    subject,
    title: titleOf(alert, group),
    at: isOn ? pastOf(startsAt, now) : Math.max(pastOf(startsAt, now), pastOf(endsAt ?? 0, now)),
    note: noteOf(alert, group),
    line: look.line,
    isSuspected: false,
    isMissed: false,
    namespace: namespaceOf(labels),
    node: labels.node ?? null,
    member: { id: fingerprint, label: memberLabel(alert), isOn },
    details: detailsOf(alert, group, look.remark),
    links: linksOf(alert, group),
  };
}

function pastOf(time: number, now: number): number {
  return time > 0 && time <= now ? time : now;
}
