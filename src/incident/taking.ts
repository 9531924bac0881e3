import { createLanes } from '../lanes.ts';
import type { Incident } from './incident.ts';
import type { IncidentStore, Known } from './incident-store.ts';
import { transition } from './incident-store.ts';
import { type Occurrence, takenKey } from './occurrence.ts';
import { dueAtOf, type Route } from './routing.ts';
import { suspicion } from './suspicion.ts';
import { continued, opened, openedBurst, touched, unfolded } from './transitions.ts';

export type TakingParts = {
  readonly store: IncidentStore;
  /** Who hears of it; undefined where nobody does. */
  route(occurrence: Occurrence): Promise<Route | undefined>;
  /** So many in one channel within so many milliseconds are told by themselves. */
  readonly burst: { readonly incidents: number; readonly within: number };
  now(): Date;
  /** Has the thread brought up to date. Never fails: what is not woken is found by the sweep. */
  wake(incident: Incident): Promise<void>;
};

/** What became of occurrences: each is in exactly one of these. */
export type TakenCounts = {
  readonly taken: number;
  /** Known before. */
  readonly known: number;
  /** Nobody hears of it. */
  readonly unrouted: number;
};

/**
 * From what happened to incidents: each occurrence once, whoever saw it and how often. What more happens to a subject belongs to its open
 * incident; what opens while many others do is told with them.
 * @throws where the store does not answer: then they are to be taken again
 */
export async function takeOccurrences(occurrences: readonly Occurrence[], parts: TakingParts): Promise<TakenCounts> {
  const subjects = bySubject(occurrences);
  const counts = { taken: 0, known: 0, unrouted: 0 };
  const bursts = new Set<string>();
  for (const list of subjects.values()) {
    const sorted = [...list].sort((a, b) => a.at - b.at);
    const came = await takeSubject(sorted, parts);
    counts.taken += came.taken;
    counts.unrouted += came.unrouted;
    counts.known += list.length - came.taken - came.unrouted;
    if (came.incident === undefined) continue;
    if (came.incident.burstId === null) await parts.wake(came.incident);
    else bursts.add(came.incident.burstId);
  }
  for (const id of bursts) await touchBurst(id, parts);
  return counts;
}

function bySubject(occurrences: readonly Occurrence[]): ReadonlyMap<string, readonly Occurrence[]> {
  const subjects = new Map<string, Occurrence[]>();
  for (const occurrence of occurrences) {
    const key = JSON.stringify([occurrence.source, occurrence.cluster, occurrence.subject]);
    const known = subjects.get(key);
    if (known === undefined) subjects.set(key, [occurrence]);
    else known.push(occurrence);
  }
  return subjects;
}

type Came = { readonly taken: number; readonly unrouted: number; readonly incident?: Incident };

async function takeSubject(list: readonly Occurrence[], parts: TakingParts): Promise<Came> {
  const [first] = list;
  if (first === undefined) return { taken: 0, unrouted: 0 };
  const keysOf = (each: Occurrence) =>
    each.source === 'watch' ? [each.key, takenKey({ ...each, isSuspected: true })] : [each.key];
  const keys = [...new Set(list.flatMap(keysOf))];
  const memberIds = [...new Set(list.flatMap(({ member }) => (member === null ? [] : [member.id])))];
  for (let attempt = 0; attempt < attempts; attempt++) {
    const known = await parts.store.known(first, keys, memberIds);
    const [next, ...others] = await unknownOf(list, known, parts);
    if (next === undefined) return { taken: 0, unrouted: 0 };
    const fresh: [Occurrence, ...Occurrence[]] = [next, ...others];
    const came =
      known.open === undefined ? await open(fresh, known, parts) : await carryOn(known.open, fresh, known, parts);
    if (came === 'unrouted') return { taken: 0, unrouted: fresh.length };
    if (came !== 'changed') return { taken: fresh.length, unrouted: 0, incident: came };
  }
  throw new Error(`${first.title} was changed by others ${attempts} times in a row`);
}

const attempts = 100;

/**
 * Each once, in their order. A kill may be called so only a moment after it was suspected: it is known while the suspicion is looked into, and
 * where that was right.
 */
async function unknownOf(
  list: readonly Occurrence[],
  { seen, open }: Known,
  { store }: Pick<TakingParts, 'store'>,
): Promise<Occurrence[]> {
  const own = new Set<string>();
  const sure = new Set(list.filter(({ isSuspected }) => !isSuspected).map(({ key }) => key));
  const unknown: Occurrence[] = [];
  for (const each of list) {
    const { key, isSuspected } = each;
    if (seen.has(key) || own.has(key) || (isSuspected && sure.has(key))) continue;
    const wasSuspected = seen.has(takenKey({ key, isSuspected: true }));
    if (wasSuspected && (isSuspected || open !== undefined || !(await store.isDismissed(suspicion(each))))) continue;
    own.add(key);
    unknown.push(each);
  }
  return unknown;
}

async function open(
  fresh: readonly [Occurrence, ...Occurrence[]],
  known: Known,
  parts: TakingParts,
): Promise<Incident | 'changed' | 'unrouted'> {
  const { store, now } = parts;
  // What ends without having begun here was told by somebody else, or never.
  if (fresh.every(({ member }) => member?.isOn === false)) return 'unrouted';
  const route = await parts.route(fresh[0]);
  if (route === undefined) return 'unrouted';
  const at = now().getTime();
  const calmAt = dueAtOf(route, at);
  // A silence is about this subject alone: what tells it with others does not wait for it.
  const dueAt = Math.max(calmAt, known.silencedUntil ?? 0);
  const { channelId, mention } = route;
  const isSure = fresh.some(({ isSuspected }) => !isSuspected);
  const openWith = async (burstId: string | null): Promise<Incident | 'changed'> => {
    const incident = opened(fresh, { channelId, mention, dueAt, burstId }, at);
    const stored = await store.commit(undefined, incident, {
      ...taken(fresh),
      ...(isSure && burstId === null ? { openedAt: at } : {}),
    });
    return stored ? incident : 'changed';
  };
  if (!isSure) return await openWith(null);
  const burst = await store.burst(burstLane(channelId, mention, calmAt, at));
  if (burst !== undefined && takesNew(burst, at)) return await openWith(burst.id);
  // One after another: as many as come at once would each find that there are few yet.
  return await inTurn(channelId, async () => await openWith(await burstFor(channelId, mention, calmAt, parts)));
}

const inTurn = createLanes();

async function carryOn(
  before: Incident,
  fresh: readonly Occurrence[],
  known: Known,
  parts: TakingParts,
): Promise<Incident | 'changed'> {
  const at = parts.now().getTime();
  let after = continued(before, fresh, known.members, at);
  const isConfirmed = before.state === 'suspected' && after.state === 'open';
  // What is over needs no thread of its own to say so.
  const isAlone =
    before.burstId !== null && after.state !== 'resolved' && (await parts.store.read(before.burstId))?.state !== 'open';
  if (isConfirmed || isAlone) {
    const burstId = await burstFor(before.channelId, before.mention, before.dueAt, parts);
    after = { ...unfolded(after, { burstId, dueAt: before.dueAt }), revision: before.revision + 1 };
  }
  const isOpening = (isConfirmed || isAlone) && after.burstId === null;
  const stored = await parts.store.commit(before, after, { ...taken(fresh), ...(isOpening ? { openedAt: at } : {}) });
  return stored ? after : 'changed';
}

function taken(fresh: readonly Occurrence[]) {
  return {
    keys: fresh.map((each) => ({ key: takenKey(each), at: each.at })),
    members: fresh.flatMap(({ member }) => (member === null ? [] : [member])),
  };
}

/** The incident that tells it with others, where as many have opened in this channel as are told by themselves; else null. */
export async function burstFor(
  channelId: string,
  mention: string | null,
  dueAt: number,
  { store, burst, now }: Pick<TakingParts, 'store' | 'burst' | 'now'>,
): Promise<string | null> {
  const at = now().getTime();
  const lane = burstLane(channelId, mention, dueAt, at);
  const open = await store.burst(lane);
  if (open !== undefined && takesNew(open, at)) return open.id;
  if ((await store.openings(channelId, at - burst.within)) < burst.incidents) return null;
  if (open !== undefined) return open.id;
  const made = openedBurst(channelId, mention, dueAt, at, lane);
  if (await store.commit(undefined, made)) return made.id;
  // Another worker was first.
  return (await store.burst(lane))?.id ?? null;
}

/** What is told together calls the same people, and at the same time: now, or when it has been quiet for long enough. */
function burstLane(channelId: string, mention: string | null, dueAt: number, now: number): string {
  return [channelId, ...(mention === null ? [] : [mention]), ...(dueAt > now ? ['later'] : [])].join(' ');
}

/**
 * Edits notify nobody: who opens long after the burst is told by itself again, be the others dying still, unless many open again.
 */
function takesNew({ openedAt, dueAt }: Incident, now: number): boolean {
  return dueAt > now || now - openedAt < burstTakesMs;
}

const burstTakesMs = 10 * 60_000;

const touching = new Map<string, Promise<void>>();
const touchingNext = new Map<string, Promise<void>>();

/** What a burst tells has changed. Of all that say so while it is written down, one more is enough. */
export function touchBurst(id: string, parts: Pick<TakingParts, 'store' | 'now' | 'wake'>): Promise<void> {
  const running = touching.get(id);
  if (running === undefined) {
    const touch = touchOnce(id, parts).finally(() => touching.delete(id));
    touching.set(id, touch);
    return touch;
  }
  const waiting = touchingNext.get(id);
  if (waiting !== undefined) return waiting;
  const next = running
    .catch(() => {})
    .then(() => {
      touchingNext.delete(id);
      return touchBurst(id, parts);
    });
  touchingNext.set(id, next);
  return next;
}

async function touchOnce(id: string, { store, now, wake }: Pick<TakingParts, 'store' | 'now' | 'wake'>): Promise<void> {
  const burst = await transition(store, id, (known) => touched(known, now().getTime()));
  if (burst !== undefined) await wake(burst);
}
