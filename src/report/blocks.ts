import {
  bold,
  code,
  context,
  dateElement,
  emoji,
  escapedMarkup,
  message,
  plain,
  preformatted,
  quoted,
  rich,
  section,
  span,
} from '../slack/block-kit.ts';
import { type Block, escaped, escapedCode, limits, type Message, slackDate } from '../slack/message.ts';
import { fits } from './message-size.ts';
import type { Finding, JsonObject, Report, Section, Severity } from './report.ts';
import { renderTerminal } from './terminal.ts';
import { alignedTable, shortened } from './text.ts';

/** Who asked what, where a report is the answer to it. */
export type Asked = {
  readonly line: string;
  /** Undefined where nobody asked: a schedule did. */
  readonly userId?: string;
  /** Links of the config with their places filled in. */
  readonly links?: readonly { readonly title: string; readonly url: string }[];
  /** The ticket: what the buttons carry. */
  readonly ticketId?: string;
  /** What may be asked for next with a button, the first one first. */
  readonly offers?: readonly { readonly actionId: string; readonly title: string }[];
};

/** A report as messages of a thread: the verdict for the root, what to do about it, the background, and a file for what does not fit. */
export type Thread = {
  readonly root: Message;
  readonly details?: Message;
  readonly more?: Message;
  readonly file?: { readonly name: string; readonly title: string; readonly content: string };
};

const rootMark = {
  ok: 'large_green_circle',
  findings: 'red_circle',
  unknown: 'large_yellow_circle',
  refused: 'no_entry',
} as const;
const severityMark: Record<Severity, string> = {
  critical: 'red_circle',
  warning: 'large_orange_circle',
  info: 'information_source',
};

const askedBy = ({ userId }: Asked) => (userId === undefined ? 'by the schedule' : `asked by <@${userId}>`);

/** The root message before the answer is known. */
export function renderAsked(asked: Asked): Message {
  const text = `${asked.line}: asked`;
  return message(
    text,
    [
      rich([span([emoji('hourglass_flowing_sand'), plain(' '), code(shortened(asked.line, 200)), plain(' asked')])]),
      context(askedBy(asked)),
    ],
    [section(`:hourglass_flowing_sand: \`${escapedCode(shortened(asked.line, 200))}\` ${askedBy(asked)}`)],
  );
}

/**
 * A report as Slack shows it. Text from outside stands in rich text, where nothing is markup; the plain form puts it into code.
 * @param notify the user to mention in the details: edits notify nobody
 */
export function renderThread(report: Report, asked: Asked, notify: string | undefined): Thread {
  const footer = `${askedBy(asked)} · \`${escapedCode(shortened(asked.line, 150))}\` · as of ${slackDate(report.asOf)}${
    report.seenFrom === undefined ? '' : ` · seen from ${escaped(report.seenFrom)}`
  }`;
  const mark = rootMark[report.verdict];
  const actions = buttons(asked);
  const root = message(
    report.summary,
    [rich([span([emoji(mark), plain(' '), bold(shortened(report.summary, 600))])]), context(footer), ...actions],
    [section(`:${mark}: *${shortened(escapedMarkup(report.summary), 2500)}*`), context(footer), ...actions],
  );

  const mention =
    notify === undefined ? [] : [rich([span([{ type: 'user', user_id: notify }, plain(' here is the answer.')])])];
  const sections = (isMore: boolean) => report.sections.filter(({ more }) => (more === true) === isMore);
  const first = reply([...mention, ...detailsOf(report)], { ...report, sections: sections(false) }, notify);
  const second = reply(backgroundOf(report), { ...report, findings: [], sections: sections(true) }, undefined);
  return {
    root,
    ...(first === undefined ? {} : { details: first.message }),
    ...(second === undefined ? {} : { more: second.message }),
    ...(first?.isCut === true || second?.isCut === true
      ? {
          file: {
            name: fileName(report),
            title: `${report.command}: everything`,
            content: renderTerminal(report, 'plain'),
          },
        }
      : {}),
  };
}

/**
 * One reply of the thread, cut where one message holds no more; undefined where there is nothing to say.
 * @param report the part of the report that this reply shows: its plain form is made from it
 */
function reply(
  blocks: readonly Block[],
  report: Report,
  notify: string | undefined,
): { message: Message; isCut: boolean } | undefined {
  if (blocks.length === 0) return undefined;
  const fitting = fits(blocks);
  const isCut = fitting.length < blocks.length;
  const shown = isCut ? [...fitting, context('The rest is in the file below.')] : fitting;
  const text = `${notify === undefined ? '' : `<@${notify}> `}${shortened(escaped(report.summary), 300)}`;
  return { message: message(text, shown, plainDetails(renderTerminal(report, 'plain'), notify), 'escaped'), isCut };
}

/** A report that only the asker sees: one message with all that fits. */
export function renderEphemeral(report: Report, hint?: string): Message {
  const mark = rootMark[report.verdict];
  const details = detailsOf(report);
  const fitting = fits(details);
  const blocks = [
    rich([span([emoji(mark), plain(' '), ...ownWords(shortened(report.summary, 600), report)])]),
    ...fitting,
    ...(fitting.length < details.length
      ? [context('There is more than fits here: ask in a channel that I am in.')]
      : []),
    ...(hint === undefined ? [] : [rich([span([plain(hint)])])]),
  ];
  return message(report.summary, blocks, [
    ...plainDetails(renderTerminal(report, 'plain'), undefined),
    ...(hint === undefined ? [] : [section(escaped(hint))]),
  ]);
}

function fileName(report: Report): string {
  return `${report.command.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '')}-${report.asOf.replace(/[:.]/g, '-')}.txt`;
}

function buttons(asked: Asked): Block[] {
  const elements: JsonObject[] = [];
  const { ticketId, offers = [] } = asked;
  if (ticketId !== undefined)
    for (const [index, { actionId, title }] of offers.entries())
      elements.push({
        type: 'button',
        action_id: actionId,
        text: { type: 'plain_text', text: shortened(title, limits.buttonCharacters) },
        value: ticketId,
        ...(index === 0 ? { style: 'primary' } : {}),
      });
  if (ticketId !== undefined)
    elements.push(
      // The id, not the line: what was typed may hold a secret, and a button's value can be read by everybody in the channel.
      {
        type: 'button',
        action_id: 'run-again',
        text: { type: 'plain_text', text: 'Run again' },
        value: ticketId,
      },
      {
        type: 'button',
        action_id: 'details',
        text: { type: 'plain_text', text: 'Details' },
        value: ticketId,
      },
    );
  for (const [index, link] of (asked.links ?? []).entries())
    elements.push({
      type: 'button',
      action_id: `link-${index}`,
      text: { type: 'plain_text', text: shortened(link.title, limits.buttonCharacters) },
      url: link.url,
    });
  return elements.length === 0 ? [] : [{ type: 'actions', elements }];
}

/** The details, worst first: findings, then sections, then the one command to copy. */
function detailsOf(report: Report): Block[] {
  const shownTables = { amount: 0 };
  return [
    ...report.findings.map((finding) => findingBlock(finding, report.verdict === 'refused')),
    ...report.sections.filter(({ more }) => more !== true).flatMap((part) => sectionBlocks(part, shownTables)),
    ...(report.copy === undefined ? [] : [rich([span([bold('Next')]), preformatted(report.copy)])]),
  ];
}

/** What stands behind the answer: for whoever wants to check it. */
function backgroundOf(report: Report): Block[] {
  const shownTables = { amount: 0 };
  return report.sections.filter(({ more }) => more === true).flatMap((part) => sectionBlocks(part, shownTables));
}

function findingBlock(finding: Finding, isRefusal: boolean): Block {
  if (isRefusal) return rich([span(quoted(finding.advice, {}))]);
  const lines: JsonObject[] = [emoji(severityMark[finding.severity]), plain(' '), bold(finding.claim)];
  const grade = finding.grade === 'fact' ? '' : ` (${finding.grade})`;
  if (finding.evidence !== '') lines.push(plain('\nSeen: '), plain(shortened(finding.evidence, 700) + grade));
  if (finding.since !== undefined) lines.push(plain('\nSince: '), dateElement(finding.since));
  if (finding.impact !== undefined) lines.push(plain(`\nMeans: ${finding.impact}`));
  if (finding.advice !== '') lines.push(plain('\n'), bold('Do: '), plain(finding.advice));
  return rich([span(lines), ...(finding.command === undefined ? [] : [preformatted(finding.command)])]);
}

/** One message may hold one table: the further ones are aligned text. Source: https://api.slack.com/reference/block-kit/blocks#table */
export function sectionBlocks(part: Section, shown: { amount: number }): Block[] {
  const title = part.title === undefined ? [] : [span([bold(part.title)])];
  if (part.kind === 'text') return [rich([...title, span([plain(part.text)])])];
  if (part.kind === 'code') return [rich([...title, preformatted(part.text)])];
  if (shown.amount > 0 || part.rows.length >= limits.tableRows || part.rows.length === 0)
    return [rich([...title, preformatted(alignedTable(part.columns, part.rows))])];
  shown.amount++;
  const cell = (text: string) => ({ type: 'raw_text', text: text === '' ? '–' : text });
  return [
    ...(title.length === 0 ? [] : [rich(title)]),
    { type: 'table', rows: [part.columns.map(cell), ...part.rows.map((row) => row.map(cell))] },
  ];
}

/** The details as a terminal shows them, in code blocks of the size that a section may have. */
export function plainDetails(text: string, notify: string | undefined): Block[] {
  const chunks: string[] = [];
  let chunk = '';
  for (const line of escapedCode(shortened(text, 8000)).split('\n')) {
    const piece = line.slice(0, 2500);
    if (chunk.length + piece.length > 2800) {
      chunks.push(chunk);
      chunk = '';
    }
    chunk += `${piece}\n`;
  }
  if (chunk.trim() !== '') chunks.push(chunk);
  return [
    ...(notify === undefined ? [] : [section(`<@${notify}>`)]),
    ...chunks.map((part) => section(`\`\`\`\n${part}\`\`\``)),
  ];
}

/** The verdict; a refusal and help are Quorum's own words. */
function ownWords(text: string, report: Report): JsonObject[] {
  return report.verdict === 'refused' || report.title.startsWith('Help') ? quoted(text, { bold: true }) : [bold(text)];
}
