import type { Person } from './access.ts';
import type { ChangeRecord } from './change-record.ts';
import { carryOn } from './change-work.ts';
import type { ChangeStore } from './changes.ts';
import type { Command } from './command.ts';
import type { Config } from './config.ts';
import { demandStanding } from './deciding.ts';
import type { SpaceStore } from './etcd/space/sample.ts';
import type { Change, Clients } from './job.ts';
import type { TicketQueue } from './redis/queue-client.ts';
import { createChangeAnswer } from './slack/change-answer.ts';
import type { Delivery } from './slack/delivery.ts';
import type { SlackWeb } from './slack/web.ts';
import { sweep } from './sweep.ts';
import { wakeTicket } from './ticket.ts';
import { undoOf } from './undo.ts';

export type ChangingParts = {
  readonly config: Config;
  readonly commands: readonly Command[];
  readonly store: ChangeStore;
  readonly queue: TicketQueue;
  readonly clients: Clients;
  readonly space?: SpaceStore;
  readonly delivery: Delivery;
  readonly web: SlackWeb;
  /** Who somebody is now, not a minute ago. */
  person(userId: string): Promise<Person>;
  readonly signal: AbortSignal;
  now(): Date;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
  fault(id: string, error: unknown): void;
};

/** The worker's side of changes: carries them on, shows them, and wakes what nobody woke. */
export type Changing = {
  carryOn(changeId: string): Promise<void>;
  show(record: ChangeRecord, hold?: () => Promise<void>): Promise<void>;
  sweep(): Promise<void>;
};

export function createChanging(parts: ChangingParts): Changing {
  const { config, commands, store, queue, clients, delivery, web, person, signal, now, log, fault } = parts;
  const jobs = commands.map(({ job }) => job).filter((job): job is Change => job.kind === 'change');
  const answer = createChangeAnswer({
    delivery,
    web,
    access: config.access,
    undoOf: (record) => undoOf(record, jobs),
    now,
    tell: log,
  });
  const wake = (record: ChangeRecord, afterMs = 0) => queue.add(wakeTicket(record.id, record.wake), afterMs);
  return {
    show: answer.show,
    carryOn: (changeId) =>
      carryOn(changeId, {
        jobs,
        store,
        clients,
        ...(parts.space === undefined ? {} : { space: parts.space }),
        signal,
        startWithinMs: config.access.approvals.startWithin,
        demandStanding: (record) => demandStanding(record, config.access, person),
        now,
        wake,
        show: answer.show,
        log,
        fault,
      }),
    sweep: () =>
      sweep({
        store,
        isAwake: (record) => queue.isLive(wakeTicket(record.id, record.wake).id),
        wake: (record) => wake(record),
        remind: answer.remind,
        escalateAfterMs: config.access.approvals.escalate.map(({ after }) => after),
        now,
        fault,
      }),
  };
}
