/** The nouns of the local Slack workspace: what it holds and what people see. Field names on the wire are made elsewhere. */

/** A JSON object whose shape its reader checks. */
export type Fields = Readonly<Record<string, unknown>>;

/** Somebody in the workspace, or somebody of another organisation who is seen in a shared channel. */
export type Person = {
  readonly id: string;
  readonly name: string;
  readonly realName: string;
  readonly teamId: string;
  readonly isGuest: boolean;
  readonly isUltraRestricted: boolean;
  readonly isBot: boolean;
  readonly isStranger: boolean;
  readonly timezone: string;
  isDeleted: boolean;
};

export type PersonOptions = {
  readonly id?: string;
  readonly name: string;
  readonly realName?: string;
  readonly isGuest?: boolean;
  readonly isUltraRestricted?: boolean;
  readonly isBot?: boolean;
  readonly isDeleted?: boolean;
  readonly isStranger?: boolean;
  readonly teamId?: string;
  readonly timezone?: string;
};

/** A group of people that can be mentioned and asked for by `usergroups.users.list`. */
export type UserGroup = { readonly id: string; readonly handle: string; users: readonly string[] };

export type Reaction = { readonly name: string; readonly users: readonly string[] };

export type StoredFile = {
  readonly id: string;
  readonly name: string;
  title: string;
  readonly mimetype: string;
  readonly user: string;
  readonly createdSeconds: number;
  content: Uint8Array;
  /** What a picture shows, said to those who cannot see it; '' where nothing was given. */
  readonly alt: string;
  /** False until the upload has been completed: until then nobody sees it. */
  isShared: boolean;
};

/** Where a message came from: Slack itself speaks in errors such as operation_timeout. */
export type MessageSource = 'person' | 'bot' | 'ack' | 'response_url' | 'slack';

export type Message = {
  readonly channel: string;
  readonly ts: string;
  readonly user: string;
  readonly source: MessageSource;
  text: string;
  blocks: readonly Fields[];
  attachments: readonly Fields[];
  readonly threadTs: string | null;
  readonly isBroadcast: boolean;
  metadata: Fields | null;
  files: readonly string[];
  reactions: readonly Reaction[];
  /** How often `chat.update` (or replace_original) changed it. */
  edits: number;
  editedTs: string | null;
  /** A deleted root whose replies remain. */
  isTombstone: boolean;
  /** The only person who sees it, for ephemeral messages. */
  readonly visibleTo: string | null;
};

/** A root message with what was answered below it. */
export type Thread = Message & { readonly replies: readonly Message[] };

export type Channel = {
  readonly id: string;
  readonly name: string;
  readonly isPrivate: boolean;
  isArchived: boolean;
  readonly isExtShared: boolean;
  /** The person on the other side of a direct message with the bot; null for channels. */
  readonly directWith: string | null;
  /** A direct message between two people, where the bot is not. */
  readonly isBetweenPeople: boolean;
  readonly createdSeconds: number;
  members: readonly string[];
};

export type ChannelOptions = {
  readonly id?: string;
  readonly name: string;
  readonly isPrivate?: boolean;
  readonly isArchived?: boolean;
  readonly isExtShared?: boolean;
  /** Person ids. */
  readonly members?: readonly string[];
  readonly botIsMember?: boolean;
};

/** A modal (or a home tab) as somebody has it open. */
export type View = {
  readonly id: string;
  readonly user: string;
  readonly type: 'modal' | 'home';
  readonly rootId: string;
  readonly previousId: string | null;
  /** What somebody did that opened it; a home tab is opened by nobody. */
  readonly triggerId: string | null;
  /** What the app sent: title, blocks, submit, callback_id, private_metadata … */
  content: Fields;
  hash: string;
  /** What has been chosen or typed so far: block_id → action_id → value. */
  state: Readonly<Record<string, Readonly<Record<string, Fields>>>>;
  /** Messages below inputs, from `response_action: errors`. */
  errors: Readonly<Record<string, string>>;
  /** What Slack says in the modal when the app did not answer. */
  trouble: string | null;
  /** The response URLs of this view's submission belong here. */
  isOpen: boolean;
};

/**
 * A command of the app, as its manifest declares it: for the page's hints and for "not a valid command". Where it has several
 * verbs, their usages stand between ` | ` and their summaries, in the same order, between ` · `.
 */
export type SlashCommand = {
  readonly command: string;
  readonly description: string;
  readonly usageHint: string;
  /** Whole lines that the page offers to send. */
  readonly examples?: readonly string[];
};

export type WorkspaceOptions = {
  readonly teamId?: string;
  readonly teamName?: string;
  readonly domain?: string;
  readonly botName?: string;
  readonly appId?: string;
  /** The bot token's scopes; the whole list that an app like ours may want where not given. */
  readonly scopes?: readonly string[];
  /** Where given, other slash commands are refused as Slack does. */
  readonly commands?: readonly SlashCommand[];
  /** Event subscriptions: app_mention, message.im, message.channels, message.groups, app_home_opened, file_shared, reaction_added. */
  readonly events?: readonly string[];
  readonly botToken?: string;
  readonly appToken?: string;
};

/** One call of the Web API as the workspace received it. */
export type Call = {
  readonly method: string;
  readonly at: number;
  readonly channel: string | null;
  readonly args: Fields;
  ok: boolean;
  /** Slack's error code; null where all went well, `pending` until it is answered. */
  error: string | null;
};

export const allScopes: readonly string[] = [
  'app_mentions:read',
  'channels:history',
  'channels:join',
  'channels:read',
  'chat:write',
  'commands',
  'files:read',
  'files:write',
  'groups:history',
  'groups:read',
  'im:history',
  'im:read',
  'im:write',
  'reactions:read',
  'reactions:write',
  'usergroups:read',
  'users:read',
];
