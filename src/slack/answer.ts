import { setTimeout as pause } from 'node:timers/promises';
import { offersIn } from '../kubernetes/fix-line.ts';
import { redact } from '../redact.ts';
import { renderAsked, renderEphemeral, renderThread } from '../report/blocks.ts';
import type { Chart } from '../report/chart.ts';
import type { Report } from '../report/report.ts';
import type { AskTicket } from '../ticket.ts';
import type { Delivery, Target } from './delivery.ts';
import { escaped, type Message } from './message.ts';
import { showPicture } from './picture.ts';
import { SlackFailure, type SlackWeb } from './web.ts';

/** Whatever took longer is told in a new reply that mentions the asker: edits notify nobody. */
const mentionAfterMs = 10_000;
/** Progress is told at most so often. */
const progressEveryMs = 3000;
/** A picture that takes longer is left out: the worker has other answers to give. */
const pictureWithinMs = 20_000;

/** Where the answer to one ticket goes: a Slack thread, and whatever is left when there is none. */
export type Answer = {
  /** Says that it was asked. */
  begin(): Promise<void>;
  /** Whether only the asker sees it; known once it has begun. */
  isPrivate(): boolean;
  /** Says how far it is; never fails and never waits. */
  progress(done: number, total: number, note: string): void;
  /** Shows the report. @throws where it could not be shown anywhere */
  finish(report: Report): Promise<void>;
  /** Puts the report's picture under what `finish` showed; at least once. Never fails: without it the answer is whole. */
  illustrate(report: Report): Promise<void>;
};

export type AnswerParts = {
  readonly web: SlackWeb;
  readonly delivery: Delivery;
  readonly links: (report: Report, ticket: AskTicket) => readonly { title: string; url: string }[];
  /** Told of what people do not see: a fallback that was taken, a file that could not be uploaded. */
  readonly tell: (event: string, details: Readonly<Record<string, unknown>>) => void;
  /** Draws a picture as PNG. */
  readonly draw: (chart: Chart) => Promise<Uint8Array>;
  /** Throws where the ticket has become another worker's: what it shows is not touched any more. */
  readonly hold?: () => Promise<void>;
  /** What the asker is told where the answer is for them alone, wherever it was asked. */
  readonly alone?: string | undefined;
  now(): Date;
};

/** Why the answer is not shown in the channel, and what the asker can do about it. */
type Privately = { readonly hint: string | undefined };

export function createAnswer(ticket: AskTicket, parts: AnswerParts): Answer {
  const { web, delivery, links, tell, hold, alone, now, draw } = parts;
  const { place, requester } = ticket;
  const target: Target = { channelId: place.channelId, threadTs: place.threadTs };
  const asked = { line: redact(ticket.line), userId: requester.userId, ticketId: ticket.id };
  let rootTs: string | undefined;
  let privately: Privately | undefined = alone === undefined ? undefined : { hint: alone };
  let progressShownAt = 0;

  /** Where everybody may read it, or why not. */
  async function settlePlace(): Promise<void> {
    if (privately !== undefined) return;
    try {
      const channel = await web.channel(place.channelId);
      if (channel.isShared)
        privately = { hint: 'Only you see this: people of another organisation are in this channel.' };
    } catch (error) {
      if (!(error instanceof SlackFailure)) throw error;
      // The bot cannot see a channel that it is not in; another trouble shows itself at the post.
      if (error.kind === 'refused' && ticket.place.responseUrl !== undefined)
        privately = { hint: inviteHint(error.code) };
    }
  }

  let placed: Promise<void> | undefined;
  function settledPlace(): Promise<void> {
    placed ??= settlePlace();
    return placed;
  }

  async function begin(): Promise<void> {
    await settledPlace();
    if (privately !== undefined) return;
    try {
      rootTs = await delivery.put(`${ticket.id}-root`, target, renderAsked(asked), hold);
    } catch (error) {
      if (!(error instanceof SlackFailure && error.kind === 'refused')) throw error;
      privately = { hint: inviteHint(error.code) };
      tell('root refused', { ticket: ticket.id, channel: place.channelId, error: error.message });
    }
  }

  async function showInThread(report: Report): Promise<void> {
    const tookMs = now().getTime() - Date.parse(ticket.askedAt);
    const notify = tookMs > mentionAfterMs ? requester.userId : undefined;
    const thread = renderThread(report, { ...asked, links: links(report, ticket), offers: offersIn(report) }, notify);
    rootTs = await delivery.put(`${ticket.id}-root`, target, thread.root, hold);
    const inThread: Target = { channelId: place.channelId, threadTs: place.threadTs ?? rootTs };
    if (thread.details !== undefined) await delivery.put(`${ticket.id}-details`, inThread, thread.details, hold);
    if (thread.more !== undefined) await delivery.put(`${ticket.id}-more`, inThread, thread.more, hold);
    if (thread.file !== undefined) {
      await hold?.();
      await web.upload(inThread, thread.file).catch((error: unknown) => {
        // What is in the file stands in the thread but for its end; the message says where the rest is.
        tell('file not uploaded', { ticket: ticket.id, error: String(error) });
      });
    }
  }

  async function showPrivately(report: Report, { hint }: Privately): Promise<void> {
    await hold?.();
    const message = renderEphemeral(report, hint);
    const ways: readonly (readonly [string, () => Promise<unknown>])[] = [
      ...(place.responseUrl === undefined
        ? []
        : ([['response_url', () => web.respond(place.responseUrl ?? '', message)]] as const)),
      ...(place.responseUrl === undefined && place.threadTs !== undefined
        ? ([['ephemeral', () => web.whisper(target, requester.userId, message)]] as const)
        : []),
      [
        'direct message',
        async () => delivery.put(`${ticket.id}-direct`, { channelId: await web.openDirect(requester.userId) }, message),
      ],
    ];
    const failures: string[] = [];
    for (const [way, send] of ways) {
      try {
        await twice(send);
        tell('answered privately', { ticket: ticket.id, way, before: failures });
        return;
      } catch (error) {
        if (!(error instanceof SlackFailure)) throw error;
        failures.push(`${way}: ${error.message}`);
      }
    }
    throw new Error(`the answer could not be shown anywhere: ${failures.join('; ')}`);
  }

  return {
    begin,
    isPrivate: () => privately !== undefined,
    progress(done, total, note) {
      const at = now().getTime();
      if (privately !== undefined || rootTs === undefined || at - progressShownAt < progressEveryMs) return;
      progressShownAt = at;
      const text = `${asked.line}: ${done} of ${total}, ${note}`;
      const message: Message = {
        text: escaped(text),
        blocks: [{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text }] }] }],
        plainBlocks: [],
      };
      delivery
        .put(`${ticket.id}-root`, target, message, hold)
        .catch((error: unknown) => tell('progress not shown', { ticket: ticket.id, error: String(error) }));
    },
    async finish(report) {
      await settledPlace();
      if (privately === undefined) {
        try {
          await showInThread(report);
          return;
        } catch (error) {
          if (!(error instanceof SlackFailure && error.kind === 'refused')) throw error;
          privately = { hint: inviteHint(error.code) };
          tell('thread refused', { ticket: ticket.id, channel: place.channelId, error: error.message });
        }
      }
      await showPrivately(report, privately);
    },
    async illustrate({ chart }) {
      // What only the asker sees holds no files.
      const threadTs = place.threadTs ?? rootTs;
      if (chart === undefined || privately !== undefined || threadTs === undefined) return;
      const late = new AbortController();
      try {
        await Promise.race([
          showPicture(chart, { channelId: place.channelId, threadTs }, { web, draw, hold }),
          pause(pictureWithinMs, undefined, { signal: late.signal, ref: false }).then(() => {
            throw new Error(`not shown within ${pictureWithinMs} ms`);
          }),
        ]);
      } catch (error) {
        tell('picture not shown', { ticket: ticket.id, error: String(error) });
      } finally {
        late.abort();
      }
    },
  };
}

/** One more try for a call whose outcome is unknown or that came too soon: these messages are at least once. */
async function twice(send: () => Promise<unknown>): Promise<void> {
  try {
    await send();
  } catch (error) {
    if (!(error instanceof SlackFailure) || error.kind === 'refused') throw error;
    await send();
  }
}

/** What the asker can do so that the next answer is seen by everybody. */
function inviteHint(code: string): string {
  if (code === 'not_in_channel' || code === 'channel_not_found')
    return 'Only you see this: I am not in this channel. Type /invite @Quorum here, and the next answer is a thread for everybody.';
  if (code === 'is_archived') return 'Only you see this: this channel is archived. Ask in another one.';
  return `Only you see this: Slack refused the message in this channel (${code}).`;
}
