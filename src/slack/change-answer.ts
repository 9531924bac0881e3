import type { ChangeRecord } from '../change-record.ts';
import type { Config } from '../config.ts';
import type { Undo } from '../job.ts';
import { changeSummary, renderChange } from '../report/change-blocks.ts';
import { formatDuration } from '../report/text.ts';
import { bold, context, message, plain, rich, section, span } from './block-kit.ts';
import type { Delivery } from './delivery.ts';
import { escaped, type Message } from './message.ts';
import type { SlackWeb } from './web.ts';

/** Shows changes in their threads. Every message has a key, so that showing again edits. */
export type ChangeAnswer = {
  /** @param hold asked right before each call that changes what people see; what it throws, this throws */
  show(record: ChangeRecord, hold?: () => Promise<void>): Promise<void>;
  remind(record: ChangeRecord, which: number): Promise<void>;
};

export type ChangeAnswerParts = {
  readonly delivery: Delivery;
  readonly web: Pick<SlackWeb, 'openDirect' | 'permalink'>;
  readonly access: Config['access'];
  /** What would take it back now that it has ended. */
  undoOf(record: ChangeRecord): Undo | undefined;
  now(): Date;
  /** Told where an approver could not be messaged: the thread mentions them all the same. */
  tell(event: string, details: Readonly<Record<string, unknown>>): void;
};

export function createChangeAnswer(parts: ChangeAnswerParts): ChangeAnswer {
  const { delivery, web, access, undoOf, now, tell } = parts;
  const approvers = access.approvers.map(mention);
  const ownApproval = access.approvals.allowSelfApproval ? 'allowed' : 'refused';
  const surroundingsOf = (record: ChangeRecord) => ({ approvers, ownApproval, undo: undoOf(record) }) as const;

  async function rootTs(record: ChangeRecord, hold?: () => Promise<void>): Promise<string> {
    const { channelId, threadTs, rootKey } = record.place;
    return await delivery.put(
      rootKey,
      { channelId, threadTs },
      renderChange(record, surroundingsOf(record)).root,
      hold,
    );
  }

  /** Those whose approvers have read here how they were decided. */
  const toldDecided = new Set<string>();

  /** People are messaged, for they may not be in the channel; a group is mentioned in the thread. */
  async function messagePeople(record: ChangeRecord, proposalTs: string): Promise<void> {
    const people = access.approvers.filter(
      (id) => /^[UW]/.test(id) && (id !== record.requester || ownApproval === 'allowed'),
    );
    if (people.length === 0 || toldDecided.has(record.id)) return;
    if (record.state !== 'proposed') toldDecided.add(record.id);
    const link = await web.permalink({ channelId: record.place.channelId, ts: proposalTs });
    await Promise.all(
      people.map(async (userId) => {
        try {
          const channelId = await web.openDirect(userId);
          await delivery.put(`${record.id}-for-${userId}`, { channelId }, askMessage(record, link));
        } catch (error) {
          tell('approver not messaged', { change: record.id, user: userId, error: String(error) });
        }
      }),
    );
  }

  return {
    async show(record, hold) {
      const { channelId, threadTs } = record.place;
      const inThread = { channelId, threadTs: threadTs ?? (await rootTs(record, hold)) };
      if (threadTs !== undefined) await rootTs(record, hold);
      const { proposal, background, steps, handedOver, end } = renderChange(record, surroundingsOf(record));
      const reply = (part: string, shown: Message) => delivery.put(`${record.id}-${part}`, inThread, shown, hold);
      const proposalTs = await reply('proposal', proposal);
      for (const [index, shown] of background.entries()) await reply(`background-${index}`, shown);
      for (const { step, messages } of handedOver)
        for (const [index, shown] of messages.entries()) await reply(`step-${step}-${index}`, shown);
      if (steps !== undefined) await reply('steps', steps);
      if (end !== undefined) await reply('end', end);
      await messagePeople(record, proposalTs).catch((error: unknown) =>
        tell('approvers not messaged', { change: record.id, error: String(error) }),
      );
    },
    async remind(record, which) {
      const { channelId, threadTs } = record.place;
      const inThread = { channelId, threadTs: threadTs ?? (await rootTs(record)) };
      const left = formatDuration(record.expiresAt - now().getTime());
      // Whoever comes next in line is asked when their time has come, with everybody else.
      const waited = now().getTime() - record.createdAt;
      const next = access.approvals.escalate.filter(({ after }) => waited >= after).map(({ to }) => mention(to));
      const to = [...new Set([...approvers, ...next])].join(' ');
      await delivery.put(
        `${record.id}-reminder-${which}`,
        inThread,
        message(
          `${to} still waiting for approval, ${left} left: ${record.words}`,
          [rich([span([plain(`Still waiting, ${left} left: `), bold(record.words)])]), context(to)],
          [section(`${to} still waiting, ${left} left`)],
          'escaped',
        ),
      );
    },
  };
}

/** One line and a link: the plan, its checks and the buttons stand in the thread alone. It is edited once it is decided. */
function askMessage(record: ChangeRecord, link: string): Message {
  const { state, words, requester } = record;
  const isDecided = state !== 'proposed';
  const outcome = ['started', 'waiting', 'done', 'blocked', 'failed'].includes(state) ? 'approved' : state;
  const text = isDecided ? `Decided (${outcome}): ${words}` : changeSummary(record);
  const asked = `asked by <@${requester}> · <${link}|${isDecided ? 'the thread' : 'checks, plan and buttons'}>`;
  return message(
    text,
    [rich([span([isDecided ? plain(text) : bold(text)])]), context(asked)],
    [section(`${escaped(text)}\n${asked}`)],
  );
}

function mention(id: string): string {
  return id.startsWith('S') ? `<!subteam^${id}>` : id.startsWith('C') ? `<#${id}>` : `<@${id}>`;
}
