import type { Section } from '../../report/report.ts';
import { count, formatBytes, grouped } from '../../report/text.ts';
import { isEndpoint } from '../endpoint.ts';
import type { EventsShare } from '../space/events-share.ts';
import type { Trouble } from '../trouble.ts';
import { eventsServersSections } from './events-servers.ts';
import type { SettingsSeen } from './source.ts';

/** One resource that is kept in another etcd. */
export type ServersOverride = { readonly resource: string; readonly servers: readonly string[] };

/**
 * Reads `--etcd-servers-overrides`: `group/resource#server;server`, overrides apart by commas, servers by semicolons.
 * @returns the overrides, and what is wrong with the text
 */
export function readOverrides(text: string): {
  readonly overrides: readonly ServersOverride[];
  readonly faults: readonly string[];
} {
  const overrides: ServersOverride[] = [];
  const faults: string[] = [];
  for (const entry of text.split(',').map((each) => each.trim())) {
    const [resource = '', servers, more] = entry.split('#');
    if (servers === undefined && isEndpoint(entry))
      faults.push(`${entry} stands alone: servers are apart by semicolons, and a comma begins the next override`);
    else if (servers === undefined || more !== undefined) faults.push(`"${entry}" is not group/resource#server;server`);
    else if (!/^[a-z0-9.-]*\/[a-z]+$/.test(resource))
      faults.push(`"${resource}" is not group/resource; the core group is empty, as in /events`);
    else {
      const urls = servers.split(';').map((url) => url.trim());
      const odd = urls.find((url) => !isEndpoint(url));
      if (odd !== undefined) faults.push(`"${odd}" of ${resource} is no URL`);
      overrides.push({ resource, servers: urls });
    }
  }
  return { overrides, faults };
}

/** Growth from which it is worth knowing what grows: a gibibyte in a day. */
const notableBytesPerHour = 1024 ** 3 / 24;
/** Events that are this much of the keys that come are what grows. */
const callingShare = 0.5;
/** kube-apiserver keeps an event for an hour (`--event-ttl`): until one has passed they only become more. */
const eventLifeMs = 3_600_000;

/** What the measurements say of an etcd for events alone. */
type Reading = 'calm' | 'uncounted' | 'too-short' | 'others-grow' | 'called-for';

function readingOf({ growth, events }: SettingsSeen): Reading {
  if (growth === null || growth.bytesPerHour < notableBytesPerHour) return 'calm';
  if (events === null) return 'uncounted';
  if (Date.parse(events.asOf) - Date.parse(events.since) < eventLifeMs) return 'too-short';
  const isCalledFor = events.eventKeysPerHour >= 1 && shareOfGrowth(events) >= callingShare;
  return isCalledFor ? 'called-for' : 'others-grow';
}

/** Whether the API servers keep events elsewhere, and whether they should. */
export function eventsTroubles(seen: SettingsSeen): Trouble[] {
  const { apiServers, growth, events } = seen;
  const servers = apiServers.servers ?? [];
  const faulty = servers.flatMap(({ name, overrides }) =>
    overrides === undefined ? [] : readOverrides(overrides).faults.map((fault) => ({ name, fault })),
  );
  const [fault] = faulty;
  if (fault !== undefined)
    return [
      {
        severity: 'critical',
        grade: 'fact',
        claim: `--etcd-servers-overrides of ${fault.name} is wrong: ${fault.fault}.`,
        evidence: `kube-apiserver wants group/resource#server;server: overrides apart by commas, the servers of one by semicolons`,
        impact: 'The API server does not start with it.',
        advice: 'Write it as /events#https://10.0.0.1:2381;https://10.0.0.2:2381, in quotes where a shell reads it.',
        short: 'etcd-servers-overrides is wrong',
        cause: 'servers-overrides',
      },
    ];
  if (apartAt(seen) !== undefined || growth === null) return [];
  const grows = `the data grows by ${formatBytes(Math.round(growth.bytesPerHour))} an hour`;
  const reading = readingOf(seen);
  if (reading === 'uncounted')
    return [
      {
        severity: 'info',
        grade: 'inferred',
        claim: `T${grows.slice(1)}: if much of it is events, they belong in an etcd of their own.`,
        evidence: `Measured since ${growth.since}. Keys by prefix were not counted twice yet.`,
        advice: '`/etcd keys /registry` tells how much of it is events; once that is counted the setting is told here.',
      },
    ];
  if (reading !== 'called-for' || events === null) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `Events belong in an etcd of their own: they are ${percent(shareOfGrowth(events))} of the keys that come, and ${grows}.`,
      evidence: countedText(events),
      impact: 'A flood of events fills this quota, and then nothing in the cluster can be written.',
      advice:
        'The flag for every API server stands below. Until then `/etcd keys /registry/events/` tells who writes them, `/etcd expire-events` takes old ones out.',
      short: 'events belong in an etcd of their own',
    },
  ];
}

const isEvents = ({ resource }: ServersOverride) => /(?:^|\/)events$/.test(resource);

/** Where events are kept by now; undefined where that is this etcd, or not known. */
function apartAt({ apiServers }: SettingsSeen): ServersOverride | undefined {
  return (apiServers.servers ?? []).flatMap(({ overrides }) => readOverrides(overrides ?? '').overrides).find(isEvents);
}

/** Where events are kept, what part of the growth they are, and how that is changed where it is called for. */
export function eventsSections(seen: SettingsSeen): Section[] {
  const { servers, unseen } = seen.apiServers;
  const hasEvents = seen.events !== null && seen.events.eventKeys > 0;
  if (servers === undefined && unseen?.startsWith('no Kubernetes cluster') === true && !hasEvents) return [];
  if ((servers ?? []).some(({ overrides }) => overrides !== undefined && readOverrides(overrides).faults.length > 0))
    return [];
  const apart = apartAt(seen);
  if (apart !== undefined)
    return [
      {
        kind: 'text',
        title: 'Events',
        text: `Kubernetes’ events are kept in an etcd of their own: ${apart.servers.join(', ')}.`,
      },
    ];
  const where =
    servers === undefined
      ? `Where events are kept is not known: ${unseen}.`
      : 'Kubernetes’ events are kept in this etcd.';
  const text: Section = { kind: 'text', title: 'Events', text: `${where}\n${measuredText(seen)}` };
  return readingOf(seen) === 'called-for' ? [text, ...eventsServersSections(seen.view, servers ?? [])] : [text];
}

function measuredText(seen: SettingsSeen): string {
  const { events } = seen;
  if (events === null) return '`/etcd keys /registry` tells their share.';
  const counted = countedText(events);
  switch (readingOf(seen)) {
    case 'too-short':
      return `${counted} That is less than the hour that events live: whether they are what grows is told later.`;
    case 'others-grow':
      return `${counted} The data grows, but not by events: an etcd of their own would not help. \`/etcd space\` tells which prefixes grow.`;
    case 'called-for':
      return counted;
    default:
      return `${counted} Nothing calls for an etcd of their own.`;
  }
}

const percent = (share: number) => `${Math.round(share * 100)}%`;

const shareOfGrowth = ({ eventKeysPerHour, countedKeysPerHour }: EventsShare) =>
  countedKeysPerHour <= 0 ? 0 : Math.max(0, eventKeysPerHour) / countedKeysPerHour;

function countedText(events: EventsShare): string {
  const perHour = (keys: number) => `${keys < 0 ? '−' : '+'}${grouped(Math.abs(Math.round(keys)))}/h`;
  const share = events.countedKeys === 0 ? 0 : events.eventKeys / events.countedKeys;
  return `Events are ${percent(share)} of the ${count(events.countedKeys, 'key')} that are counted: ${grouped(events.eventKeys)}, ${perHour(events.eventKeysPerHour)}; all that grows ${perHour(events.countedKeysPerHour)} (${events.since} to ${events.asOf}).`;
}
