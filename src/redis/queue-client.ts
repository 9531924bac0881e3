import { DelayedError, type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';
import { type Ticket, ticketSchema } from '../ticket.ts';
import { redisOptions } from './connection-client.ts';

const queueName = 'tickets';
/** From Slack's 3 s for the ack: what is left after looking up the person. */
const enqueueDeadlineMs = 1500;
/** Tickets that nobody waits for come after all others. */
const behindPeople = 10;
/** A ticket of alerts has some 100 KB: more of them might not be stored within the deadline. */
const addedAtOnce = 10;

/** Puts tickets into the queue; answers within 1.5 s whatever Redis does. */
export type TicketQueue = {
  /** @throws Refusal: "not accepted" where Redis refused, "not confirmed" where it did not answer in time */
  add(ticket: Ticket, afterMs?: number): Promise<void>;
  /**
   * Stores all of these, behind whatever people ask for. They are carried out and forgotten: one that is added again afterwards is carried out again.
   * @throws Refusal where it is not certain that all of them are stored
   */
  addAll(tickets: readonly Ticket[]): Promise<void>;
  /** Whether a ticket waits, is delayed or is being carried out. */
  isLive(id: string): Promise<boolean>;
  counts(): Promise<Record<string, number>>;
  close(): Promise<void>;
};

/**
 * A producer that never waits for a connection: Redis being down or hung must not cost Slack's 3 seconds.
 * BullMQ's defaults wait for ever.
 */
export function connectQueue(redis: { url: string; prefix: string }, tellFault: (error: Error) => void): TicketQueue {
  const queue = new Queue(queueName, {
    prefix: redis.prefix,
    skipWaitingForReady: true,
    skipVersionCheck: true,
    connection: redisOptions(redis.url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      commandTimeout: 1000,
      connectTimeout: 1000,
    }),
    defaultJobOptions: {
      // With the waits below: an hour. Slack has been away for longer, but not often.
      attempts: 66,
      backoff: { type: 'custom' },
      // Kept so that a request that Slack sends again is known, and so that a failed one can be looked at.
      removeOnComplete: { count: 5000, age: 24 * 3600 },
      removeOnFail: { count: 1000, age: 7 * 24 * 3600 },
    },
  });
  queue.on('error', tellFault);
  return {
    async addAll(tickets) {
      for (let from = 0; from < tickets.length; from += addedAtOnce) {
        const part = tickets.slice(from, from + addedAtOnce);
        const jobs = part.map((ticket) => ({
          name: 'ticket',
          data: ticket,
          opts: { jobId: ticket.id, priority: behindPeople, removeOnComplete: true, removeOnFail: true },
        }));
        const [job] = jobs;
        // Most bodies make one ticket, and one by itself costs half as much.
        await certainly(jobs.length === 1 && job ? queue.add(job.name, job.data, job.opts) : queue.addBulk(jobs));
      }
    },
    async add(ticket, afterMs = 0) {
      await certainly(queue.add('ticket', ticket, { jobId: ticket.id, delay: afterMs }));
    },
    async isLive(id) {
      const state = await queue.getJobState(id);
      return ['waiting', 'active', 'delayed', 'prioritized', 'waiting-children'].includes(state);
    },
    counts: () => queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed', 'completed'),
    // Without Redis the closing fails, and the connection would be tried for ever.
    close: () => queue.close().catch(() => queue.disconnect()),
  };
}

/** @throws Refusal where Redis refuses, or does not say in time that it is stored */
async function certainly(adding: Promise<unknown>): Promise<void> {
  const late = Symbol('late');
  const settled = adding.then(
    () => undefined,
    (error: unknown) => (isTimeout(error) ? late : error),
  );
  const outcome = await within(enqueueDeadlineMs, settled, late);
  if (outcome === undefined) return;
  if (outcome === late || !isNeverSent(outcome))
    throw new Refusal(
      'Not confirmed: the queue (Redis) did not answer in time.',
      'If it was taken, the answer appears in this channel; look before you ask again.',
    );
  throw new Refusal(
    'Not accepted, nothing was started: the queue (Redis) cannot be reached.',
    'Ask again in a minute; whoever runs the bot can see why with `quorum check`.',
  );
}

/** Refused by Redis itself, or never written to a connection: whatever else went wrong may have come after the ticket was taken. */
function isNeverSent(error: unknown): boolean {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  return isReply || /isn't writeable|ECONNREFUSED|ENOTFOUND|EHOSTUNREACH/i.test(messageOf(error));
}

function isTimeout(error: unknown): boolean {
  return /timed out/i.test(messageOf(error));
}

/** What `work` comes to, or `late` when it takes longer. */
async function within<T, L>(ms: number, work: Promise<T>, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<L>((resolve) => {
    timer = setTimeout(resolve, ms, late);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Each kill of a worker counts as a stall of what it ran. Deploys in a row must not fail a request; one that ends its workers itself must. */
const mostStalls = 10;

/** At the end: what Redis gets to note what was finished. */
const lettingGoMs = 1000;

export type WorkerTimes = {
  /** How long a job is another worker's to take after its worker has gone. */
  readonly lockMs: number;
  readonly stalledCheckMs: number;
};

/** A job whose worker was killed is taken by another within 3.4 to 5.5 s (measured, Redis 7, two cores). */
export const defaultWorkerTimes: WorkerTimes = { lockMs: 5000, stalledCheckMs: 1000 };

/** Throws where the ticket is no longer this worker's to answer: it stood still for longer than its lock, and another has taken it. */
export type Hold = () => Promise<void>;

/** Whether a ticket is carried out for the first time, or an earlier run did not end well. */
export type Run = 'first' | 'again';

export type TicketWorker = {
  /** Resolves when the worker is connected and takes tickets. */
  ready(): Promise<void>;
  /** Takes no new tickets; what runs is finished, or after `withinMs` left for another worker to take over. */
  stop(withinMs: number): Promise<'finished' | 'handed back'>;
};

/**
 * Takes tickets from the queue, one call of `carryOut` each. A ticket whose call throws is tried again, for an hour in all;
 * then `giveUp` is told, once.
 * @param retryAfterMs how long to leave a ticket alone whose time has not come; undefined for an error like any other
 */
export function startTicketWorker(
  redis: { url: string; prefix: string },
  carryOut: (ticket: Ticket, hold: Hold, run: Run) => Promise<void>,
  giveUp: (ticket: Ticket, error: Error) => Promise<void>,
  retryAfterMs: (error: unknown) => number | undefined,
  tellFault: (error: Error) => void,
  times: WorkerTimes = defaultWorkerTimes,
): TicketWorker {
  let running = 0;
  let tellIdle = () => {};
  const worker = new Worker(
    queueName,
    async (job, token) => {
      running += 1;
      const hold = holdOn(job, token ?? '', times.lockMs, tellFault);
      try {
        const ticket = ticketSchema.parse(job.data);
        if (job.stalledCounter > mostStalls) {
          // Giving up is a run like any other: where this worker is killed, too, another one gives up.
          const error = new UnrecoverableError(`its worker ended ${job.stalledCounter} times while it ran`);
          await giveUp(ticket, error);
          throw error;
        }
        await carryOut(ticket, hold, job.attemptsStarted > 1 ? 'again' : 'first');
      } catch (error) {
        const waitMs = retryAfterMs(error);
        if (waitMs === undefined) {
          const isLast = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
          const ticket = ticketSchema.safeParse(job.data);
          if (isLast && ticket.success) {
            await hold();
            await giveUp(ticket.data, error instanceof Error ? error : new Error(messageOf(error)));
          }
          throw error;
        }
        // Its place is free for other tickets meanwhile, and it is no failed attempt.
        await job.moveToDelayed(Date.now() + waitMs, token);
        throw new DelayedError();
      } finally {
        running -= 1;
        if (running === 0) tellIdle();
      }
    },
    {
      prefix: redis.prefix,
      concurrency: 50,
      settings: { backoffStrategy: (attempt) => Math.min(1000 * 2 ** (attempt - 1), 60_000) },
      lockDuration: times.lockMs,
      stalledInterval: times.stalledCheckMs,
      // BullMQ would fail the ticket wherever it finds out, and nobody would be told where that worker is killed: see mostStalls.
      maxStalledCount: 1_000_000,
      skipVersionCheck: true,
      // Never a commandTimeout: a worker's blocking read is meant to wait.
      connection: redisOptions(redis.url, { maxRetriesPerRequest: null }),
    },
  );
  worker.on('error', tellFault);
  worker.on('failed', (_job, error) => tellFault(error));
  return {
    ready: async () => {
      await worker.waitUntilReady();
    },
    async stop(withinMs) {
      const closed = worker.close().then(() => 'finished' as const);
      const idle = new Promise<void>((resolve) => {
        tellIdle = resolve;
        if (running === 0) resolve();
      });
      // Without Redis the closing never ends; where nothing runs there is little to wait for.
      const over = idle.then(() => within(lettingGoMs, closed, 'finished' as const));
      return await within(withinMs, Promise.race([closed, over]), 'handed back' as const);
    },
  };
}

/** Asks Redis only where the lock may have run out: in a worker that did not stand still this costs nothing. */
function holdOn(job: Job, token: string, lockMs: number, tellFault: (error: Error) => void): Hold {
  let heldAt = performance.now();
  return async () => {
    if (performance.now() - heldAt < lockMs / 2) return;
    const askedAt = performance.now();
    if ((await job.extendLock(token, lockMs)) !== 1) {
      // A Redis that came back empty knows no ticket: nobody else will answer it.
      if ((await job.getState()) === 'unknown') return;
      const error = new Error(`ticket ${job.id} was taken over by another worker`);
      tellFault(error);
      throw error;
    }
    heldAt = askedAt;
  };
}
