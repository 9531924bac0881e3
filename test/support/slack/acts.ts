import { ApiError } from './api-call.ts';
import type { Answer, Delivery, Timing } from './delivery.ts';
import { actionOf, initialState, placedElements, stateOf } from './elements.ts';
import { mimetypeOf } from './file-methods.ts';
import type { ResponseUrls, Triggers } from './handles.ts';
import { textOf } from './json.ts';
import type { Channel, Fields, Message, Person, StoredFile } from './model.ts';
import type { Payloads } from './payloads.ts';
import { plainMessage } from './plain-text.ts';
import { showResponse } from './responses.ts';
import { asTyped } from './typing.ts';
import type { Workspace } from './workspace.ts';

/** How an act ended for the person who did it. `error` is Slack's word for a failure. */
export type Acted = {
  readonly status: 'ok' | 'operation_timeout' | 'failed';
  readonly error: string | null;
  readonly tookMs: number;
  readonly triggerId: string;
};

/** What the acknowledgement of a slash command showed, if anything; `plain` is how a person reads it. */
export type Shown = { readonly text: string; readonly blocks: readonly Fields[]; readonly plain: string };
export type SlashResult = Acted & { readonly shown: Shown | null };

export type House = {
  readonly workspace: Workspace;
  readonly payloads: Payloads;
  readonly triggers: Triggers;
  readonly responseUrls: ResponseUrls;
  readonly timing: Timing;
  readonly wireFile: (file: StoredFile) => Fields;
  delivery(): Delivery;
};

export function person(house: House, id: string): Person {
  const found = house.workspace.people.get(id);
  if (!found) throw new Error(`nobody has the id ${id}`);
  return found;
}

function place(house: House, user: string, id: string): Channel {
  const { workspace } = house;
  const channel = workspace.channels.get(id) ?? [...workspace.channels.values()].find((each) => each.name === id);
  if (!channel) throw new Error(`no channel ${id}`);
  if (!workspace.isMember(channel, user)) throw new Error(`${user} is not in ${channel.name}`);
  return channel;
}

/** The error that Slack shows, from an app's answer. */
export function acted(answer: Answer, triggerId: string): Acted {
  const tookMs = answer.tookMs;
  if (answer.kind === 'acked') return { status: 'ok', error: null, tookMs, triggerId };
  if (answer.kind === 'timeout') return { status: 'operation_timeout', error: 'operation_timeout', tookMs, triggerId };
  return { status: 'failed', error: answer.reason, tookMs, triggerId };
}

/** What people do in channels: commands, messages, clicks, files, reactions. */
export class Acts {
  readonly #house: House;
  readonly #retries = new Set<NodeJS.Timeout>();

  constructor(house: House) {
    this.#house = house;
  }

  /** Types a command into a channel's composer. Slack has no commands in threads. */
  async slash(user: string, channelId: string, typed: string): Promise<SlashResult> {
    const { workspace, payloads, triggers, responseUrls } = this.#house;
    const who = person(this.#house, user);
    const channel = place(this.#house, user, channelId);
    const [, command = '', rest = ''] = /^(\/\S+)\s*([\s\S]*)$/.exec(typed.trim()) ?? [];
    if (command === '') throw new Error(`"${typed}" is not a slash command`);
    if (channel.isArchived) throw new Error(`${channel.name} is archived: nobody can type there`);
    const known = workspace.commands;
    if (known !== undefined && !known.some((each) => each.command === command)) {
      const text = `${command} is not a valid command. In Slack, all messages that start with the "/" character are interpreted as commands.`;
      this.#slackSays(channel, user, text);
      return { status: 'failed', error: 'invalid_command', tookMs: 0, triggerId: '', shown: null };
    }
    const triggerId = triggers.create(user, null);
    const origin = { channel: channel.id, user, messageTs: null };
    const answer = await this.#house.delivery().deliver(
      'slash_commands',
      payloads.slash({
        person: who,
        channel,
        command,
        text: asTyped(workspace, rest.trimEnd(), 'with_names'),
        responseUrl: responseUrls.create('commands', origin),
        triggerId,
      }),
      null,
    );
    let result = acted(answer, triggerId);
    let shown: Shown | null = null;
    if (answer.kind === 'acked') {
      try {
        const message = showResponse(workspace, origin, answer.body, 'ack');
        if (message) shown = { text: message.text, blocks: message.blocks, plain: plainMessage(workspace, message) };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        result = { ...result, status: 'failed', error: 'invalid_command_response' };
      }
    }
    if (result.error !== null) {
      this.#slackSays(channel, user, `${command} failed with the error "${result.error}"`);
    }
    return { ...result, shown };
  }

  /** Posts a message; the app hears of it where it listens and is there. */
  say(user: string, channelId: string, typed: string, options: SayOptions = {}): Message {
    const { workspace, payloads } = this.#house;
    const who = person(this.#house, user);
    const channel = place(this.#house, user, channelId);
    if (channel.isArchived) throw new Error(`${channel.name} is archived: nobody can type there`);
    const root = options.threadTs === undefined ? undefined : workspace.message(channel.id, options.threadTs);
    if (options.threadTs !== undefined && !root) throw new Error(`no message ${options.threadTs} in ${channel.name}`);
    const message = workspace.post({
      channel: channel.id,
      user,
      source: 'person',
      text: asTyped(workspace, typed, 'without_names'),
      threadTs: root ? (root.threadTs ?? root.ts) : null,
      files: options.files ?? [],
    });
    const isThere = workspace.isMember(channel, workspace.botUserId);
    const isMention = message.text.includes(`<@${workspace.botUserId}>`);
    const isDirect = channel.directWith !== null;
    if (isMention && !isThere && !isDirect) {
      const text = `You mentioned <@${workspace.botUserId}>, but they're not in this channel.`;
      this.#slackSays(channel, user, text, message.threadTs);
    }
    if (!isThere) return message;
    if (isMention && !isDirect && workspace.events.includes('app_mention')) {
      this.sendEvent(payloads.event(payloads.messageEvent('app_mention', message, channel, who), channel));
    }
    const subscription = isDirect ? 'message.im' : channel.isPrivate ? 'message.groups' : 'message.channels';
    if (workspace.events.includes(subscription)) {
      this.sendEvent(payloads.event(payloads.messageEvent('message', message, channel, who), channel));
    }
    if (message.files.length > 0 && workspace.events.includes('file_shared')) {
      for (const id of message.files) {
        const event = {
          type: 'file_shared',
          file_id: id,
          file: { id },
          user_id: user,
          channel_id: channel.id,
          event_ts: message.ts,
        };
        this.sendEvent(payloads.event(event, channel));
      }
    }
    return message;
  }

  uploadFile(user: string, file: { readonly name: string; readonly content: string | Uint8Array }): StoredFile {
    const { workspace } = this.#house;
    const stored: StoredFile = {
      id: workspace.newId('F'),
      name: file.name,
      title: file.name,
      mimetype: mimetypeOf(file.name),
      user,
      createdSeconds: Math.floor(Date.now() / 1000),
      content: typeof file.content === 'string' ? new TextEncoder().encode(file.content) : file.content,
      alt: '',
      isShared: true,
    };
    workspace.files.set(stored.id, stored);
    return stored;
  }

  /** Presses a button or uses a menu below a message. `value` picks among equal action ids, or the option of a menu. */
  async click(user: string, channelId: string, ts: string, actionId: string, value?: string): Promise<Acted> {
    const { workspace, payloads, triggers, responseUrls } = this.#house;
    const who = person(this.#house, user);
    const channel = place(this.#house, user, channelId);
    const message = workspace.message(channel.id, ts);
    if (!message || (message.visibleTo !== null && message.visibleTo !== user)) {
      throw new Error(`${user} sees no message ${ts} in ${channel.name}`);
    }
    const blocks = [
      ...message.blocks,
      ...message.attachments.flatMap((each) => (Array.isArray(each.blocks) ? each.blocks : [])),
    ];
    const elements = placedElements(blocks);
    const matching = elements.filter(({ element }) => element.action_id === actionId);
    const placed =
      matching.find(({ element }) => value !== undefined && element.type === 'button' && element.value === value) ??
      matching.find(({ element }) => value === undefined || element.type !== 'button');
    if (!placed) {
      const there = elements.map(({ element }) => `${textOf(element.action_id)}=${textOf(element.value)}`).join(', ');
      throw new Error(
        `nothing to click as ${actionId}${value === undefined ? '' : `=${value}`}: there is ${there || 'nothing'}`,
      );
    }
    const state = placed.element.type === 'button' ? null : stateOf(placed.element, value ?? '', () => ({}));
    const triggerId = triggers.create(user, null);
    const answer = await this.#house.delivery().deliver(
      'interactive',
      payloads.messageAction({
        person: who,
        channel,
        message,
        action: actionOf(placed, state),
        state: messageState(elements, placed.element, state),
        responseUrl: responseUrls.create('actions', { channel: channel.id, user, messageTs: ts }),
        triggerId,
      }),
      null,
    );
    return acted(answer, triggerId);
  }

  react(user: string, channelId: string, ts: string, name: string): void {
    const { workspace, payloads } = this.#house;
    const channel = place(this.#house, user, channelId);
    const message = workspace.message(channel.id, ts);
    if (!message) throw new Error(`no message ${ts} in ${channel.name}`);
    if (workspace.react(message, name, user) === 'already_reacted' || !workspace.events.includes('reaction_added'))
      return;
    const item = { type: 'message', channel: channel.id, ts };
    const event = {
      type: 'reaction_added',
      user,
      reaction: name,
      item,
      item_user: message.user,
      event_ts: workspace.newTs(),
    };
    this.sendEvent(payloads.event(event, channel));
  }

  /** Sends an event until it is acknowledged: at most three times more, with what went wrong the last time. */
  sendEvent(payload: Fields): void {
    const attempt = (count: number, reason: string): void => {
      const retry = count === 0 ? null : { attempt: count, reason };
      void this.#house
        .delivery()
        .deliver('events_api', payload, retry)
        .then((answer) => {
          const delayMs = this.#house.timing.eventRetryMs[count];
          if (answer.kind === 'acked' || delayMs === undefined) return;
          const timer = setTimeout(() => {
            this.#retries.delete(timer);
            attempt(count + 1, answer.kind === 'timeout' ? 'http_timeout' : 'http_error');
          }, delayMs);
          timer.unref();
          this.#retries.add(timer);
        });
    };
    attempt(0, '');
  }

  stop(): void {
    for (const timer of this.#retries) clearTimeout(timer);
  }

  #slackSays(channel: Channel, user: string, text: string, threadTs: string | null = null): void {
    this.#house.workspace.post({
      channel: channel.id,
      user: 'USLACKBOT',
      source: 'slack',
      text,
      visibleTo: user,
      threadTs,
    });
  }
}

export type SayOptions = { readonly threadTs?: string; readonly files?: readonly string[] };

/** The values of all menus of a message, as payloads carry them beside the action. */
function messageState(elements: ReturnType<typeof placedElements>, used: Fields, usedState: Fields | null): Fields {
  const values: Record<string, Record<string, Fields>> = {};
  for (const { element, blockId } of elements) {
    if (element.type === 'button' || element.type === 'image' || element.type === 'overflow') continue;
    const block = values[blockId] ?? {};
    block[textOf(element.action_id)] = element === used && usedState ? usedState : initialState(element);
    values[blockId] = block;
  }
  return values;
}
