import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Thread } from '../report/blocks.ts';
import type { Report } from '../report/report.ts';
import type { Delivery } from '../slack/delivery.ts';
import { SlackFailure, type UploadedFile } from '../slack/web.ts';
import { burstThread } from './burst-thread.ts';
import { type Incident, isKeptBack } from './incident.ts';
import { transition } from './incident-store.ts';
import { incidentReplies, incidentRoot, type ThreadParts } from './incident-thread.ts';
import type { Member } from './occurrence.ts';
import { dismissedMs, isUnanswered, suspicion, unansweredMs } from './suspicion.ts';
import { burstFor, type TakingParts, touchBurst } from './taking.ts';
import { dismissed, lookedAt, moved, postponed, told, unfolded } from './transitions.ts';

export type TellingParts = Omit<TakingParts, 'route'> & {
  /** Messages in one channel, over all workers. */
  readonly postEveryMs: number;
  readonly delivery: Delivery;
  /** Whether somebody would see it happen again: where nobody watches, neither calm nor a look without an answer says anything. */
  isWatched(incident: Incident): Promise<boolean>;
  /** Runs the look that answers it. @throws only where it is stopped from outside */
  look(incident: Incident): Promise<Report>;
  /** Whether the look's answer to a suspicion is that it was for memory. */
  isForMemory(report: Report): boolean;
  /** What the buttons of a thread ask for by the incident's id. */
  keep(incident: Incident, report: Report): Promise<void>;
  kept(id: string): Promise<Report | undefined>;
  links(incident: Incident, report: Report | undefined): ThreadParts['links'];
  offers(incident: Incident, report: Report): ThreadParts['offers'];
  /** The report's picture into the thread; at least once. */
  illustrate(channelId: string, threadTs: string, report: Report): Promise<void>;
  upload(channelId: string, threadTs: string, file: UploadedFile): Promise<void>;
  /** For what no channel takes: the channel of the config's default; undefined where there is none. */
  readonly defaultChannelId: string | undefined;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
};

/** A turn that is farther away is not waited for: the ticket comes back, and its place is free meanwhile. */
const patienceMs = 2500;
/** Looks that nobody asked for take turns: a hundred suspicions at once are no load for an API server. */
const looksEveryMs = 500;
const lockMs = 10_000;
/** What goes on is looked at again after this; every repeat in between is counted only. */
const lookAgainMs = 30 * 60_000;
/** A channel that takes no messages, where there is no other one: tried again after this. */
const refusedAgainMs = 10 * 60_000;
/** Nobody wants to be told of what has been over for so long. */
const refusedForMs = 86_400_000;

/**
 * Brings the thread of an incident up to date: posts it, looks, edits. May be called at any time, by any worker, again and again: posts are
 * keyed, one worker at a time is at it, and what the thread shows is stored last.
 * @throws SlackFailure and others that pass: the queue tries again
 */
export async function tellIncident(id: string, parts: TellingParts): Promise<void> {
  const { store, now } = parts;
  const holder = randomUUID();
  // Whoever is at it looks again before it ends; where it is killed its own ticket comes back.
  if (!(await store.lock(id, holder, lockMs))) return;
  const renewing = setInterval(() => store.lock(id, holder, lockMs).catch(() => {}), lockMs / 3);
  try {
    const incident = await store.read(id);
    if (incident === undefined || incident.state === 'dismissed' || incident.burstId !== null) return;
    if (isKeptBack(incident, now().getTime())) return await parts.wake(incident);
    if (incident.source === 'burst') await tellBurst(incident, parts);
    else await tellOne(incident, parts);
  } catch (error) {
    if (!(error instanceof SlackFailure && error.kind === 'refused')) throw error;
    await moveAway(id, error, parts);
  } finally {
    clearInterval(renewing);
    await store.unlock(id, holder).catch(() => {});
  }
  // It went on while it was told, and whoever was to tell that left it to us.
  const after = await store.read(id);
  if (after !== undefined && after.burstId === null && after.told > 0 && after.content > after.told)
    await parts.wake(after);
}

async function tellOne(before: Incident, parts: TellingParts): Promise<void> {
  let incident = before;
  let report: Report | undefined;
  if (incident.state === 'suspected') {
    report = await looked(incident, parts);
    const isOld = parts.now().getTime() - incident.openedAt >= unansweredMs;
    if (isUnanswered(report) && !(isOld && (await parts.isWatched(incident))))
      return parts.log('suspicion not answered', {
        incident: incident.id,
        subject: incident.title,
        error: report.summary,
      });
    if (!parts.isForMemory(report)) {
      await transition(parts.store, incident.id, (known) =>
        known.state === 'suspected' ? dismissed(known) : undefined,
      );
      await parts.store.dismiss(suspicion(incident), dismissedMs);
      return parts.log('suspicion dismissed', {
        incident: incident.id,
        subject: incident.title,
        found: report.summary,
      });
    }
    const confirmed = await confirm(incident, report, parts);
    if (confirmed === undefined) return;
    incident = confirmed;
    if (isKeptBack(incident, parts.now().getTime())) return await parts.wake(incident);
  }
  // What is known already goes out before the look.
  const isFirst = incident.told === 0 && report === undefined;
  report ??= incident.seen === null ? undefined : await parts.kept(incident.id);
  if (isFirst) await putRoot(incident, report, parts);
  if (report === undefined || mayLookAgain(incident, parts.now().getTime())) {
    const fresh = incident.line === null ? undefined : await looked(incident, parts);
    if (fresh !== undefined) {
      report = fresh;
      incident = (await saved(incident, fresh, parts)) ?? incident;
    }
  }
  const threadTs = await putRoot(incident, report, parts);
  const members = await membersOf(incident, parts);
  const replies = incidentReplies(incident, { ...threadParts(incident, report, parts), members });
  await putReplies(incident, threadTs, replies, parts);
  const shown = incident.content;
  await transition(parts.store, incident.id, (known) => (known.told < shown ? told(known, shown) : undefined));
  parts.log('incident told', {
    incident: incident.id,
    subject: incident.title,
    count: incident.count,
    state: incident.state,
  });
  if (isFirst && report?.chart !== undefined) await parts.illustrate(incident.channelId, threadTs, report);
}

/** More than so many alerts of one group are counted, not named. */
const mostNamed = 90;

async function membersOf({ id, members: { known } }: Incident, { store }: TellingParts): Promise<readonly Member[]> {
  return known < 2 || known > mostNamed ? [] : await store.members(id);
}

function mayLookAgain({ seen, lastAt, state }: Incident, now: number): boolean {
  return state === 'open' && seen !== null && now - seen.at >= lookAgainMs && lastAt > seen.at;
}

async function looked(incident: Incident, parts: TellingParts): Promise<Report> {
  const waitMs = await parts.store.turn(`look ${incident.cluster}`, looksEveryMs, patienceMs);
  if (waitMs > patienceMs) throw new SlackFailure('look', 'rate-limited', 'others are looked at first', waitMs);
  // A single one is answered at once.
  if (waitMs > 0) await pause(waitMs);
  return await parts.look(incident);
}

/** What was found is kept with the incident; a look that was refused is no answer, and is not kept. */
async function saved(incident: Incident, report: Report, parts: TellingParts): Promise<Incident | undefined> {
  await parts.keep(incident, report);
  if (report.verdict === 'refused') return undefined;
  const seen = seenOf(report, parts.now().getTime());
  return await transition(parts.store, incident.id, (known) => lookedAt(known, seen));
}

/** How many restarts there were when it was looked at is soon wrong: the incident counts by itself. */
function seenOf({ summary, verdict }: Report, at: number): NonNullable<Incident['seen']> {
  return { summary: summary.replace(/ \(\d+ restarts?\)/, ''), verdict, at };
}

/** It was for memory: from here on it is an incident like any other. undefined where it is told with others. */
async function confirm(incident: Incident, report: Report, parts: TellingParts): Promise<Incident | undefined> {
  await parts.keep(incident, report);
  const at = parts.now().getTime();
  const { channelId, mention, dueAt } = incident;
  const burstId = await burstFor(channelId, mention, dueAt, parts);
  const seen = seenOf(report, at);
  for (;;) {
    const known = await parts.store.read(incident.id);
    if (known === undefined) return undefined;
    const after = { ...unfolded(lookedAt(known, seen), { burstId, dueAt }), revision: known.revision + 1 };
    if (!(await parts.store.commit(known, after, burstId === null ? { openedAt: at } : {}))) continue;
    if (burstId === null) return after;
    await touchBurst(burstId, parts);
    return undefined;
  }
}

async function tellBurst(burst: Incident, parts: TellingParts): Promise<void> {
  const children = (await parts.store.children(burst.id)).filter(
    ({ state }) => state === 'open' || state === 'resolved',
  );
  if (children.length === 0) return;
  const { root, ...replies } = burstThread(burst, children, parts.now().getTime());
  const threadTs = await put(burst, 'root', { channelId: burst.channelId }, root, parts);
  await putReplies(burst, threadTs, replies, parts);
  const shown = burst.content;
  await transition(parts.store, burst.id, (known) => (known.told < shown ? told(known, shown) : undefined));
  parts.log('incident told', { incident: burst.id, subject: burst.title, count: children.length, state: burst.state });
}

function threadParts(incident: Incident, report: Report | undefined, parts: TellingParts): ThreadParts {
  return {
    report,
    links: parts.links(incident, report),
    offers: report === undefined ? [] : parts.offers(incident, report),
    now: parts.now().getTime(),
  };
}

async function putRoot(incident: Incident, report: Report | undefined, parts: TellingParts): Promise<string> {
  const root = incidentRoot(incident, threadParts(incident, report, parts));
  return await put(incident, 'root', { channelId: incident.channelId }, root, parts);
}

async function putReplies(
  incident: Incident,
  threadTs: string,
  { details, more, file }: Omit<Thread, 'root'>,
  parts: TellingParts,
): Promise<void> {
  const { channelId } = incident;
  if (details !== undefined) await put(incident, 'details', { channelId, threadTs }, details, parts);
  if (more !== undefined) await put(incident, 'more', { channelId, threadTs }, more, parts);
  if (file !== undefined && incident.told === 0) {
    await channelTurn(channelId, parts);
    await parts.upload(channelId, threadTs, file);
  }
}

async function put(
  { id, channelId }: Incident,
  part: 'root' | 'details' | 'more',
  target: { channelId: string; threadTs?: string },
  shown: Thread['root'],
  parts: TellingParts,
): Promise<string> {
  let isPosted = false;
  const ts = await parts.delivery.put(`${id}-${channelId}-${part}`, target, shown, async (act) => {
    // Edits have a limit of their own, and notify nobody.
    if (act !== 'post') return;
    await channelTurn(channelId, parts);
    isPosted = true;
  });
  // A busy process posts later than at its turn: the second begins when the message stands there.
  if (isPosted) await parts.store.rest(`channel ${channelId}`, parts.postEveryMs);
  return ts;
}

/** Messages of one channel take turns, over all workers. */
async function channelTurn(channelId: string, { store, postEveryMs }: TellingParts): Promise<void> {
  const waitMs = await store.turn(`channel ${channelId}`, postEveryMs, patienceMs);
  if (waitMs > patienceMs) throw new SlackFailure('chat.postMessage', 'rate-limited', 'others first', waitMs);
  if (waitMs > 0) await pause(waitMs);
}

/** A channel that takes no messages (archived, gone, the bot is not in it): the default one does, and says so once. */
async function moveAway(id: string, failure: SlackFailure, parts: TellingParts): Promise<void> {
  const { store, defaultChannelId, now, log } = parts;
  const incident = await store.read(id);
  if (incident === undefined) return;
  log('incident refused', { incident: id, channel: incident.channelId, error: failure.message });
  if (defaultChannelId === undefined || incident.channelId === defaultChannelId) {
    const isHistory = incident.resolvedAt !== null && now().getTime() - incident.resolvedAt >= refusedForMs;
    if (isHistory) {
      log('incident lost', { incident: id, subject: incident.title, channel: incident.channelId });
      await transition(store, id, (known) => told(known, known.content));
      return;
    }
    await transition(store, id, (known) => postponed(known, now().getTime() + refusedAgainMs));
    return;
  }
  const isNews = await store.sayOnce(`moved ${incident.channelId}`);
  const after = await transition(store, id, (known) =>
    known.channelId === incident.channelId
      ? { ...moved(known, defaultChannelId), ...(isNews ? {} : { movedFrom: null }) }
      : undefined,
  );
  if (after !== undefined) await parts.wake(after);
}
