import type { ApiCall, ApiMethod } from './api-call.ts';
import { ApiError, findChannel, pageOf, scopeFor } from './api-call.ts';
import type { Channel, Message } from './model.ts';

function readable(call: ApiCall): Channel {
  const channel = findChannel(call);
  call.requireScope([scopeFor(channel, 'history')]);
  if (!call.workspace.isMember(channel, call.workspace.botUserId)) throw new ApiError('not_in_channel');
  return channel;
}

/** Whether a message lies in the asked window; the borders count only with `inclusive`. */
function isWithin(call: ApiCall, message: Message): boolean {
  const { args } = call;
  const isInclusive = args.isSet('inclusive');
  const ts = Number(message.ts);
  for (const name of ['oldest', 'latest'] as const) {
    if (!args.has(name)) continue;
    const border = Number(args.text(name));
    if (!Number.isFinite(border)) throw new ApiError(name === 'oldest' ? 'invalid_ts_oldest' : 'invalid_ts_latest');
    if (message.ts === args.text(name) || ts === border) {
      if (!isInclusive) return false;
    } else if (name === 'oldest' ? ts < border : ts > border) return false;
  }
  return true;
}

function messagesPage(
  call: ApiCall,
  messages: readonly Message[],
  fallback: number,
): Readonly<Record<string, unknown>> {
  const page = pageOf(messages, call.args, { fallback, most: 999 });
  const metadata = call.args.isSet('include_all_metadata') ? 'include' : 'omit';
  return {
    messages: page.items.map((message) => call.wire.message(message, { metadata })),
    has_more: page.nextCursor !== '',
    ...(page.nextCursor === '' ? {} : { response_metadata: { next_cursor: page.nextCursor } }),
  };
}

/** conversations.*: where people talk, who is there and what was said. */
export const conversationMethods: Readonly<Record<string, ApiMethod>> = {
  'conversations.list'(call) {
    const types = (call.args.text('types') || 'public_channel').split(',').map((type) => type.trim());
    const scopes = {
      public_channel: 'channels:read',
      private_channel: 'groups:read',
      im: 'im:read',
      mpim: 'mpim:read',
    };
    for (const type of types) {
      const scope = scopes[type as keyof typeof scopes];
      if (scope === undefined) throw new ApiError('invalid_types');
      call.requireScope([scope]);
    }
    const { workspace } = call;
    const listed = [...workspace.channels.values()].filter((channel) => {
      if (call.args.isSet('exclude_archived') && channel.isArchived) return false;
      if (channel.isBetweenPeople) return false;
      if (channel.directWith !== null) return types.includes('im');
      if (channel.isPrivate)
        return types.includes('private_channel') && workspace.isMember(channel, workspace.botUserId);
      return types.includes('public_channel');
    });
    const page = pageOf(listed, call.args, { fallback: 100, most: 1000 });
    return {
      channels: page.items.map((channel) => call.wire.channel(channel)),
      response_metadata: { next_cursor: page.nextCursor },
    };
  },

  'conversations.info'(call) {
    const channel = findChannel(call);
    call.requireScope([scopeFor(channel, 'read')]);
    return { channel: call.wire.channel(channel) };
  },

  'conversations.history'(call) {
    const channel = readable(call);
    const roots = call.workspace
      .visible(channel.id)
      .filter((message) => message.threadTs === null || message.isBroadcast)
      .filter((message) => isWithin(call, message))
      .reverse();
    return { ...messagesPage(call, roots, 100), pin_count: 0 };
  },

  'conversations.replies'(call) {
    const channel = readable(call);
    const ts = call.args.required('ts', 'thread_not_found');
    const message = call.workspace.message(channel.id, ts);
    if (!message || message.visibleTo !== null) throw new ApiError('thread_not_found');
    if (message.threadTs !== null) return messagesPage(call, [message], 1000);
    const replies = call.workspace.replies(channel.id, ts).filter((reply) => isWithin(call, reply));
    return messagesPage(call, [message, ...replies], 999);
  },

  'conversations.members'(call) {
    const channel = findChannel(call);
    call.requireScope([scopeFor(channel, 'read')]);
    const page = pageOf(channel.members, call.args, { fallback: 100, most: 1000 });
    return { members: page.items, response_metadata: { next_cursor: page.nextCursor } };
  },

  'conversations.open'(call) {
    call.requireScope(['im:write']);
    const { workspace, args } = call;
    if (args.has('channel')) return { channel: { id: findChannel(call).id } };
    const users = args.required('users', 'users_list_not_supplied').split(',');
    if (users.length > 1) throw new ApiError('method_not_supported_for_channel_type');
    const person = workspace.people.get(users[0] ?? '');
    if (!person) throw new ApiError('user_not_found');
    if (person.isDeleted) throw new ApiError('user_disabled');
    if (person.isBot) throw new ApiError('cannot_dm_bot');
    const wasOpen = [...workspace.channels.values()].some((channel) => channel.directWith === person.id);
    const channel = workspace.directMessage(person.id);
    return {
      ...(wasOpen ? { no_op: true, already_open: true } : {}),
      channel: args.isSet('return_im') ? call.wire.channel(channel) : { id: channel.id },
    };
  },

  'conversations.join'(call) {
    call.requireScope(['channels:join']);
    const channel = findChannel(call);
    if (channel.isPrivate) throw new ApiError('method_not_supported_for_channel_type');
    if (channel.isArchived) throw new ApiError('is_archived');
    const { workspace } = call;
    if (workspace.isMember(channel, workspace.botUserId)) {
      const warning = 'already_in_channel';
      return { channel: call.wire.channel(channel), warning, response_metadata: { warnings: [warning] } };
    }
    channel.members = [...channel.members, workspace.botUserId];
    workspace.changed();
    return { channel: call.wire.channel(channel) };
  },
};
