import { createHash } from 'node:crypto';
import { type Incident, recentKept } from './incident.ts';
import { type Member, type Occurrence, takenKey } from './occurrence.ts';

// The transitions of an incident: pure, each returns the incident after it.

/** Where a new incident is told, and since when it may be. */
export type Opening = {
  readonly channelId: string;
  readonly mention: string | null;
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  readonly burstId: string | null;
};

/** The same for the same first occurrence: an opening that is tried again is one incident. */
export function incidentId(source: string, cluster: string, subject: string, firstKey: string): string {
  return `i-${createHash('sha256')
    .update(JSON.stringify([source, cluster, subject, firstKey]))
    .digest('hex')
    .slice(0, 12)}`;
}

/** A new incident of the first that happened. @param fresh at least one, all of one subject and none of them known */
export function opened(fresh: readonly [Occurrence, ...Occurrence[]], opening: Opening, now: number): Incident {
  const [first] = fresh;
  const { source, cluster, subject, title, at } = first;
  const empty: Incident = {
    id: incidentId(source, cluster, subject, takenKey(first)),
    source,
    cluster,
    subject,
    title,
    ...opening,
    state: fresh.some(({ isSuspected }) => !isSuspected) ? 'open' : 'suspected',
    openedAt: now,
    firstAt: at,
    lastAt: at,
    ...nothingYet,
    content: 0,
  };
  return continued(empty, fresh, new Map(), now);
}

/**
 * More of the same.
 * @param before how the members that are among `fresh` stood until now; those that are not in it are new
 */
export function continued(
  incident: Incident,
  fresh: readonly Occurrence[],
  before: ReadonlyMap<string, Member>,
  now: number,
): Incident {
  const happened = fresh.filter(({ member }) => member?.isOn !== false);
  const times = happened.map(({ at }) => at);
  const latest = happened.at(-1);
  const members = membersAfter(incident.members, fresh, before);
  const isSure = happened.some(({ isSuspected }) => !isSuspected);
  const isOver = members.known > 0 && members.on === 0;
  return {
    ...next(incident),
    content: incident.content + 1,
    state: isOver ? 'resolved' : incident.state === 'suspected' && !isSure ? 'suspected' : 'open',
    resolvedAt: isOver ? now : null,
    firstAt: Math.min(incident.firstAt, ...times),
    lastAt: Math.max(incident.lastAt, ...times),
    count: incident.count + happened.length,
    missed: incident.missed + happened.filter(({ isMissed }) => isMissed).length,
    recent: [...incident.recent, ...happened.map(({ at, note, namespace, node }) => ({ at, note, namespace, node }))]
      .sort((a, b) => a.at - b.at)
      .slice(-recentKept),
    members,
    line: latest?.line ?? incident.line,
    details: latest?.details ?? incident.details,
    links: latest?.links ?? incident.links,
    // It goes on all the same.
    mended: times.some((at) => at > (incident.mended?.at ?? Number.POSITIVE_INFINITY)) ? null : incident.mended,
  };
}

function membersAfter(
  { known, on }: Incident['members'],
  fresh: readonly Occurrence[],
  before: ReadonlyMap<string, Member>,
): Incident['members'] {
  const states = new Map([...before].map(([id, { isOn }]) => [id, isOn]));
  let [all, burning] = [known, on];
  for (const { member } of fresh) {
    if (member === null) continue;
    const was = states.get(member.id);
    if (was === undefined) all++;
    burning += Number(member.isOn) - Number(was ?? false);
    states.set(member.id, member.isOn);
  }
  return { known: all, on: burning };
}

/** What the look found; a suspicion is confirmed by it. */
export function lookedAt(incident: Incident, seen: NonNullable<Incident['seen']>): Incident {
  const state = incident.state === 'suspected' ? 'open' : incident.state;
  return { ...next(incident), content: incident.content + 1, state, seen };
}

/** The log told that it was not for memory. */
export function dismissed(incident: Incident): Incident {
  return { ...next(incident), state: 'dismissed' };
}

/** The thread shows it as it was when its content had this number. */
export function told(incident: Incident, content: number): Incident {
  return { ...next(incident), told: Math.max(incident.told, content) };
}

/** It was calm for long enough. undefined where it is not open. */
export function resolved(incident: Incident, now: number): Incident | undefined {
  if (incident.state !== 'open') return undefined;
  return { ...next(incident), content: incident.content + 1, state: 'resolved', resolvedAt: now };
}

/** A change that was to end it is done. undefined where that is known, or where it went on after it. */
export function mended(incident: Incident, change: NonNullable<Incident['mended']>): Incident | undefined {
  if (incident.state !== 'open' || incident.mended?.at === change.at || incident.lastAt > change.at) return undefined;
  return { ...next(incident), content: incident.content + 1, mended: change };
}

export function silenced(incident: Incident, until: number, by: string): Incident {
  return { ...next(incident), content: incident.content + 1, silenced: { until, by } };
}

/** Told by itself from now on: what told it with others is over. */
export function unfolded(incident: Incident, { burstId, dueAt }: Pick<Opening, 'burstId' | 'dueAt'>): Incident {
  return { ...next(incident), content: incident.content + 1, burstId, dueAt };
}

/** Its channel takes no messages: another one does. Whatever stood there is told again. */
export function moved(incident: Incident, channelId: string): Incident {
  return { ...next(incident), channelId, movedFrom: incident.movedFrom ?? incident.channelId, told: 0 };
}

/** It cannot be told now: tried again then. */
export function postponed(incident: Incident, dueAt: number): Incident {
  return { ...next(incident), dueAt };
}

/** What it tells has changed. */
export function touched(incident: Incident, lastAt: number): Incident {
  return { ...next(incident), content: incident.content + 1, lastAt: Math.max(incident.lastAt, lastAt) };
}

/** A thread for many in one channel. @param lane what they have in common: of each there is one open burst */
export function openedBurst(
  channelId: string,
  mention: string | null,
  dueAt: number,
  now: number,
  lane = channelId,
): Incident {
  return {
    id: incidentId('burst', '', lane, String(now)),
    source: 'burst',
    cluster: '',
    subject: lane,
    title: 'many at once',
    channelId,
    mention,
    dueAt,
    burstId: null,
    state: 'open',
    openedAt: now,
    firstAt: now,
    lastAt: now,
    ...nothingYet,
    content: 1,
  };
}

/** What is known of an incident before anything happened to it. */
const nothingYet = {
  count: 0,
  missed: 0,
  recent: [],
  members: { known: 0, on: 0 },
  line: null,
  details: null,
  seen: null,
  silenced: null,
  movedFrom: null,
  resolvedAt: null,
  told: 0,
  revision: 0,
} satisfies Partial<Incident>;

function next(incident: Incident): Incident {
  return { ...incident, revision: incident.revision + 1 };
}
