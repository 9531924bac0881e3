import { type ChangeRecord, isEnded } from '../change-record.ts';
import type { Check, Undo } from '../job.ts';
import { bold, context, emoji, message, plain, quoted, rich, section, span } from '../slack/block-kit.ts';
import { type Block, escaped, escapedCode, type Message, slackDate } from '../slack/message.ts';
import { sectionBlocks } from './blocks.ts';
import type { JsonObject } from './report.ts';
import { sectionMessages } from './section-messages.ts';
import { count, listed, shortened } from './text.ts';

/** The messages of a change: what stands in its thread at this moment. */
export type ChangeThread = {
  /** One line for everybody in the channel. */
  readonly root: Message;
  /** Checks, plan and decision, with buttons as long as it is open. */
  readonly proposal: Message;
  /** What stands behind the proposal: every check with what was seen, and files to work with. */
  readonly background: readonly Message[];
  /** The checklist, once it has begun; edited, so it notifies nobody. */
  readonly steps: Message | undefined;
  /** What steps hand over, by the number of the step: replies of their own, for the checklist is edited every few seconds. */
  readonly handedOver: readonly { readonly step: number; readonly messages: readonly Message[] }[];
  /** How it ended; a new reply that mentions the asker. */
  readonly end: Message | undefined;
};

const checkMark: Record<Check['status'], string> = {
  ok: 'white_check_mark',
  warning: 'warning',
  blocking: 'no_entry',
  unknown: 'grey_question',
};
const plainMark: Record<Check['status'], string> = { ok: '✅', warning: '⚠️', blocking: '⛔', unknown: '❔' };
const checkRank: Record<Check['status'], number> = { blocking: 0, unknown: 1, warning: 2, ok: 3 };
const stateMark: Record<ChangeRecord['state'], string> = {
  proposed: 'raised_hand',
  approved: 'hourglass_flowing_sand',
  started: 'hourglass_flowing_sand',
  waiting: 'hourglass_flowing_sand',
  done: 'large_green_circle',
  denied: 'no_entry',
  expired: 'no_entry',
  cancelled: 'no_entry',
  superseded: 'no_entry',
  blocked: 'red_circle',
  failed: 'red_circle',
};

/** What a record does not say of itself. */
export type ChangeSurroundings = {
  /** As Slack mentions them, told once, when it is proposed. */
  readonly approvers: readonly string[];
  /** Whether the asker may be one of them. */
  readonly ownApproval: 'allowed' | 'refused';
  /** Offered with the end. */
  readonly undo: Undo | undefined;
};

export function renderChange(record: ChangeRecord, surroundings: ChangeSurroundings): ChangeThread {
  return {
    root: rootOf(record),
    proposal: proposalOf(record, surroundings),
    background: backgroundOf(record),
    handedOver: handedOverOf(record),
    steps: record.startedAt === undefined ? undefined : stepsOf(record),
    end: isEnded(record) ? endOf(record, surroundings.undo) : undefined,
  };
}

/** What a person reads who sees one line of it. */
export function changeSummary(record: ChangeRecord): string {
  const { words, state } = record;
  switch (state) {
    case 'proposed':
      if (record.alone !== undefined) return `Begins without a second person (${record.alone.incident}): ${words}`;
      return `Approval needed (${record.decisions.length} of ${record.required}): ${words}`;
    case 'approved':
      return `Approved, about to start: ${words}`;
    case 'started':
    case 'waiting': {
      const step = record.steps.find((one) => one.state !== 'done');
      return `Running${step === undefined ? '' : ` (${step.title})`}: ${words}`;
    }
    case 'done':
      return `Done: ${words}`;
    default:
      return `${state.charAt(0).toUpperCase()}${state.slice(1)}: ${words}`;
  }
}

function rootOf(record: ChangeRecord): Message {
  const summary = changeSummary(record);
  const footer = context(
    `\`${record.id}\` · asked by <@${record.requester}> · \`${escapedCode(shortened(record.line, 150))}\``,
  );
  return message(
    summary,
    [
      rich([span([emoji(stateMark[record.state]), plain(' '), bold(shortened(summary, 600))])]),
      footer,
      ...rootButtons(record),
    ],
    [section(`:${stateMark[record.state]}: ${escaped(summary)}`), footer, ...rootButtons(record)],
  );
}

function rootButtons(record: ChangeRecord): Block[] {
  if (record.state === 'expired' || record.state === 'superseded')
    return [
      { type: 'actions', elements: [button('run-again', 'Ask again', record.place.rootKey.replace(/-root$/, ''))] },
    ];
  if (record.state === 'started' || record.state === 'waiting')
    return record.cancelRequestedBy === undefined
      ? [{ type: 'actions', elements: [button('change-cancel', 'Cancel', record.id)] }]
      : [];
  return [];
}

/** The checks worst first: what stands in the way is read before what is fine. */
export function checksWorstFirst(checks: readonly Check[]): Check[] {
  return [...checks].sort((a, b) => checkRank[a.status] - checkRank[b.status]);
}

function proposalOf(record: ChangeRecord, { approvers, ownApproval }: ChangeSurroundings): Message {
  const shown = { amount: 0 };
  const fine = record.checks.filter(({ status }) => status === 'ok');
  const open = record.checks.filter(({ status }) => status !== 'ok');
  const allFine = fine.length === 0 ? '' : `${count(fine.length, open.length === 0 ? 'check' : 'other check')}: fine`;
  const blocks = [
    rich([
      span([
        bold('Checks'),
        ...checkLines(open),
        ...(allFine === '' ? [] : [plain('\n'), emoji(checkMark.ok), plain(` ${allFine}`)]),
      ]),
    ]),
    rich([span([bold('Plan: '), plain(record.words)])]),
    ...record.sections.filter(({ more }) => more !== true).flatMap((part) => sectionBlocks(part, shown)),
    context(decisionText(record, ownApproval)),
    ...decisionButtons(record),
  ];
  const mention = record.state === 'proposed' && approvers.length > 0 ? [context(`For ${approvers.join(' ')}`)] : [];
  const plainChecks = [
    ...checksWorstFirst(open).map(({ name, status, seen }) => `${status.toUpperCase()} ${name}: ${seen}`),
    ...(allFine === '' ? [] : [allFine]),
  ].join('\n');
  return message(
    `${changeSummary(record)}`,
    [...blocks, ...mention],
    [
      section(plainChecks === '' ? 'No checks' : `\`\`\`${escapedCode(plainChecks).slice(0, 2800)}\`\`\``),
      section(`Plan: ${escaped(record.words)}`),
      context(decisionText(record, ownApproval)),
      ...decisionButtons(record),
      ...mention,
    ],
  );
}

/** For whoever wants to know what was looked at, and has to make something before it can begin. */
function backgroundOf(record: ChangeRecord): Message[] {
  const checklist = checksWorstFirst(record.checks)
    .map(({ name, status, seen }) => `${plainMark[status]} ${name}${seen === '' ? '' : `: ${shortened(seen, 400)}`}`)
    .join('\n');
  return [
    ...sectionMessages('All checks, worst first', checklist === '' ? [] : [{ kind: 'text', text: checklist }]),
    ...sectionMessages(
      'More about it',
      record.sections.filter(({ more }) => more === true),
    ),
  ];
}

function handedOverOf(record: ChangeRecord): ChangeThread['handedOver'] {
  // What the last step found stands in the end.
  return record.steps
    .slice(0, -1)
    .map(({ title, sections }, step) => ({ step, messages: sectionMessages(title, sections) }))
    .filter(({ messages }) => messages.length > 0);
}

function checkLines(checks: readonly Check[]): JsonObject[] {
  return checksWorstFirst(checks).flatMap(({ name, status, seen, advice }) => [
    plain('\n'),
    emoji(checkMark[status]),
    plain(' '),
    status === 'ok' ? plain(name) : bold(name),
    ...(seen === '' ? [] : [plain(`: ${shortened(seen, 400)}`)]),
    ...(advice === '' || status === 'ok' ? [] : quoted(` → ${shortened(advice, 400)}`, {})),
  ]);
}

function decisionText(record: ChangeRecord, ownApproval: ChangeSurroundings['ownApproval']): string {
  const decided = record.decisions.map(
    ({ userId, kind, at, reason }) =>
      `${kind} by <@${userId}> ${slackDate(new Date(at).toISOString())}${reason === undefined ? '' : `: ${escaped(reason)}`}`,
  );
  const open =
    record.state === 'proposed' && record.alone !== undefined
      ? [
          `begins by itself ${slackDate(new Date(record.alone.startsAt).toISOString())}, for ${escaped(record.alone.incident)}; anybody with a role may cancel`,
        ]
      : record.state === 'proposed'
        ? [
            `${record.required - record.decisions.length} more needed, until ${slackDate(new Date(record.expiresAt).toISOString())}${ownApproval === 'allowed' ? '' : '; not from whoever asked'}`,
          ]
        : [];
  const end = isEnded(record) ? [`*${record.state}*`] : [];
  return [
    ...(record.reason === undefined ? [] : [`why: ${escaped(shortened(record.reason, 300))}`]),
    `asked by <@${record.requester}> ${slackDate(new Date(record.createdAt).toISOString())}`,
    ...decided,
    ...open,
    ...end,
    `plan \`${record.digest.slice(0, 12)}\``,
  ].join(' · ');
}

/** The button carries the id alone: what is approved stands in the record. */
function decisionButtons(record: ChangeRecord): Block[] {
  if (record.state !== 'proposed') return [];
  return [
    {
      type: 'actions',
      elements: [
        {
          ...button('change-approve', 'Approve', record.id),
          style: 'primary',
          confirm: {
            title: { type: 'plain_text', text: 'Approve this plan?' },
            text: { type: 'plain_text', text: shortened(record.words, 290) },
            confirm: { type: 'plain_text', text: 'Approve' },
            deny: { type: 'plain_text', text: 'Back' },
          },
        },
        { ...button('change-deny', 'Deny', record.id), style: 'danger' },
        button('change-cancel', 'Cancel', record.id),
      ],
    },
  ];
}

function button(actionId: string, text: string, value: string): JsonObject {
  return { type: 'button', action_id: actionId, text: { type: 'plain_text', text }, value };
}

const taskStatus = {
  open: 'pending',
  running: 'in_progress',
  waiting: 'in_progress',
  done: 'complete',
  blocked: 'error',
  failed: 'error',
} as const;
const stepMark = { open: '▫', running: '▸', waiting: '⏳', done: '✔', blocked: '✖', failed: '✖' } as const;

function stepsOf(record: ChangeRecord): Message {
  const title = changeSummary(record);
  const lines = record.steps.map(
    (step) => `${stepMark[step.state]} ${step.title}${stepNote(step) === '' ? '' : `: ${stepNote(step)}`}`,
  );
  return message(
    title,
    [
      {
        type: 'plan',
        title: shortened(record.words, 150),
        tasks: record.steps.map((step, index) => ({
          type: 'task_card',
          task_id: `${record.id}-${index}`,
          title: shortened(step.title, 150),
          status: taskStatus[step.state],
          ...(stepNote(step) === '' ? {} : { details: rich([span([plain(stepNote(step))])]) }),
        })),
      },
    ],
    [section(`\`\`\`${escapedCode(lines.join('\n')).slice(0, 2800)}\`\`\``)],
  );
}

/** Time taken, or what it waits for and for how long yet. */
function stepNote(step: ChangeRecord['steps'][number]): string {
  const took =
    step.endedAt !== undefined && step.startedAt !== undefined
      ? `${((step.endedAt - step.startedAt) / 1000).toFixed(1)} s`
      : '';
  const until =
    step.state === 'waiting' && step.giveUpAt !== undefined
      ? `until ${new Date(step.giveUpAt).toISOString().slice(11, 19)} UTC at most`
      : '';
  const numbers = [took, until].filter((part) => part !== '').join(', ');
  const said = step.note ?? '';
  if (said === '' || numbers === '') return said + numbers;
  // A sentence ends before its times, and stays one.
  return `${said.replace(/\.$/, '')} (${numbers})`;
}

function endOf(record: ChangeRecord, undo: Undo | undefined): Message {
  const done = record.steps.filter(({ state }) => state === 'done').map(({ title }) => title);
  const stands =
    record.state === 'done' || record.startedAt === undefined
      ? []
      : [plain(`\nDone before it ended: ${done.length === 0 ? 'nothing' : listed(done)}.`)];
  const text = `${changeSummary(record)}. ${record.ending ?? ''}`;
  const shown = { amount: 0 };
  const left = record.state === 'done' ? (record.steps.at(-1)?.sections ?? []) : [];
  return message(
    `<@${record.requester}> ${escaped(shortened(text, 1500))}`,
    [
      rich([
        span([
          emoji(stateMark[record.state]),
          plain(' '),
          { type: 'user', user_id: record.requester },
          plain(' '),
          bold(changeSummary(record)),
          plain(`\n${record.ending ?? ''}`),
          ...stands,
        ]),
      ]),
      ...left.flatMap((part) => sectionBlocks(part, shown)),
      ...undoButton(record, undo),
      context(`\`${record.id}\``),
    ],
    [section(`<@${record.requester}> ${escaped(shortened(text, 2500))}`), ...undoButton(record, undo)],
    'escaped',
  );
}

/** The way back is a change of its own: asked for with a click, and approved like any. */
function undoButton(record: ChangeRecord, undo: Undo | undefined): Block[] {
  if (undo === undefined) return [];
  return [{ type: 'actions', elements: [button('change-undo', shortened(undo.title, 75), record.id)] }];
}
