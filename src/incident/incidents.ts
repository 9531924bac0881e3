import type { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';
import { incidentTicket, type Ticket } from '../ticket.ts';
import { type Incident, isKeptBack } from './incident.ts';
import { type Subject, transition } from './incident-store.ts';
import type { Occurrence } from './occurrence.ts';
import { tomorrowMorning } from './quiet-hours.ts';
import type { Route } from './routing.ts';
import { type TakenCounts, type TakingParts, takeOccurrences, touchBurst } from './taking.ts';
import { type TellingParts, tellIncident } from './telling.ts';
import { mended, resolved, silenced } from './transitions.ts';

/** A ticket that was lost is made up for within this; one that waits for its turn is not doubled more often. */
const lostAfterMs = 30_000;
/** What goes on is told anew so often: its times name their day then, and its posts are remembered for a week only. */
const anewEveryMs = 86_400_000;
/** Thousands may be open: each is asked about only so long after its day has begun. */
const anewWithinMs = 5 * 60_000;
/** What a burst tells is read anew this often, whoever was to say that it changed. */
const burstEveryMs = 60_000;
/** Nothing new for so long: what comes after is another burst. */
const burstOverMs = 10 * 60_000;

/** How often people are shown something. */
export type TellingTimes = {
  /** Messages in one channel, over all workers; Slack refuses more than one a second. */
  readonly postEveryMs: number;
  /** What goes on is brought up to date at most so often; what is new is told at once. */
  readonly editEveryMs: number;
};

export const defaultTellingTimes: TellingTimes = { postEveryMs: 1000, editEveryMs: 3000 };

export type WakingParts = {
  readonly times: TellingTimes;
  add(ticket: Ticket, afterMs: number): Promise<void>;
  now(): Date;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
};

/** Has a thread brought up to date: at once where it is new, every few seconds where it goes on. Never fails: the sweep finds what was lost. */
export async function wakeIncident(incident: Incident, { add, now, log, times }: WakingParts): Promise<void> {
  const at = now().getTime();
  const { id, channelId, dueAt, told, content } = incident;
  // A burst has up to three messages to edit, and Slack takes some fifty edits a minute (docs.slack.dev, chat.update is in tier 3).
  const editEveryMs = times.editEveryMs * (incident.source === 'burst' ? 2 : 1);
  const nextEdit = Math.ceil((at + 1) / editEveryMs) * editEveryMs;
  const ticket = isKeptBack(incident, at)
    ? { which: `due-${dueAt}`, afterMs: dueAt - at }
    : told === 0 && content <= 1
      ? { which: `first-${channelId}`, afterMs: 0 }
      : { which: `edit-${nextEdit}`, afterMs: nextEdit - at };
  await add(incidentTicket(id, ticket.which), ticket.afterMs).catch((error: Refusal | Error) =>
    log('incident not woken', { incident: id, error: messageOf(error) }),
  );
}

export type SweepParts = Pick<TellingParts, 'store' | 'now' | 'wake' | 'isWatched'> & {
  /** How long a subject has to be calm. */
  readonly resolveAfterMs: number;
  add(ticket: Ticket, afterMs: number): Promise<void>;
  fault(id: string, error: unknown): void;
};

/**
 * One round over all incidents that are not finished: those whose thread does not show how they stand are woken (their ticket was lost), those
 * that were calm for long enough end.
 */
export async function sweepIncidents(parts: SweepParts): Promise<void> {
  const { store, now, resolveAfterMs, isWatched, add, fault } = parts;
  const bursts = new Set<string>();
  const at = now().getTime();
  const round = Math.floor(at / lostAfterMs);
  for (const incident of await store.unfinished()) {
    try {
      const calmMs = at - incident.lastAt;
      const calmEnough = incident.source === 'burst' ? burstOverMs : resolveAfterMs;
      const endsByItself = incident.members.known > 0;
      const isCalm = !endsByItself && calmMs >= calmEnough && at - incident.openedAt >= calmEnough;
      const openMs = at - incident.openedAt;
      if (incident.state === 'open' && isCalm && (incident.source !== 'watch' || (await isWatched(incident)))) {
        const after = await transition(store, incident.id, (known) =>
          known.lastAt === incident.lastAt ? resolved(known, at) : undefined,
        );
        if (after !== undefined && after.burstId === null) await parts.wake(after);
        else if (after?.burstId != null) bursts.add(after.burstId);
      } else if (incident.burstId !== null || isKeptBack(incident, at)) {
        // Another one tells it, or its time has not come.
      } else if (incident.told < incident.content) {
        await add(incidentTicket(incident.id, `sweep-${round}`), 0);
      } else if (incident.source === 'burst') {
        await add(incidentTicket(incident.id, `round-${Math.floor(at / burstEveryMs)}`), 0);
      } else if (openMs >= anewEveryMs && openMs % anewEveryMs < anewWithinMs) {
        await add(incidentTicket(incident.id, `day-${Math.floor(openMs / anewEveryMs)}`), 0);
      }
    } catch (error) {
      // One that cannot be handled must not keep the others from being told.
      fault(incident.id, error);
    }
  }
  for (const id of bursts) await touchBurst(id, parts).catch((error: unknown) => fault(id, error));
}

/** How long a button keeps an incident quiet. */
export type SilenceFor = 'hour' | 'tomorrow';

/** Nothing new is told of its subject until then; what happens is counted, and told when it is over. undefined: there is no such incident. */
export async function silenceIncident(
  id: string,
  how: SilenceFor,
  userId: string,
  parts: Pick<TakingParts, 'store' | 'now' | 'wake'> & { readonly timeZone: string },
): Promise<Incident | undefined> {
  const { store, now, wake, timeZone } = parts;
  const at = now().getTime();
  const until = how === 'hour' ? at + 3_600_000 : tomorrowMorning(timeZone, at);
  const after = await transition(store, id, (known) => silenced(known, until, userId));
  if (after === undefined) return undefined;
  await store.silence(after, until);
  await wake(after);
  return after;
}

export type IncidentsParts = Omit<TellingParts, 'wake' | 'postEveryMs'> & {
  readonly times: TellingTimes;
  readonly resolveAfterMs: number;
  add(ticket: Ticket, afterMs: number): Promise<void>;
  fault(id: string, error: unknown): void;
};

/** The worker's side of incidents. */
export type Incidents = {
  /** @param route who hears of each, undefined where nobody does */
  take(
    occurrences: readonly Occurrence[],
    route: (occurrence: Occurrence) => Promise<Route | undefined>,
  ): Promise<TakenCounts>;
  tell(id: string): Promise<void>;
  /** A change that was to end what happens to this subject is done: its open incident says so, where there is one. */
  mended(of: Subject, change: { readonly at: number; readonly by: string }): Promise<void>;
  sweep(): Promise<void>;
};

export function createIncidents(parts: IncidentsParts): Incidents {
  const wake = (incident: Incident) => wakeIncident(incident, parts);
  const all = { ...parts, postEveryMs: parts.times.postEveryMs, wake };
  return {
    take: (occurrences, route) => takeOccurrences(occurrences, { ...all, route }),
    tell: (id) => tellIncident(id, all),
    async mended(of, change) {
      const { open } = await parts.store.known(of, [], []);
      if (open === undefined) return;
      const after = await transition(parts.store, open.id, (known) => mended(known, change));
      if (after?.mended?.at === change.at && after.burstId === null) await wake(after);
    },
    sweep: () => sweepIncidents(all),
  };
}
