import type { ChangeRecord } from './change.ts';
import type { Command } from './command.ts';
import { refusalReport } from './help.ts';
import type { Change, Clients, Desk } from './job.ts';
import { type ProposingParts, proposeChange } from './proposing.ts';
import { Refusal } from './refusal.ts';
import type { Report } from './report/report.ts';
import { faultReport, lookTimeoutMs, runLook } from './run.ts';
import type { Answer } from './slack/answer.ts';
import type { AskTicket } from './ticket.ts';

/** What a change needs beside what a look needs. */
export type ChangeParts = ProposingParts & {
  show(record: ChangeRecord): Promise<void>;
  wake(record: ChangeRecord, afterMs: number): Promise<void>;
};

export type WorkParts = {
  readonly commands: readonly Command[];
  readonly clients: Clients;
  readonly reports: { saveReport(ticketId: string, report: Report): Promise<void> };
  readonly changes: ChangeParts;
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
 * @throws where the answer could not be shown: the queue tries again
 */
export async function carryOut(ticket: AskTicket, parts: WorkParts): Promise<void> {
  const { commands, clients, reports, signal, seenFrom, now, log, fault } = parts;
  const startedAt = now().getTime();
  const answer = parts.answer(ticket);
  const command = commands.find(({ name }) => name === ticket.command);
  const report = command?.job.kind === 'change' ? await change(command, command.job) : await lookAt(command);
  if (report === undefined) return;
  await Promise.all([
    answer.finish(report),
    // Kept for the Details button; the answer does not wait for it, nor fail with it.
    reports.saveReport(ticket.id, report).catch((error: unknown) => fault(ticket.id, error)),
  ]);
  log('answered', {
    id: ticket.id,
    command: ticket.command,
    verdict: report.verdict,
    tookMs: now().getTime() - startedAt,
    sinceAskedMs: now().getTime() - Date.parse(ticket.askedAt),
  });

  async function lookAt(found: Command | undefined): Promise<Report> {
    const [seen] = await Promise.all([
      found === undefined ? unknownCommand(ticket, now()) : look(found, ticket),
      answer.begin(),
    ]);
    return seen;
  }

  /** undefined where it waits for a yes: then its thread is the record's to show. */
  async function change(found: Command, job: Change): Promise<Report | undefined> {
    const parsed = job.input.safeParse(ticket.input);
    await answer.begin();
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
    };
    const came = await proposeChange(ticket, job, context, parts.changes);
    if (came.kind === 'ended') return came.report;
    await parts.changes.show(came.record);
    if (came.record.alone !== undefined)
      await parts.changes.wake(came.record, came.record.alone.startsAt - now().getTime());
    log('proposed', { id: ticket.id, change: came.record.id, command: ticket.command });
    return undefined;
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
    });
  }
}

/** A ticket of another version of Quorum: what it asks for is not known here. */
function unknownCommand(ticket: AskTicket, asOf: Date): Report {
  const refusal = new Refusal(
    'This was asked of another version of Quorum, and this one does not know it.',
    'Ask again.',
  );
  return refusalReport(refusal, { command: `/${ticket.command}` }, asOf);
}

/** The last word on a ticket that could not be answered: one more try to say so. */
export async function giveUp(
  ticket: AskTicket,
  error: Error,
  parts: Pick<WorkParts, 'answer' | 'now' | 'fault'>,
): Promise<void> {
  parts.fault(ticket.id, error);
  await parts.answer(ticket).finish(faultReport(`/${ticket.command}`, ticket.id, parts.now()));
}
