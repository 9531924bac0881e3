import type { ApiCall, ApiMethod } from './api-call.ts';
import { ApiError, findChannel, readContent, readMetadata } from './api-call.ts';
import type { Channel, Message } from './model.ts';

const longestPost = 40_000;
/** "Message text is too long. The text field cannot exceed 4,000 characters.", chat.update's own limit. */
const longestUpdate = 4000;

/** Where a post goes: a channel's id, or a person's, which opens their direct message with the bot. */
function destination(call: ApiCall): Channel {
  const { workspace } = call;
  const id = call.args.required('channel', 'channel_not_found').replace(/^#/, '');
  const person = workspace.people.get(id);
  if (person) {
    if (person.isBot || person.isDeleted) throw new ApiError('channel_not_found');
    return workspace.directMessage(person.id);
  }
  const channel = workspace.channels.get(id) ?? [...workspace.channels.values()].find((each) => each.name === id);
  if (!channel) throw new ApiError('channel_not_found');
  if (!workspace.isMember(channel, workspace.botUserId)) {
    if (channel.isPrivate) throw new ApiError('channel_not_found');
    if (!workspace.scopes.includes('chat:write.public')) throw new ApiError('not_in_channel');
  }
  if (channel.isArchived) throw new ApiError('is_archived');
  return channel;
}

/** The root that a reply belongs to. @throws ApiError thread_not_found */
function threadRoot(call: ApiCall, channel: Channel): string | null {
  if (!call.args.has('thread_ts')) return null;
  const message = call.workspace.message(channel.id, call.args.text('thread_ts'));
  if (!message || message.visibleTo !== null) throw new ApiError('thread_not_found');
  return message.threadTs ?? message.ts;
}

function ownMessage(call: ApiCall, channel: Channel, code: string): Message {
  const message = call.workspace.message(channel.id, call.args.required('ts', 'message_not_found'));
  if (!message || message.visibleTo !== null || message.isTombstone) throw new ApiError('message_not_found');
  if (message.user !== call.workspace.botUserId) throw new ApiError(code);
  return message;
}

function existingChannel(call: ApiCall): Channel {
  const channel = findChannel(call);
  if (channel.isArchived) throw new ApiError('is_archived');
  return channel;
}

/** chat.*: what the bot says, and takes back. */
export const chatMethods: Readonly<Record<string, ApiMethod>> = {
  'chat.postMessage'(call) {
    call.requireScope(['chat:write']);
    const channel = destination(call);
    const content = readContent(call.args, longestPost);
    const metadata = readMetadata(call.args);
    const message = call.workspace.post({
      channel: channel.id,
      user: call.workspace.botUserId,
      source: 'bot',
      text: content.text ?? '',
      blocks: content.blocks ?? [],
      attachments: content.attachments ?? [],
      threadTs: threadRoot(call, channel),
      isBroadcast: call.args.isSet('reply_broadcast'),
      metadata: metadata ?? null,
    });
    return { channel: channel.id, ts: message.ts, message: call.wire.message(message, { metadata: 'include' }) };
  },

  'chat.update'(call) {
    call.requireScope(['chat:write']);
    const channel = existingChannel(call);
    const message = ownMessage(call, channel, 'cant_update_message');
    const content = readContent(call.args, longestUpdate);
    // Blocks stay where neither text nor blocks are given; text alone takes them away.
    const blocks = content.blocks ?? (content.text === undefined ? undefined : []);
    call.workspace.edit(message, {
      text: content.text,
      blocks,
      attachments: content.attachments,
      metadata: readMetadata(call.args),
    });
    return {
      channel: channel.id,
      ts: message.ts,
      text: message.text,
      message: call.wire.message(message, { metadata: 'include' }),
    };
  },

  'chat.delete'(call) {
    call.requireScope(['chat:write']);
    const channel = findChannel(call);
    const message = ownMessage(call, channel, 'cant_delete_message');
    call.workspace.remove(message);
    return { channel: channel.id, ts: message.ts };
  },

  'chat.postEphemeral'(call) {
    call.requireScope(['chat:write']);
    const channel = findChannel(call);
    const { workspace } = call;
    if (!workspace.isMember(channel, workspace.botUserId)) throw new ApiError('not_in_channel');
    if (channel.isArchived) throw new ApiError('is_archived');
    const user = call.args.required('user');
    if (!workspace.people.has(user)) throw new ApiError('user_not_found');
    if (!workspace.isMember(channel, user)) throw new ApiError('user_not_in_channel');
    const content = readContent(call.args, longestPost);
    const message = workspace.post({
      channel: channel.id,
      user: workspace.botUserId,
      source: 'bot',
      text: content.text ?? '',
      blocks: content.blocks ?? [],
      attachments: content.attachments ?? [],
      threadTs: threadRoot(call, channel),
      visibleTo: user,
    });
    return { message_ts: message.ts };
  },

  'chat.getPermalink'(call) {
    const channel = findChannel(call);
    const ts = call.args.required('message_ts', 'message_not_found');
    const message = call.workspace.message(channel.id, ts);
    if (!message) throw new ApiError('message_not_found');
    const thread = message.threadTs === null ? '' : `?thread_ts=${message.threadTs}&cid=${channel.id}`;
    const permalink = `${call.baseUrl}/archives/${channel.id}/p${ts.replace('.', '')}${thread}`;
    return { channel: channel.id, permalink };
  },
};

/** reactions.*: emoji on messages. */
export const reactionMethods: Readonly<Record<string, ApiMethod>> = {
  'reactions.add'(call) {
    call.requireScope(['reactions:write']);
    const message = reactedMessage(call);
    const name = call.args.required('name', 'invalid_name').replaceAll(':', '');
    if (call.workspace.react(message, name, call.workspace.botUserId) === 'already_reacted') {
      throw new ApiError('already_reacted');
    }
    return {};
  },

  'reactions.remove'(call) {
    call.requireScope(['reactions:write']);
    const message = reactedMessage(call);
    const name = call.args.required('name', 'invalid_name').replaceAll(':', '');
    if (call.workspace.unreact(message, name, call.workspace.botUserId) === 'no_reaction') {
      throw new ApiError('no_reaction');
    }
    return {};
  },

  'reactions.get'(call) {
    call.requireScope(['reactions:read']);
    const message = reactedMessage(call);
    return { type: 'message', channel: message.channel, message: call.wire.message(message, { metadata: 'omit' }) };
  },
};

function reactedMessage(call: ApiCall): Message {
  const channel = findChannel(call);
  if (!call.workspace.isMember(channel, call.workspace.botUserId)) throw new ApiError('not_in_channel');
  const message = call.workspace.message(channel.id, call.args.required('timestamp', 'no_item_specified'));
  if (!message || message.visibleTo !== null) throw new ApiError('message_not_found');
  return message;
}
