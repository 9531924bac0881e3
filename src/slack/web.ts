import type { Person } from '../access.ts';
import type { Message } from './message.ts';

/** Why a call of Slack's Web API did not do what it was asked. */
export class SlackFailure extends Error {
  override readonly name = 'SlackFailure';
  /** rate-limited: come back after retryAfterMs. refused: final, `code` is Slack's word for it. unknown: it may have been done. */
  readonly kind: 'rate-limited' | 'refused' | 'unknown';
  /** `not_in_channel`, `invalid_blocks`, …; for unknown outcomes what went wrong on the way. */
  readonly code: string;
  readonly retryAfterMs: number;

  constructor(method: string, kind: SlackFailure['kind'], code: string, retryAfterMs = 0) {
    super(`${method}: ${kind === 'rate-limited' ? `rate limited for ${retryAfterMs} ms` : code}`);
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What decides whether a channel may show an answer to everybody in it. */
export type Channel = {
  /** Shared with another organisation (Slack Connect). */
  readonly isShared: boolean;
  /** A direct message between people, or a group of them. */
  readonly isDirect: boolean;
  /** Nothing can be posted there. */
  readonly isArchived: boolean;
  /** Whether the bot is in it: Slack tells it of channels, not of direct messages. */
  readonly isMember: boolean;
};

/** A file for a thread. */
export type UploadedFile = {
  readonly name: string;
  readonly title: string;
  readonly content: string | Uint8Array;
  /** What a picture shows, for those who cannot see it: at most 1000 characters. */
  readonly alt?: string;
};

/** The calls of Slack's Web API that Quorum makes. Each has a deadline and is made once; all throw SlackFailure. */
export type SlackWeb = {
  /** @returns the ts of the new message, which carries the key in its metadata */
  post(target: { channelId: string; threadTs?: string | undefined }, message: Message, key: string): Promise<string>;
  update(at: { channelId: string; ts: string }, message: Message): Promise<void>;
  remove(at: { channelId: string; ts: string }): Promise<void>;
  /** The ts of the message with this key, posted since a moment; undefined where there is none. */
  findPost(
    target: { channelId: string; threadTs?: string | undefined },
    key: string,
    sinceMs: number,
  ): Promise<string | undefined>;
  /** Shown to one person in a channel, until they reload. At least once, not exactly once. */
  whisper(
    target: { channelId: string; threadTs?: string | undefined },
    userId: string,
    message: Message,
  ): Promise<void>;
  /** Answers to a response_url; only the asker sees it. At least once. */
  respond(responseUrl: string, message: Message): Promise<void>;
  /** At least once. */
  upload(target: { channelId: string; threadTs?: string | undefined }, file: UploadedFile): Promise<void>;
  /** @returns the channel id of the direct message with a person */
  openDirect(userId: string): Promise<string>;
  /** The address of a message, for people to open. */
  permalink(at: { channelId: string; ts: string }): Promise<string>;
  openModal(triggerId: string, view: { readonly [key: string]: unknown }): Promise<void>;
  /** The text of a file that somebody gave. @throws Refusal where it is larger than `maxBytes` */
  fileText(fileId: string, maxBytes: number): Promise<string>;
  channel(channelId: string): Promise<Channel>;
  /** Kept for a minute, unless it has to be fresh: a decision is. */
  person(userId: string, groups: readonly string[], age?: 'fresh' | 'kept'): Promise<Person>;
  /** Who the token belongs to, and its scopes. */
  identity(): Promise<{ userId: string; botName: string; teamId: string; team: string; scopes: readonly string[] }>;
};
