import type { Channel, Fields, Message, Person, StoredFile, View } from './model.ts';
import type { Workspace } from './workspace.ts';

/** How the workspace's nouns look in Slack's answers and payloads. */
export class Wire {
  readonly #workspace: Workspace;
  readonly #base: () => string;

  constructor(workspace: Workspace, base: () => string) {
    this.#workspace = workspace;
    this.#base = base;
  }

  message(message: Message, options: { readonly metadata: 'include' | 'omit' }): Fields {
    const { botUserId, botId, appId, teamId } = this.#workspace;
    const isBots = message.user === botUserId;
    const replies = message.threadTs === null ? this.#workspace.replies(message.channel, message.ts) : [];
    const last = replies.at(-1);
    return {
      type: 'message',
      ...(message.isTombstone ? { subtype: 'tombstone', hidden: true } : {}),
      ...(message.isBroadcast ? { subtype: 'thread_broadcast' } : {}),
      user: message.isTombstone ? 'USLACKBOT' : message.user,
      text: message.text,
      ts: message.ts,
      team: teamId,
      ...(isBots ? { bot_id: botId, app_id: appId } : {}),
      ...(message.blocks.length > 0 ? { blocks: message.blocks } : {}),
      ...(message.attachments.length > 0 ? { attachments: message.attachments } : {}),
      ...(message.files.length > 0
        ? {
            files: message.files
              .map((id) => this.#workspace.files.get(id))
              .flatMap((file) => (file ? [this.file(file)] : [])),
          }
        : {}),
      ...(message.reactions.length > 0
        ? { reactions: message.reactions.map(({ name, users }) => ({ name, users, count: users.length })) }
        : {}),
      // An edit that brings blocks shows no mark, https://docs.slack.dev/reference/methods/chat.update
      ...(message.editedTs !== null && message.blocks.length === 0
        ? { edited: { user: isBots ? botId : message.user, ts: message.editedTs } }
        : {}),
      ...(message.threadTs !== null ? { thread_ts: message.threadTs, parent_user_id: this.#parent(message) } : {}),
      ...(last
        ? {
            thread_ts: message.ts,
            reply_count: replies.length,
            reply_users_count: new Set(replies.map((reply) => reply.user)).size,
            reply_users: [...new Set(replies.map((reply) => reply.user))].slice(0, 5),
            latest_reply: last.ts,
            is_locked: false,
            subscribed: false,
          }
        : {}),
      ...(options.metadata === 'include' && message.metadata !== null ? { metadata: message.metadata } : {}),
    };
  }

  #parent(message: Message): string {
    return this.#workspace.message(message.channel, message.threadTs ?? '')?.user ?? message.user;
  }

  file(file: StoredFile): Fields {
    const address = `${this.#base()}/files-pri/${this.#workspace.teamId}-${file.id}/${encodeURIComponent(file.name)}`;
    return {
      id: file.id,
      created: file.createdSeconds,
      timestamp: file.createdSeconds,
      name: file.name,
      title: file.title,
      mimetype: file.mimetype,
      filetype: file.name.includes('.') ? file.name.split('.').at(-1) : 'text',
      user: file.user,
      size: file.content.length,
      ...(file.alt === '' ? {} : { alt_txt: file.alt }),
      mode: 'hosted',
      is_external: false,
      is_public: false,
      url_private: address,
      url_private_download: `${address}?download=1`,
      permalink: `${this.#base()}/files/${file.user}/${file.id}`,
    };
  }

  channel(channel: Channel): Fields {
    const { botUserId, teamId } = this.#workspace;
    if (channel.directWith !== null) {
      return {
        id: channel.id,
        created: channel.createdSeconds,
        is_im: true,
        is_org_shared: false,
        is_archived: false,
        user: channel.directWith,
        is_user_deleted: this.#workspace.people.get(channel.directWith)?.isDeleted ?? false,
      };
    }
    return {
      id: channel.id,
      name: channel.name,
      name_normalized: channel.name,
      created: channel.createdSeconds,
      creator: channel.members[0] ?? botUserId,
      is_channel: !channel.isPrivate,
      is_group: channel.isPrivate,
      is_im: false,
      is_mpim: false,
      is_private: channel.isPrivate,
      is_archived: channel.isArchived,
      is_general: false,
      is_shared: channel.isExtShared,
      is_ext_shared: channel.isExtShared,
      is_org_shared: false,
      is_pending_ext_shared: false,
      is_member: channel.members.includes(botUserId),
      context_team_id: teamId,
      num_members: channel.members.length,
      topic: { value: '', creator: '', last_set: 0 },
      purpose: { value: '', creator: '', last_set: 0 },
    };
  }

  person(person: Person): Fields {
    return {
      id: person.id,
      team_id: person.teamId,
      name: person.name,
      real_name: person.realName,
      deleted: person.isDeleted,
      tz: person.timezone,
      tz_label: person.timezone,
      tz_offset: offsetSeconds(person.timezone),
      profile: {
        real_name: person.realName,
        display_name: person.name,
        team: person.teamId,
        ...(person.isBot && person.id === this.#workspace.botUserId
          ? { bot_id: this.#workspace.botId, api_app_id: this.#workspace.appId }
          : {}),
      },
      is_bot: person.isBot,
      is_app_user: false,
      is_admin: false,
      is_owner: false,
      is_restricted: person.isGuest,
      is_ultra_restricted: person.isUltraRestricted,
      ...(person.isStranger ? { is_stranger: true } : {}),
      updated: 0,
    };
  }

  view(view: View): Fields {
    const { teamId, appId, botId } = this.#workspace;
    return {
      id: view.id,
      team_id: teamId,
      private_metadata: '',
      callback_id: '',
      external_id: '',
      clear_on_close: false,
      notify_on_close: false,
      close: null,
      submit: null,
      ...view.content,
      type: view.type,
      state: { values: view.state },
      hash: view.hash,
      previous_view_id: view.previousId,
      root_view_id: view.rootId,
      app_id: appId,
      app_installed_team_id: teamId,
      bot_id: botId,
    };
  }
}

/** How far a time zone is from UTC now; 0 where it is not known. */
function offsetSeconds(timezone: string): number {
  try {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' }).formatToParts(
      Date.now(),
    );
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    const found = /GMT([+-])(\d\d):(\d\d)/.exec(name);
    if (!found) return 0;
    return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 3600 + Number(found[3]) * 60);
  } catch {
    return 0;
  }
}
