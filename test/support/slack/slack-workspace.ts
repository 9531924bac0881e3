import type { Acted, SayOptions, SlashResult } from './acts.ts';
import type { Timing } from './delivery.ts';
import type { Fault } from './faults.ts';
import type { Machine } from './machines.ts';
import type { Submitted, Values } from './modals.ts';
import type {
  Call,
  Channel,
  ChannelOptions,
  Message,
  Person,
  PersonOptions,
  StoredFile,
  Thread,
  UserGroup,
  View,
  WorkspaceOptions,
} from './model.ts';

export type SlackOptions = {
  readonly workspace?: WorkspaceOptions;
  /** For chat.postMessage, by channel; 1 as in Slack where not given, `Infinity` for no limit. */
  readonly postsPerSecond?: number;
  /** Whether Slack's tiers (calls a minute) hold for the other methods; they do unless the posts were loosened. */
  readonly methodLimits?: 'slack' | 'none';
  /** HTTP mode: where commands, interactions and events go. Socket Mode where not given. */
  readonly requestUrl?: string;
  readonly signingSecret?: string;
  /** Serves the page at `/`. */
  readonly page?: boolean;
  readonly port?: number;
  readonly timing?: Partial<Timing>;
};

/** One running workspace, as tests and the demo hold it. */
export type SlackWorkspace = {
  readonly apiUrl: string;
  readonly pageUrl: string;
  readonly botToken: string;
  readonly appToken: string;
  readonly signingSecret: string;
  readonly botUserId: string;
  readonly teamId: string;
  /** From now on by signed HTTP to this address. */
  setRequestUrl(url: string): void;
  /** Where commands, interactions and events go; null in Socket Mode. */
  requestUrl(): string | null;
  /** Slack's handshake with the request URL. */
  verifyRequestUrl(): Promise<'verified' | 'challenge_failed'>;
  sslCheck(): Promise<'ok' | 'failed'>;

  addUser(options: PersonOptions): Person;
  addUserGroup(options: {
    readonly id?: string;
    readonly handle: string;
    readonly users: readonly string[];
  }): UserGroup;
  addChannel(options: ChannelOptions): Channel;
  /** A direct message between two people, where the bot is not. */
  addDirectMessage(first: string, second: string): Channel;
  /** Opens the direct message between a person and the bot. */
  openDirectMessage(user: string): Channel;
  archive(channel: string): void;
  invite(channel: string, user: string): void;
  kick(channel: string, user: string): void;
  deactivate(user: string): void;

  slash(user: string, channel: string, text: string): Promise<SlashResult>;
  /** A message that begins with the bot's name. */
  mention(user: string, channel: string, text: string, options?: SayOptions): Message;
  say(user: string, channel: string, text: string, options?: SayOptions): Message;
  click(user: string, channel: string, messageTs: string, actionId: string, value?: string): Promise<Acted>;
  react(user: string, channel: string, messageTs: string, name: string): void;
  submitView(user: string, viewId: string, values: Values): Promise<Submitted>;
  /** Uses a button or a menu inside a modal. */
  actInView(user: string, viewId: string, actionId: string, value?: string): Promise<Acted>;
  closeView(user: string, viewId: string): Promise<void>;
  /** Keeps a file for `submitView` (its id) or `say` (`files: [id]`). */
  uploadFile(user: string, file: { readonly name: string; readonly content: string | Uint8Array }): StoredFile;

  /** What everybody in the channel sees: roots with their replies, oldest first. */
  channel(id: string): Thread[];
  thread(channel: string, ts: string): Thread;
  ephemerals(user: string, channel: string): Message[];
  /** What the bot and the person said to each other. */
  directMessages(user: string): Thread[];
  /** The modals that somebody has open, the topmost last. */
  views(user: string): View[];
  file(id: string): StoredFile | undefined;
  /** A thread as a transcript. */
  threadText(channel: string, ts: string): string;
  /** One message as a person reads it. */
  messageText(message: Message): string;
  /**
   * What the predicate answers, once it is neither undefined, null nor false. It is asked again at every change and call.
   * @throws Error after `timeoutMs` (5000 where not given), with `what` and what was said last.
   */
  waitFor<Value>(
    predicate: () => Value | undefined | null | false,
    options?: { readonly timeoutMs?: number; readonly what?: string },
  ): Promise<Value>;

  /** Puts a machine with its buttons onto the page. */
  addMachine(machine: Machine): void;

  fault(fault: Fault): void;
  clearFaults(): void;
  disconnectSockets(how: 'warning' | 'refresh_requested' | 'abrupt'): void;
  /** How many Socket Mode connections are open. */
  connections(): number;
  calls(): readonly Call[];
  stop(): Promise<void>;
};
