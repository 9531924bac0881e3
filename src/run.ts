import { randomUUID } from 'node:crypto';
import { changeDigest } from './change-record.ts';
import type { Command } from './command.ts';
import type { Config } from './config.ts';
import { refusalReport } from './help.ts';
import { take } from './intake.ts';
import type { Clients, Context } from './job.ts';
import { Refusal } from './refusal.ts';
import { proposalReport } from './report/proposal.ts';
import type { JsonObject, Report, Verdict } from './report/report.ts';
import { formatDuration } from './report/text.ts';
import { visibleReport } from './report/visible-text.ts';

/** How long a look may take before it is given up. */
export const lookTimeoutMs = 60_000;

/** 0 ok, 1 findings, 2 unknown or refused: what a script tests. */
export const exitCodes: Record<Verdict, number> = { ok: 0, findings: 1, unknown: 2, refused: 2 };

/** What a run in a terminal needs; none of Slack or Redis. */
export type Terminal = {
  readonly commands: readonly Command[];
  readonly config: Config;
  /** Why there is no usable config, for commands that need a cluster. */
  readonly configRefusal?: Refusal;
  /** The Kubernetes clusters that `--cluster` may name where they do not come from the config. */
  readonly clusters?: readonly string[];
  readonly clients: Clients;
  readonly signal: AbortSignal;
  /** The machine that looks: said beside the time of the answer. */
  readonly seenFrom: string;
  now(): Date;
  /** @throws Refusal where the file cannot be read */
  readFile(path: string): string;
  /** Told of what is not a refusal: the report names only its id. */
  fault(id: string, error: unknown): void;
};

/** One line from a terminal to its report. Roles do not apply: whoever may read the config's keys may read the clusters. */
export async function runLine(line: string, terminal: Terminal): Promise<Report> {
  const place = {
    readFile: terminal.readFile,
    ...(terminal.clusters === undefined ? {} : { clusters: terminal.clusters }),
    ...(terminal.configRefusal === undefined ? {} : { configRefusal: terminal.configRefusal }),
  };
  const taken = await take(line, terminal.commands, terminal.config, place, terminal.now(), async () => {});
  if (taken.kind === 'answered') return taken.report;
  if (taken.kind === 'form') throw new Error('a terminal shows no forms');
  return await runLook(taken.command, taken.input, terminal);
}

/** What runs a look needs beside its input. */
export type Surroundings = Pick<Terminal, 'clients' | 'signal' | 'seenFrom' | 'now' | 'fault'> &
  Partial<Pick<Context, 'progress' | 'desk' | 'kills' | 'space' | 'ticketId'>>;

/**
 * Runs a look; a refusal or a fault becomes a report like any other, so that every request has an answer.
 * @throws only where it was stopped from outside
 */
export async function runLook(command: Command, input: JsonObject, surroundings: Surroundings): Promise<Report> {
  const asked = { command: `/${command.name}` };
  const timeLimitMs = (command.job.kind === 'look' ? command.job.timeLimitMs : undefined) ?? lookTimeoutMs;
  const timeout = AbortSignal.timeout(timeLimitMs);
  const { clients, now } = surroundings;
  const context: Context = {
    clients,
    now,
    signal: AbortSignal.any([surroundings.signal, timeout]),
    progress: surroundings.progress ?? (() => {}),
    ...(surroundings.desk === undefined ? {} : { desk: surroundings.desk }),
    ...(surroundings.kills === undefined ? {} : { kills: surroundings.kills }),
    ...(surroundings.space === undefined ? {} : { space: surroundings.space }),
    ...(surroundings.ticketId === undefined ? {} : { ticketId: surroundings.ticketId }),
  };
  try {
    const report = visibleReport(await reportOf(command, input, context));
    return command.cluster === 'none' ? report : { seenFrom: surroundings.seenFrom, ...report };
  } catch (error) {
    // Handed back: whoever takes it next answers.
    if (surroundings.signal.aborted) throw error;
    if (error instanceof Refusal) return visibleReport(refusalReport(error, asked, now()));
    if (timeout.aborted)
      return refusalReport(
        new Refusal(
          `It took longer than ${formatDuration(timeLimitMs)} and was given up.`,
          'Ask again; if it stays so, run `quorum check` where the bot runs.',
        ),
        asked,
        now(),
      );
    const id = randomUUID().slice(0, 8);
    surroundings.fault(id, error);
    return faultReport(asked.command, id, now());
  }
}

/** A look's report; of a change what it would do: approving is done elsewhere. */
async function reportOf(command: Command, input: JsonObject, context: Context): Promise<Report> {
  const { job } = command;
  if (job.kind === 'look') return await job.run(input, context);
  const proposal = await job.propose(input, context);
  const standing = 'Nothing was changed: a change is approved in Slack, by a second person who has the role.';
  return proposalReport(`/${command.name}`, proposal, changeDigest(job, input, proposal), standing, context.now());
}

/** What people see of an error that nobody foresaw: an id to find it in the log, and no stack trace. */
export function faultReport(command: string, id: string, asOf: Date): Report {
  const claim = `Failed, id ${id}: a fault in Quorum, not an answer about your systems.`;
  return {
    command,
    verdict: 'unknown',
    title: 'Failed',
    summary: claim,
    asOf: asOf.toISOString(),
    findings: [
      {
        severity: 'critical',
        grade: 'unknown',
        claim,
        evidence: '',
        advice: `Ask again; if it stays so, look for ${id} in the log of the bot.`,
      },
    ],
    sections: [],
    data: { faultId: id },
  };
}
