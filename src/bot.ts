import { setTimeout as pause } from 'node:timers/promises';
import { demandBreakGlass, demandRole, groupsIn, type Person } from './access.ts';
import type { ChangeRecord } from './change-record.ts';
import type { ChangeStore } from './changes.ts';
import type { Command } from './command.ts';
import type { Config } from './config.ts';
import { decide } from './deciding.ts';
import { nounOf } from './grammar.ts';
import { refusalReport } from './help.ts';
import type { Incident } from './incident/incident.ts';
import type { SilenceFor } from './incident/incidents.ts';
import { take } from './intake.ts';
import { lineBehind } from './kubernetes/fix-line.ts';
import { redact } from './redact.ts';
import { Refusal } from './refusal.ts';
import { renderEphemeral } from './report/blocks.ts';
import type { Report } from './report/report.ts';
import { shortened } from './report/text.ts';
import { faultReport } from './run.ts';
import { quotedWord } from './shell-quoting.ts';
import { type FormOrigin, formView } from './slack/form-view.ts';
import type { Incoming, SlackRequest } from './slack/incoming.ts';
import type { Message } from './slack/message.ts';
import type { SlackWeb } from './slack/web.ts';
import { messageOf } from './thrown.ts';
import { type Ticket, ticketId } from './ticket.ts';
import { undoOf } from './undo.ts';
import { createUnsignedRequests } from './unsigned-requests.ts';
import { unmangle } from './words.ts';

/** What is left of Slack's three seconds goes to the answer. */
const noteWithinMs = 500;

/** A certificate with its chain is a few kilobytes. */
const maxFormFileBytes = 64 * 1024;

export type BotParts = {
  readonly commands: readonly Command[];
  readonly config: Config;
  readonly queue: { add(ticket: Ticket): Promise<void> };
  readonly reports: {
    report(ticketId: string): Promise<Report | undefined>;
    line(ticketId: string): Promise<string | undefined>;
  };
  readonly web: SlackWeb;
  now(): Date;
  readonly changes: ChangeStore;
  wake(record: ChangeRecord): Promise<void>;
  /** Keeps an incident quiet; undefined where there is no such incident any more. */
  silence(incidentId: string, how: SilenceFor, userId: string): Promise<Incident | undefined>;
  /** One line a request. */
  log(event: string, details: Readonly<Record<string, unknown>>): void;
  fault(id: string, error: unknown): void;
};

/** The half that listens: from what Slack sends to a ticket in the queue, or to an answer that only the asker sees. */
export function createBot(parts: BotParts): Incoming {
  const { commands, config, queue, reports, web, changes, wake, now, log, fault } = parts;
  const prefix = config.slack?.commandPrefix ?? '';
  const groups = groupsIn(config.access);
  const changeJobs = commands.flatMap(({ job }) => (job.kind === 'change' ? [job] : []));

  async function person(userId: string): Promise<Person> {
    try {
      return await web.person(userId, groups);
    } catch (error) {
      throw new Refusal(
        'Nothing was started: Slack did not tell who you are, so your role could not be checked.',
        `Ask again in a minute. (${error instanceof Error ? error.message : 'no answer'})`,
      );
    }
  }

  async function taken(
    request: SlackRequest,
    id: string,
    texts: Readonly<Record<string, string>>,
  ): Promise<Report | undefined> {
    const line = withNoun(request.line, prefix);
    const { triggerId } = request;
    const place = {
      channelId: request.channelId,
      prefix,
      texts,
      ...(triggerId === undefined ? {} : { canShowForm: true as const }),
    };
    const result = await take(line, commands, config, place, now(), async (command, incident) => {
      try {
        const asker = await person(request.userId);
        demandRole(asker, command.allowed, config.access);
        if (incident !== undefined) demandBreakGlass(asker, config.access);
      } catch (error) {
        if (error instanceof Refusal && command.job.kind === 'change') await noteRefused(request, command.name, error);
        throw error;
      }
    });
    if (result.kind === 'answered') return result.report;
    if (result.kind === 'form') return await showForm(result.command, request, result.cluster);
    const { command, cluster, input, incident, reason } = result;
    const ticket: Ticket = {
      kind: 'ask',
      id,
      command: command.name,
      line: shortened(unmangle(line).trim(), 1900),
      cluster,
      input,
      requester: { userId: request.userId },
      ...(incident === undefined ? {} : { incident }),
      ...(reason === undefined ? {} : { reason }),
      place: {
        channelId: request.channelId,
        ...(request.threadTs === undefined ? {} : { threadTs: request.threadTs }),
        ...(request.responseUrl === undefined ? {} : { responseUrl: request.responseUrl }),
      },
      askedAt: now().toISOString(),
    };
    try {
      await queue.add(ticket);
    } catch (error) {
      if (error instanceof Refusal) return refusalReport(error, { command: `/${prefix}${command.name}` }, now());
      throw error;
    }
    return undefined;
  }

  /** Slack waits for its ack: an audit that is away does not hold it up, and the log has it too. */
  async function noteRefused({ userId, line }: SlackRequest, name: string, why: Refusal): Promise<void> {
    const noted = changes.note({
      at: now().toISOString(),
      actor: userId,
      action: 'refused',
      cluster: '',
      changeId: '',
      details: { command: `/${name}`, line: redact(shortened(line, 300)), why: why.message },
    });
    await Promise.race([noted, pause(noteWithinMs, undefined, { ref: false })]).catch((error: unknown) =>
      fault('audit', error),
    );
    noted.catch(() => {});
  }

  async function showForm(
    { form, ...command }: Command,
    { triggerId, channelId, threadTs, responseUrl }: SlackRequest,
    cluster: string | undefined,
  ): Promise<undefined> {
    if (form === undefined || triggerId === undefined) return;
    const clusters =
      command.cluster === 'none' || cluster !== undefined || config.channels[channelId] !== undefined
        ? []
        : Object.keys(config[command.cluster].clusters);
    const origin: FormOrigin = {
      command: command.name,
      channelId,
      ...(threadTs === undefined ? {} : { threadTs }),
      ...(responseUrl === undefined ? {} : { responseUrl }),
      ...(cluster === undefined ? {} : { cluster }),
    };
    const required = config.changes.requireReason ? ['reason'] : [];
    await web.openModal(triggerId, formView(command, form, clusters, required, origin));
  }

  async function ask(
    request: SlackRequest,
    texts: Readonly<Record<string, string>> = {},
  ): Promise<Message | undefined> {
    const id = ticketId(request.origin);
    const startedAt = now().getTime();
    let report: Report | undefined;
    try {
      report = await taken(request, id, texts);
    } catch (error) {
      fault(id, error);
      report = faultReport(shortened(redact(request.line), 80), id, now());
    }
    log('request', {
      id,
      user: request.userId,
      channel: request.channelId,
      command: report?.command ?? commandOf(redact(request.line)),
      outcome: report === undefined ? 'queued' : report.verdict,
      tookMs: now().getTime() - startedAt,
    });
    return report === undefined ? undefined : renderEphemeral(report);
  }

  return {
    ask,
    async decide(click) {
      const wanted = `change ${click.kind}`;
      try {
        const record = await decide(click, {
          config,
          store: changes,
          person: (id) => web.person(id, groups, 'fresh'),
          wake,
          now,
          fault,
        });
        log('click', { change: click.changeId, user: click.userId, kind: click.kind, outcome: record.state });
        return undefined;
      } catch (error) {
        log('click', { change: click.changeId, user: click.userId, kind: click.kind, outcome: 'refused' });
        if (error instanceof Refusal) return renderEphemeral(refusalReport(error, { command: wanted }, now()));
        fault(click.changeId, error);
        return renderEphemeral(faultReport(wanted, click.changeId, now()));
      }
    },
    async submit(origin, { texts, files }, userId, request) {
      const command = commands.find(({ name }) => name === origin.command);
      if (command?.form === undefined) return undefined;
      const handed: Record<string, string> = {};
      try {
        for (const [name, fileId] of Object.entries(files)) handed[name] = await web.fileText(fileId, maxFormFileBytes);
      } catch (error) {
        const refusal =
          error instanceof Refusal
            ? error
            : new Refusal(`The file could not be read: ${messageOf(error)}.`, 'Try again.');
        return renderEphemeral(refusalReport(refusal, { command: `/${command.name}` }, now()));
      }
      const typed: Record<string, string> = { ...texts };
      for (const { name, kind } of command.form.fields)
        if (kind === 'multiline' && typed[name] !== undefined) {
          handed[name] = typed[name];
          delete typed[name];
        }
      const cluster = texts.cluster ?? origin.cluster;
      const words = [...(cluster === undefined ? [] : ['--cluster', cluster]), ...command.form.words(typed)];
      const line = [`/${prefix}${command.name}`, ...words.map(quotedWord)].join(' ');
      const { channelId, threadTs, responseUrl } = origin;
      const where = {
        userId,
        channelId,
        origin: request,
        ...(threadTs === undefined ? {} : { threadTs }),
        ...(responseUrl === undefined ? {} : { responseUrl }),
      };
      return await ask({ ...where, line }, handed);
    },
    async askWhy(changeId, triggerId) {
      await web.openModal(triggerId, denialView(changeId));
    },
    async again(id, where) {
      const line = await reports.line(id);
      if (line !== undefined) return await ask({ ...where, line });
      const gone = new Refusal(
        'What was asked here is older than a week and is no longer kept.',
        'Type the command again.',
      );
      return renderEphemeral(refusalReport(gone, { command: 'run again' }, now()));
    },
    async offered(which, id, where) {
      const report = await reports.report(id).catch(refusalOf);
      const known = report === undefined || report instanceof Refusal ? undefined : report;
      const line = known === undefined ? undefined : lineBehind(which, known);
      const why = `--reason ${quotedWord(which === 'oom-ask' ? 'asked under an answer of /oom why' : 'recommended by an answer of /oom why')}`;
      if (line !== undefined) return await ask({ ...where, line: `${line} ${why}` });
      const none =
        report instanceof Refusal
          ? report
          : new Refusal(
              known === undefined
                ? 'The answer that this stands under is older than a week and is no longer kept.'
                : 'There is nothing here that could be set.',
              'Ask `/oom why` again.',
            );
      return renderEphemeral(refusalReport(none, { command: which }, now()));
    },
    async undo(changeId, where) {
      const record = await changes.read(changeId);
      const undo = record === undefined ? undefined : undoOf(record, changeJobs);
      if (undo !== undefined)
        return await ask({ ...where, line: `${undo.line} --reason ${quotedWord(`takes back ${changeId}`)}` });
      const none = new Refusal(
        'There is nothing to take back here: the change is not kept any more, or nothing of it stands.',
        '`/ops changes` lists the latest.',
      );
      return renderEphemeral(refusalReport(none, { command: 'undo' }, now()));
    },
    async silence(incidentId, how, { userId }) {
      const command = 'silence';
      try {
        demandRole(await person(userId), 'viewer', config.access);
        const incident = await parts.silence(incidentId, how, userId);
        log('silence', { incident: incidentId, user: userId, outcome: incident === undefined ? 'gone' : how });
        if (incident !== undefined) return undefined;
        throw new Refusal('This incident is over for weeks and is no longer kept.', 'There is nothing to silence.');
      } catch (error) {
        if (error instanceof Refusal) return renderEphemeral(refusalReport(error, { command }, now()));
        fault(incidentId, error);
        return renderEphemeral(faultReport(command, incidentId, now()));
      }
    },
    unsigned: createUnsignedRequests((note) => changes.note(note), now, fault),
    async details(id, triggerId, userId) {
      try {
        // The modal's trigger lives for 3 s: a person whose role cannot be told in time sees nothing.
        demandRole(await person(userId), 'viewer', config.access);
        await web.openModal(triggerId, detailsView(await reports.report(id).catch(refusalOf)));
      } catch (error) {
        log('details', { id, user: userId, outcome: 'refused', why: messageOf(error) });
      }
    },
  };

  /** The noun and the verb alone: what follows them can be anything. */
  function commandOf(line: string): string {
    return shortened(line.split(/\s+/).slice(0, 2).join(' '), 60);
  }

  /** A slash command of this workspace as it stands; a mention gets its slash. */
  function withNoun(line: string, slashPrefix: string): string {
    const trimmed = line.trim();
    if (trimmed.startsWith('/')) return trimmed;
    const noun = trimmed.split(/\s/)[0] ?? '';
    return commands.some((command) => nounOf(command) === noun.toLowerCase()) ? `/${slashPrefix}${trimmed}` : trimmed;
  }
}

/** Denying asks for a reason, and takes none as well. */
function denialView(changeId: string): { readonly [key: string]: unknown } {
  return {
    type: 'modal',
    callback_id: 'change-deny-reason',
    private_metadata: changeId,
    title: { type: 'plain_text', text: 'Deny this change' },
    submit: { type: 'plain_text', text: 'Deny' },
    close: { type: 'plain_text', text: 'Back' },
    blocks: [
      {
        type: 'input',
        block_id: 'reason',
        optional: true,
        label: { type: 'plain_text', text: 'Why' },
        element: { type: 'plain_text_input', action_id: 'reason', multiline: true, max_length: 500 },
      },
    ],
  };
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  throw error;
}

/** All that a report holds, as the data that scripts get. Source of the limits: https://api.slack.com/surfaces/modals */
function detailsView(report: Report | Refusal | undefined): { readonly [key: string]: unknown } {
  const text =
    report === undefined
      ? 'This report is older than a week and is no longer kept. Run the command again.'
      : report instanceof Refusal
        ? `${report.message} ${report.advice}`
        : JSON.stringify(report.data, null, 2);
  const chunks = text.slice(0, 24_000).match(/[\s\S]{1,2900}/g) ?? [];
  return {
    type: 'modal',
    title: { type: 'plain_text', text: 'Details' },
    close: { type: 'plain_text', text: 'Close' },
    blocks: [
      ...(report === undefined || report instanceof Refusal
        ? []
        : [{ type: 'section', text: { type: 'plain_text', text: shortened(report.summary, 2000) } }]),
      ...chunks.map((chunk) => ({
        type: 'rich_text',
        elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: chunk }] }],
      })),
    ],
  };
}
