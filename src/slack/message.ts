import type { JsonObject } from '../report/report.ts';

/** A Block Kit block, as it goes over the wire. */
export type Block = JsonObject & { readonly type: string };

/** What one call of chat.postMessage or chat.update carries. */
export type Message = {
  /** What notifications and lock screens show, and all that is left where blocks are refused. Escaped for Slack. */
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The same in the oldest block types, for a workspace that refuses the newer ones. */
  readonly plainBlocks: readonly Block[];
};

/** The limits of Slack that a message has to keep. Source: https://api.slack.com/reference/block-kit/blocks */
export const limits = {
  blocks: 50,
  sectionCharacters: 3000,
  buttonCharacters: 75,
  buttonValueCharacters: 2000,
  tableRows: 100,
  /**
   * All texts of a message together, each block counted with blockCharacters on top; above it Slack answers msg_blocks_too_long.
   * Measured by others: 13,297 in one block, 125 fewer with each further one (slackapi/bolt-js issue 2509).
   */
  messageCharacters: 13_422,
  blockCharacters: 125,
} as const;

/** Text from outside as Slack's own markup: it pings nobody and links nothing. Source: https://api.slack.com/reference/surfaces/formatting#escaping */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Text from outside inside a code span or block of mrkdwn: a backtick would end it. */
export function escapedCode(text: string): string {
  return escaped(text).replaceAll('`', 'ˋ');
}

/** A moment in the reader's own time zone; the UTC time where it cannot be shown so. */
export function slackDate(iso: string): string {
  const seconds = Math.floor(Date.parse(iso) / 1000);
  return `<!date^${seconds}^{date_short_pretty} {time_secs}|${iso}>`;
}
