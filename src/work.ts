import { setTimeout as pause } from 'node:timers/promises';
import type { ChangeRecord } from './change-record.ts';
import type { Command } from './command.ts';
import type { SpaceStore } from './etcd/space/sample.ts';
import { refusalReport } from './help.ts';
import type { Change, Clients, Desk } from './job.ts';
import type { KillStore } from './kubernetes/kill.ts';
import { type ProposingParts, proposeChange } from './proposing.ts';
import { Refusal } from './refusal.ts';
import type { Report } from './report/report.ts';
import { faultReport, lookTimeoutMs, runLook } from './run.ts';
import type { Answer } from './slack/answer.ts';
import { type AskTicket, changeIdOf } from './ticket.ts';

/** Measured: with 2 ms the first message of an idle worker comes in about half the time. */
const headStartMs = 2;

/** What a change needs beside what a look needs. */
export type ChangeParts = ProposingParts & {
  show(record: ChangeRecord): Promise<void>;
  wake(record: ChangeRecord, afterMs: number): Promise<void>;
};

export type WorkParts = {
  readonly commands: readonly Command[];
  readonly clients: Clients;
  /** What was found is kept before it is shown: an answer that cannot be shown now is shown later, and not looked for again. */
  readonly reports: {
    saveLine(ticketId: string, line: string): Promise<void>;
    saveReport(ticketId: string, report: Report): Promise<void>;
    report(ticketId: string): Promise<Report | undefined>;
  };
  readonly changes: ChangeParts;
  readonly kills: KillStore;
  readonly space: SpaceStore;
  desk(ticket: AskTicket): Desk;
  answer(ticket: AskTicket): Answer;
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** The machine that looks: said in the answer. */
  readonly seenFrom: string;
  now(): Date;
  log(event: string, details: Readonly<Record<string, unknown>>): void;
  fault(id: string, error: unknown): void;
};

/**
 * From a ticket to its answer: the only place that runs jobs for Slack. May be called again for the same ticket, by another process:
 * looks only read, and the answer's posts are keyed.
 * @param run `again` where an earlier run did not end well: what it found is shown, if it found anything
 * @throws where the answer could not be shown: the queue tries again
 */
export async function carryOut(ticket: AskTicket, parts: WorkParts, run: 'first' | 'again'): Promise<void> {
  const { commands, clients, reports, signal, seenFrom, now, log, fault } = parts;
  const startedAt = now().getTime();
  const answer = parts.answer(ticket);
  const command = commands.find(({ name }) => name === ticket.command);
  const known = run === 'again' ? await reports.report(ticket.id) : undefined;
  const report = known ?? (command?.job.kind === 'change' ? await change(command, command.job) : await lookAt(command));
  if (report === undefined) return;
  await answer.finish(report);
  log('answered', {
    id: ticket.id,
    command: ticket.command,
    verdict: report.verdict,
    tookMs: now().getTime() - startedAt,
    sinceAskedMs: now().getTime() - Date.parse(ticket.askedAt),
  });
  await answer.illustrate(report);

  async function lookAt(found: Command | undefined): Promise<Report> {
    const beginning = answer.begin().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    // The word that it was asked goes out before the look takes the CPU.
    await Promise.race([beginning, pause(headStartMs)]);
    const [seen] = await Promise.all([
      found === undefined ? unknownCommand(ticket, now()) : look(found, ticket),
      keep(() => reports.saveLine(ticket.id, ticket.line)),
    ]);
    await keep(() => reports.saveReport(ticket.id, seen));
    const trouble = await beginning;
    if (trouble !== undefined) throw trouble.error;
    return seen;
  }

  /** What is kept serves the buttons and a later run: the answer does not fail with it. */
  async function keep(save: () => Promise<void>): Promise<void> {
    await save().catch((error: unknown) => fault(ticket.id, error));
  }

  /** undefined where it waits for a yes: then its thread is the record's to show. */
  async function change(found: Command, job: Change): Promise<Report | undefined> {
    const parsed = job.input.safeParse(ticket.input);
    const made = await parts.changes.store.read(changeIdOf(ticket));
    // The worker that made it was killed before it could show it.
    if (made !== undefined) return await showChange(made);
    await Promise.all([answer.begin(), keep(() => reports.saveLine(ticket.id, ticket.line))]);
    if (!parsed.success) return unknownCommand(ticket, now());
    if (answer.isPrivate())
      return refusalReport(
        new Refusal(
          'Changes are not taken here: others have to see who asks for what, and who approves it.',
          'Ask in a channel of this workspace that I am in.',
        ),
        { command: `/${found.name}` },
        now(),
      );
    const context = {
      clients,
      now,
      signal: AbortSignal.any([signal, AbortSignal.timeout(lookTimeoutMs)]),
      progress: answer.progress,
      space: parts.space,
    };
    const came = await proposeChange(ticket, job, context, parts.changes);
    if (came.kind === 'ended') return came.report;
    return await showChange(came.record);
  }

  async function showChange(record: ChangeRecord): Promise<undefined> {
    await parts.changes.show(record);
    if (record.alone !== undefined) await parts.changes.wake(record, record.alone.startsAt - now().getTime());
    log('proposed', { id: ticket.id, change: record.id, command: ticket.command });
  }

  async function look(found: Command, { input }: AskTicket): Promise<Report> {
    const parsed = found.job.input.safeParse(input);
    if (!parsed.success) return unknownCommand(ticket, now());
    return await runLook(found, parsed.data, {
      clients,
      signal,
      seenFrom,
      now,
      fault,
      progress: answer.progress,
      desk: parts.desk(ticket),
      kills: parts.kills,
      space: parts.space,
      ticketId: ticket.id,
    });
  }
}

/** What whoever asked is told where the answer is for them alone, whatever it is; undefined where everybody may see it. */
export function aloneHint(ticket: AskTicket, commands: readonly Command[]): string | undefined {
  const job = commands.find(({ name }) => name === ticket.command)?.job;
  const input = job?.input.safeParse(ticket.input);
  if (job?.kind !== 'look' || input?.success !== true || job.isForAskerAlone?.(input.data) !== true) return undefined;
  return 'Only you see this: names can be secrets themselves.';
}

/** A ticket of another version of Quorum: what it asks for is not known here. */
function unknownCommand(ticket: AskTicket, asOf: Date): Report {
  const refusal = new Refusal(
    'This was asked of another version of Quorum, and this one does not know it.',
    'Ask again.',
  );
  return refusalReport(refusal, { command: `/${ticket.command}` }, asOf);
}

/**
 * The last word on a ticket that could not be answered: one more try to say so. A change that was made of it lives on, whatever became of
 * the workers that were to show it: its thread tells how it stands.
 */
export async function giveUp(
  ticket: AskTicket,
  error: Error,
  parts: Pick<WorkParts, 'answer' | 'changes' | 'now' | 'fault'>,
): Promise<void> {
  const { answer, changes, now, fault } = parts;
  fault(ticket.id, error);
  const made = await changes.store.read(changeIdOf(ticket));
  if (made !== undefined) return await changes.show(made);
  await answer(ticket).finish(faultReport(`/${ticket.command}`, ticket.id, now()));
}
