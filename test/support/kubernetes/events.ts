import type { KubernetesObject } from './object.ts';

/** A core event as the events.k8s.io/v1 API shows the same record. */
export function eventsV1(event: KubernetesObject): KubernetesObject {
  const { metadata, reason, type, action, related, series } = event;
  const shown: Record<string, unknown> = {
    eventTime: event.eventTime ?? null,
    series,
    reportingController: event.reportingComponent || undefined,
    reportingInstance: event.reportingInstance || undefined,
    action,
    reason,
    regarding: event.involvedObject,
    related,
    note: event.message,
    type,
    deprecatedSource: event.source ?? {},
    deprecatedFirstTimestamp: event.firstTimestamp ?? null,
    deprecatedLastTimestamp: event.lastTimestamp ?? null,
    deprecatedCount: event.count,
  };
  const known = Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== undefined));
  return { kind: 'Event', apiVersion: 'events.k8s.io/v1', metadata, ...known };
}
