import type { ChangeRecord } from '../change-record.ts';
import type { Config } from '../config.ts';
import { renderChange } from '../report/change-blocks.ts';
import { formatDuration } from '../report/text.ts';
import { bold, context, message, plain, rich, section, span } from './block-kit.ts';
import type { Delivery } from './delivery.ts';

/** Shows changes in their threads. Every message has a key, so that showing again edits. */
export type ChangeAnswer = {
  show(record: ChangeRecord): Promise<void>;
  remind(record: ChangeRecord, which: number): Promise<void>;
};

export function createChangeAnswer(delivery: Delivery, access: Config['access'], now: () => Date): ChangeAnswer {
  const approvers = access.approvers.map(mention);

  async function rootTs(record: ChangeRecord): Promise<string> {
    const { channelId, threadTs, rootKey } = record.place;
    return await delivery.put(rootKey, { channelId, threadTs }, renderChange(record, approvers).root);
  }

  return {
    async show(record) {
      const { channelId, threadTs } = record.place;
      const inThread = { channelId, threadTs: threadTs ?? (await rootTs(record)) };
      if (threadTs !== undefined) await rootTs(record);
      const { proposal, steps, end } = renderChange(record, approvers);
      await delivery.put(`${record.id}-proposal`, inThread, proposal);
      if (steps !== undefined) await delivery.put(`${record.id}-steps`, inThread, steps);
      if (end !== undefined) await delivery.put(`${record.id}-end`, inThread, end);
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

function mention(id: string): string {
  return id.startsWith('S') ? `<!subteam^${id}>` : id.startsWith('C') ? `<#${id}>` : `<@${id}>`;
}
