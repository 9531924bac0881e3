import { renderThread, type Thread } from '../report/blocks.ts';
import type { JsonObject, Report, Section } from '../report/report.ts';
import { formatDuration, shortened } from '../report/text.ts';
import { bold, context, emoji, escapedMarkup, message, plain, rich, section, span } from '../slack/block-kit.ts';
import { type Block, escaped, limits, type Message } from '../slack/message.ts';
import type { Incident } from './incident.ts';
import { mentionWords, standing } from './incident-words.ts';
import type { Member } from './occurrence.ts';

/** What the thread of an incident is made of. */
export type ThreadParts = {
  /** What the look found; undefined while it is not known, or where there is no look. */
  readonly report: Report | undefined;
  /** Links of the config with their places filled in. */
  readonly links: readonly { readonly title: string; readonly url: string }[];
  /** What a button asks for, by its action: `Set these flags`. */
  readonly offers: readonly { readonly actionId: string; readonly title: string }[];
  /** The alerts of a group; none where there is one, or too many to name. */
  readonly members?: readonly Member[];
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** The verdict in one line: what the look says, else what was seen. */
export function headline({ state, title, seen, recent, firstAt, lastAt, count, mended }: Incident): string {
  const latest = recent.at(-1)?.note;
  const what = seen?.summary ?? (latest === undefined ? title : `${title}: ${latest}`);
  if (state !== 'resolved') return mended == null ? what : `${title}: mended, and watched. It was: ${what}`;
  const over = count > 1 ? `over after ${count} times in ${formatDuration(lastAt - firstAt)}` : 'over';
  return `${title}: ${over}. It was: ${what}`;
}

/** The first message: verdict, how often, buttons. Edited as it goes on. */
export function incidentRoot(incident: Incident, { links, offers, now }: ThreadParts): Message {
  const { id, state, mention, mended } = incident;
  const mark = state === 'resolved' ? 'large_green_circle' : mended == null ? 'red_circle' : 'large_yellow_circle';
  const said = headline(incident);
  const below = context(standing(incident, now));
  const actions = buttons(id, state === 'open' ? incident : undefined, offers, links);
  const calls = mention === null ? '' : `${mentionWords(mention)} `;
  return message(
    `${calls}${escaped(shortened(said, 1900))}`,
    [rich([span([emoji(mark), plain(' '), bold(shortened(said, 600))])]), below, ...actions],
    [section(`:${mark}: *${shortened(escapedMarkup(said), 2500)}*`), below, ...actions],
    'escaped',
  );
}

/** What stands below the first message: the look's own thread, or what is known without one. */
export function incidentReplies(
  incident: Incident,
  { report, links, members = [] }: ThreadParts,
): Omit<Thread, 'root'> {
  const shown =
    report?.verdict === 'refused' || report === undefined
      ? knownReport(incident, report, members)
      : withDetails(incident, report, members);
  const line = incident.line === null ? incident.title : `/${incident.line}`;
  const { root: _, ...replies } = renderThread(shown, { line, links }, undefined);
  return replies;
}

/** Behind the answer of a look: what was told of it. */
function withDetails({ details }: Incident, report: Report, members: readonly Member[]): Report {
  if (details === null) return report;
  const told: Section = { kind: 'text', title: 'The alert', text: details };
  const sections = [...groupSections(members), told].map((section) => ({ ...section, more: true as const }));
  return { ...report, sections: [...report.sections, ...sections] };
}

/** Which alerts of a group are on. */
function groupSections(members: readonly Member[]): Section[] {
  if (members.length < 2) return [];
  const rows = [...members]
    .sort((a, b) => Number(b.isOn) - Number(a.isOn) || a.label.localeCompare(b.label, 'en', { numeric: true }))
    .map(({ label, isOn }) => [label, isOn ? 'on' : 'over']);
  return [{ kind: 'table', title: 'The alerts of this group', columns: ['Alert', 'Now'], rows }];
}

/** Without an answer of a look: what was seen, and why there is no more. */
function knownReport(incident: Incident, refused: Report | undefined, members: readonly Member[]): Report {
  const { title, recent, details, line, firstAt } = incident;
  const latest = recent.at(-1);
  return {
    command: line === null ? title : `/${line}`,
    verdict: 'findings',
    title,
    summary: headline(incident),
    asOf: new Date(latest?.at ?? firstAt).toISOString(),
    findings: [
      {
        severity: 'critical',
        grade: 'fact',
        claim: latest?.note ?? title,
        evidence: '',
        advice:
          refused === undefined
            ? ''
            : `More is not to be had: ${refused.summary} ${refused.findings[0]?.advice ?? ''}`.trim(),
      },
    ],
    sections: [
      ...(details === null ? [] : [{ kind: 'text' as const, text: details }]),
      ...groupSections(members),
      ...(recent.length < 2 || members.length > 0
        ? []
        : [
            {
              kind: 'table' as const,
              title: 'The latest',
              columns: ['UTC', 'What'],
              rows: recent.map(({ at, note }) => [new Date(at).toISOString().slice(5, 19).replace('T', ' '), note]),
            },
          ]),
    ],
    data: {},
  };
}

function buttons(
  id: string,
  open: Incident | undefined,
  offers: ThreadParts['offers'],
  links: ThreadParts['links'],
): Block[] {
  const button = (actionId: string, text: string): JsonObject => ({
    type: 'button',
    action_id: actionId,
    text: { type: 'plain_text', text: shortened(text, limits.buttonCharacters) },
    value: id,
  });
  const elements: JsonObject[] = [
    // What was just done is not offered again.
    ...(open === undefined || open.mended != null
      ? []
      : offers.map(({ actionId, title }, index) => ({
          ...button(actionId, title),
          ...(index === 0 ? { style: 'primary' } : {}),
        }))),
    ...(open === undefined
      ? []
      : [button('silence-hour', 'Silence 1 h'), button('silence-tomorrow', 'Silence until tomorrow')]),
    ...(open?.seen == null ? [] : [button('run-again', 'Run again'), button('details', 'Details')]),
    ...links.map(({ title, url }, index) => ({
      type: 'button',
      action_id: `link-${index}`,
      text: { type: 'plain_text', text: shortened(title, limits.buttonCharacters) },
      url,
    })),
  ];
  return elements.length === 0 ? [] : [{ type: 'actions', elements }];
}
