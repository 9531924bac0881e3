import type { Incident } from './incident.ts';
import type { Member } from './occurrence.ts';

/** What something happened to. */
export type Subject = Pick<Incident, 'source' | 'cluster' | 'subject'>;

/** What is known before occurrences of one subject are taken. */
export type Known = {
  /** The one that is open for this subject. */
  readonly open: Incident | undefined;
  /** Those of the keys asked about that were taken before. */
  readonly seen: ReadonlySet<string>;
  /** How the members asked about stand in the open incident. */
  readonly members: ReadonlyMap<string, Member>;
  /** Until when nothing new of this subject is to be told; undefined where it is not silenced. */
  readonly silencedUntil: number | undefined;
};

/** What is stored together with a transition, or not at all. */
export type Taken = {
  readonly keys?: readonly { readonly key: string; readonly at: number }[];
  readonly members?: readonly Member[];
  /** It was opened now, to be told by itself: counted to see a burst. */
  readonly openedAt?: number;
};

/** Incidents, one truth for all workers. Every call is one step in Redis. Times are milliseconds since the epoch. */
export type IncidentStore = {
  known(of: Subject, keys: readonly string[], members: readonly string[]): Promise<Known>;
  /**
   * Stores the incident after a transition, if it still is the one before.
   * @param before undefined for a new one
   * @returns false where somebody else was first: to be read and tried again
   */
  commit(before: Incident | undefined, after: Incident, taken?: Taken): Promise<boolean>;
  read(id: string): Promise<Incident | undefined>;
  /** What began and ended within an incident, as it stands now; in no order. */
  members(id: string): Promise<readonly Member[]>;
  /** Those that are open, or whose thread does not show yet how they stand; oldest first. */
  unfinished(): Promise<readonly Incident[]>;
  /** Those that a burst tells, as they stand now. */
  children(burstId: string): Promise<readonly Incident[]>;
  /** How many were opened in a channel since then, to be told by themselves. */
  openings(channelId: string, since: number): Promise<number>;
  /** The burst that is open for those of one kind in one channel. */
  burst(lane: string): Promise<Incident | undefined>;
  /** Keeps quiet about what happens to this subject next. */
  silence(of: Subject, until: number): Promise<void>;
  /** Remembers for a while that a suspicion came to nothing; `isDismissed` tells whether it is remembered. */
  dismiss(what: string, forMs: number): Promise<void>;
  isDismissed(what: string): Promise<boolean>;
  /** Whether this is the first time within a week that this is said. */
  sayOnce(what: string): Promise<boolean>;
  /** One worker at a time; taken over when its holder is silent for `forMs`. The holder may take it again. */
  lock(id: string, holder: string, forMs: number): Promise<boolean>;
  unlock(id: string, holder: string): Promise<void>;
  /**
   * A turn in something that is done at most once in `everyMs`.
   * @returns milliseconds until the turn; where that is more than `patienceMs` no turn was taken
   */
  turn(lane: string, everyMs: number, patienceMs: number): Promise<number>;
  /** The next turn comes no sooner than in `forMs`: what was done took place only now. */
  rest(lane: string, forMs: number): Promise<void>;
};

/** One transition, tried again while others are faster. @param decide undefined: nothing to be done */
export async function transition(
  store: IncidentStore,
  id: string,
  decide: (incident: Incident) => Incident | undefined,
): Promise<Incident | undefined> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = await store.read(id);
    if (before === undefined) return undefined;
    const after = decide(before);
    if (after === undefined) return before;
    if (await store.commit(before, after)) return after;
  }
  throw new Error(`the incident ${id} was changed by others ${attempts} times in a row`);
}

const attempts = 100;
