import type { Command } from './command.ts';
import { refusalReport } from './help.ts';
import type { Clients } from './job.ts';
import { Refusal } from './refusal.ts';
import type { Report } from './report/report.ts';
import { faultReport, runLook } from './run.ts';
import type { Answer } from './slack/answer.ts';
import type { Ticket } from './ticket.ts';

export type WorkParts = {
  readonly commands: readonly Command[];
  readonly clients: Clients;
  readonly reports: { saveReport(ticketId: string, report: Report): Promise<void> };
  answer(ticket: Ticket): Answer;
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
export async function carryOut(ticket: Ticket, parts: WorkParts): Promise<void> {
  const { commands, clients, reports, signal, seenFrom, now, log, fault } = parts;
  const startedAt = now().getTime();
  const answer = parts.answer(ticket);
  const command = commands.find(({ name }) => name === ticket.command);
  const [report] = await Promise.all([
    command === undefined ? unknownCommand(ticket, now()) : look(command, ticket),
    answer.begin(),
  ]);
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

  async function look(found: Command, { input }: Ticket): Promise<Report> {
    const parsed = found.job.input.safeParse(input);
    if (!parsed.success) return unknownCommand(ticket, now());
    return await runLook(found, parsed.data, { clients, signal, seenFrom, now, fault, progress: answer.progress });
  }
}

/** A ticket of another version of Quorum: what it asks for is not known here. */
function unknownCommand(ticket: Ticket, asOf: Date): Report {
  const refusal = new Refusal(
    'This was asked of another version of Quorum, and this one does not know it.',
    'Ask again.',
  );
  return refusalReport(refusal, { command: `/${ticket.command}` }, asOf);
}

/** The last word on a ticket that could not be answered: one more try to say so. */
export async function giveUp(
  ticket: Ticket,
  error: Error,
  parts: Pick<WorkParts, 'answer' | 'now' | 'fault'>,
): Promise<void> {
  parts.fault(ticket.id, error);
  await parts.answer(ticket).finish(faultReport(`/${ticket.command}`, ticket.id, parts.now()));
}
