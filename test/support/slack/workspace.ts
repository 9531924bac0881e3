import { createHash, randomBytes } from 'node:crypto';
import { isFields } from './json.ts';
import type {
  Channel,
  ChannelOptions,
  Fields,
  Message,
  MessageSource,
  Person,
  PersonOptions,
  StoredFile,
  UserGroup,
  View,
  WorkspaceOptions,
} from './model.ts';
import { allScopes } from './model.ts';

/** The state of one workspace, in memory. It does no input or output; `changed` tells whoever shows it. */
export class Workspace {
  readonly teamId: string;
  readonly teamName: string;
  readonly domain: string;
  readonly appId: string;
  readonly botUserId = 'U0QUORUMBOT';
  readonly botId = 'B0QUORUMBOT';
  readonly botName: string;
  readonly botToken: string;
  readonly appToken: string;
  readonly scopes: readonly string[];
  readonly commands: WorkspaceOptions['commands'];
  readonly events: readonly string[];
  readonly people = new Map<string, Person>();
  readonly groups = new Map<string, UserGroup>();
  readonly channels = new Map<string, Channel>();
  readonly messages = new Map<string, Message[]>();
  readonly files = new Map<string, StoredFile>();
  readonly views = new Map<string, View>();
  #listeners = new Set<() => void>();
  #lastTsMicros = 0;
  #ids = 0;

  constructor(options: WorkspaceOptions) {
    this.teamId = options.teamId ?? 'T0QUORUM';
    this.teamName = options.teamName ?? 'Quorum';
    this.domain = options.domain ?? 'quorum-local';
    this.appId = options.appId ?? 'A0QUORUM';
    this.botName = options.botName ?? 'quorum';
    this.botToken = options.botToken ?? `xoxb-local-${randomBytes(9).toString('hex')}`;
    this.appToken = options.appToken ?? `xapp-1-${this.appId}-${randomBytes(9).toString('hex')}`;
    this.scopes = options.scopes ?? allScopes;
    this.commands = options.commands;
    this.events = options.events ?? ['app_mention', 'message.im'];
    this.people.set(this.botUserId, {
      id: this.botUserId,
      name: this.botName,
      realName: this.botName.charAt(0).toUpperCase() + this.botName.slice(1),
      teamId: this.teamId,
      isGuest: false,
      isUltraRestricted: false,
      isBot: true,
      isStranger: false,
      isDeleted: false,
      timezone: 'UTC',
    });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  newId(prefix: string): string {
    this.#ids += 1;
    return `${prefix}0${this.#ids.toString(36).toUpperCase().padStart(8, '0')}`;
  }

  /** A message's time and identity: unique in the workspace and rising, in seconds with six decimals. */
  newTs(): string {
    this.#lastTsMicros = Math.max(this.#lastTsMicros + 100, Date.now() * 1000);
    const micros = this.#lastTsMicros;
    return `${Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, '0')}`;
  }

  addPerson(options: PersonOptions): Person {
    const person: Person = {
      id: options.id ?? this.newId('U'),
      name: options.name,
      realName: options.realName ?? options.name.charAt(0).toUpperCase() + options.name.slice(1),
      teamId: options.teamId ?? (options.isStranger === true ? 'T0ELSEWHERE' : this.teamId),
      isGuest: options.isGuest ?? options.isUltraRestricted ?? false,
      isUltraRestricted: options.isUltraRestricted ?? false,
      isBot: options.isBot ?? false,
      isStranger: options.isStranger ?? (options.teamId !== undefined && options.teamId !== this.teamId),
      isDeleted: options.isDeleted ?? false,
      timezone: options.timezone ?? 'UTC',
    };
    this.people.set(person.id, person);
    this.changed();
    return person;
  }

  addGroup(options: { readonly id?: string; readonly handle: string; readonly users: readonly string[] }): UserGroup {
    const group: UserGroup = { id: options.id ?? this.newId('S'), handle: options.handle, users: [...options.users] };
    this.groups.set(group.id, group);
    return group;
  }

  addChannel(options: ChannelOptions): Channel {
    const members = [...(options.members ?? [])];
    if (options.botIsMember ?? true) members.push(this.botUserId);
    const channel: Channel = {
      id: options.id ?? this.newId('C'),
      name: options.name,
      isPrivate: options.isPrivate ?? false,
      isArchived: options.isArchived ?? false,
      isExtShared: options.isExtShared ?? false,
      directWith: null,
      isBetweenPeople: false,
      createdSeconds: Math.floor(Date.now() / 1000),
      members,
    };
    return this.#keep(channel);
  }

  /** The direct message between the bot and a person, opened where it was not yet. */
  directMessage(user: string): Channel {
    for (const channel of this.channels.values()) if (channel.directWith === user) return channel;
    return this.#keep({
      id: this.newId('D'),
      name: user,
      isPrivate: true,
      isArchived: false,
      isExtShared: false,
      directWith: user,
      isBetweenPeople: false,
      createdSeconds: Math.floor(Date.now() / 1000),
      members: [user, this.botUserId],
    });
  }

  /** A direct message between two people: slash commands work there, the bot's posts do not. */
  addDirectMessage(first: string, second: string): Channel {
    return this.#keep({
      id: this.newId('D'),
      name: [first, second].join('-'),
      isPrivate: true,
      isArchived: false,
      isExtShared: false,
      directWith: null,
      isBetweenPeople: true,
      createdSeconds: Math.floor(Date.now() / 1000),
      members: [first, second],
    });
  }

  #keep(channel: Channel): Channel {
    this.channels.set(channel.id, channel);
    this.messages.set(channel.id, []);
    this.changed();
    return channel;
  }

  isMember(channel: Channel, user: string): boolean {
    return channel.members.includes(user);
  }

  /** Every message of a channel, ephemeral ones and replies too, in order of time. */
  all(channel: string): Message[] {
    return this.messages.get(channel) ?? [];
  }

  /** What everybody in the channel can see. */
  visible(channel: string): Message[] {
    return this.all(channel).filter((message) => message.visibleTo === null);
  }

  message(channel: string, ts: string): Message | undefined {
    return this.all(channel).find((message) => message.ts === ts);
  }

  replies(channel: string, rootTs: string): Message[] {
    return this.visible(channel).filter((message) => message.threadTs === rootTs);
  }

  post(message: {
    readonly channel: string;
    readonly user: string;
    readonly source: MessageSource;
    readonly text: string;
    readonly blocks?: readonly Fields[];
    readonly attachments?: readonly Fields[];
    readonly threadTs?: string | null;
    readonly isBroadcast?: boolean;
    readonly metadata?: Fields | null;
    readonly files?: readonly string[];
    readonly visibleTo?: string | null;
  }): Message {
    const stored: Message = {
      channel: message.channel,
      ts: this.newTs(),
      user: message.user,
      source: message.source,
      text: message.text,
      blocks: this.#withBlockIds(message.blocks ?? []),
      attachments: message.attachments ?? [],
      threadTs: message.threadTs ?? null,
      isBroadcast: message.isBroadcast ?? false,
      metadata: message.metadata ?? null,
      files: message.files ?? [],
      reactions: [],
      edits: 0,
      editedTs: null,
      isTombstone: false,
      visibleTo: message.visibleTo ?? null,
    };
    this.all(message.channel).push(stored);
    this.changed();
    return stored;
  }

  edit(
    message: Message,
    change: {
      readonly text?: string | undefined;
      readonly blocks?: readonly Fields[] | undefined;
      readonly attachments?: readonly Fields[] | undefined;
      readonly metadata?: Fields | null | undefined;
    },
  ): void {
    if (change.text !== undefined) message.text = change.text;
    if (change.blocks !== undefined) message.blocks = this.#withBlockIds(change.blocks);
    if (change.attachments !== undefined) message.attachments = change.attachments;
    if (change.metadata !== undefined) message.metadata = change.metadata;
    message.edits += 1;
    message.editedTs = this.newTs();
    this.changed();
  }

  /** A root with replies leaves a tombstone, so that its thread can still be read. */
  remove(message: Message): void {
    if (message.visibleTo === null && this.replies(message.channel, message.ts).length > 0) {
      message.isTombstone = true;
      message.text = 'This message was deleted.';
      message.blocks = [];
      message.attachments = [];
      message.metadata = null;
      message.files = [];
    } else {
      const messages = this.all(message.channel);
      const at = messages.indexOf(message);
      if (at >= 0) messages.splice(at, 1);
    }
    this.changed();
  }

  react(message: Message, name: string, user: string): 'added' | 'already_reacted' {
    const before = message.reactions.find((reaction) => reaction.name === name);
    if (before?.users.includes(user)) return 'already_reacted';
    message.reactions = before
      ? message.reactions.map((each) => (each === before ? { name, users: [...before.users, user] } : each))
      : [...message.reactions, { name, users: [user] }];
    this.changed();
    return 'added';
  }

  unreact(message: Message, name: string, user: string): 'removed' | 'no_reaction' {
    const before = message.reactions.find((reaction) => reaction.name === name);
    if (!before?.users.includes(user)) return 'no_reaction';
    message.reactions = message.reactions
      .map((each) => (each === before ? { name, users: each.users.filter((who) => who !== user) } : each))
      .filter((each) => each.users.length > 0);
    this.changed();
    return 'removed';
  }

  openView(
    user: string,
    type: View['type'],
    content: Fields,
    from: { readonly previous: View | null; readonly triggerId: string | null },
  ): View {
    const { previous, triggerId } = from;
    const id = this.newId('V');
    const view: View = {
      id,
      user,
      type,
      rootId: previous?.rootId ?? id,
      previousId: previous?.id ?? null,
      triggerId,
      content: { ...content, blocks: this.#withBlockIds(blocksOf(content)) },
      hash: this.#hash(),
      state: {},
      errors: {},
      trouble: null,
      isOpen: true,
    };
    this.views.set(id, view);
    this.changed();
    return view;
  }

  updateView(view: View, content: Fields): void {
    view.content = { ...content, blocks: this.#withBlockIds(blocksOf(content)) };
    view.hash = this.#hash();
    view.errors = {};
    view.trouble = null;
    this.changed();
  }

  /** The modals that somebody has open, the topmost last. */
  openViews(user: string): View[] {
    return [...this.views.values()].filter((view) => view.user === user && view.isOpen && view.type === 'modal');
  }

  #hash(): string {
    return `${Math.floor(Date.now() / 1000)}.${createHash('sha256').update(this.newId('H')).digest('base64url').slice(0, 8)}`;
  }

  /** Blocks and elements without an id of their own are given one. */
  #withBlockIds(blocks: readonly Fields[]): readonly Fields[] {
    const element = (value: unknown): unknown =>
      isFields(value) && value.type !== 'image' && value.action_id === undefined
        ? { ...value, action_id: this.newId('a') }
        : value;
    return blocks.map((block) => ({
      ...block,
      block_id: block.block_id ?? this.newId('b'),
      ...(block.accessory === undefined ? {} : { accessory: element(block.accessory) }),
      ...(block.type === 'input' ? { element: element(block.element) } : {}),
      ...(block.type === 'actions' && Array.isArray(block.elements) ? { elements: block.elements.map(element) } : {}),
    }));
  }
}

function blocksOf(content: Fields): readonly Fields[] {
  return Array.isArray(content.blocks) ? (content.blocks as readonly Fields[]) : [];
}
