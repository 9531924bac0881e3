import type { Channel, Fields, Message, Person, View } from './model.ts';
import type { Wire } from './wire.ts';
import type { Workspace } from './workspace.ts';

/** The deprecated verification token still travels in every payload. */
const verificationToken = 'local-verification-token';

/** What Slack tells the app when people act, https://docs.slack.dev/reference/interaction-payloads */
export class Payloads {
  readonly #workspace: Workspace;
  readonly #wire: Wire;

  constructor(workspace: Workspace, wire: Wire) {
    this.#workspace = workspace;
    this.#wire = wire;
  }

  get token(): string {
    return verificationToken;
  }

  /** Private channels and direct messages do not tell their names. */
  channelName(channel: Channel): string {
    if (channel.directWith !== null || channel.isBetweenPeople) return 'directmessage';
    return channel.isPrivate ? 'privategroup' : channel.name;
  }

  slash(options: {
    readonly person: Person;
    readonly channel: Channel;
    readonly command: string;
    readonly text: string;
    readonly responseUrl: string;
    readonly triggerId: string;
  }): Fields {
    const { person, channel } = options;
    return {
      token: verificationToken,
      team_id: person.teamId,
      team_domain: this.#workspace.domain,
      channel_id: channel.id,
      channel_name: this.channelName(channel),
      user_id: person.id,
      user_name: person.name,
      command: options.command,
      text: options.text,
      api_app_id: this.#workspace.appId,
      is_enterprise_install: 'false',
      response_url: options.responseUrl,
      trigger_id: options.triggerId,
    };
  }

  event(event: Fields, channel: Channel | null): Fields {
    const { teamId, appId, botUserId } = this.#workspace;
    return {
      token: verificationToken,
      team_id: teamId,
      context_team_id: teamId,
      context_enterprise_id: null,
      api_app_id: appId,
      event,
      type: 'event_callback',
      event_id: this.#workspace.newId('Ev'),
      event_time: Math.floor(Date.now() / 1000),
      authorizations: [
        { enterprise_id: null, team_id: teamId, user_id: botUserId, is_bot: true, is_enterprise_install: false },
      ],
      is_ext_shared_channel: channel?.isExtShared ?? false,
      event_context: `4-${this.#workspace.newId('E')}`,
    };
  }

  messageEvent(type: 'message' | 'app_mention', message: Message, channel: Channel, person: Person): Fields {
    const wire = this.#wire.message(message, { metadata: 'omit' });
    const kind = channel.directWith !== null ? 'im' : channel.isPrivate ? 'group' : 'channel';
    return {
      type,
      user: person.id,
      ...(message.files.length > 0 && type === 'message' ? { subtype: 'file_share' } : {}),
      ts: message.ts,
      client_msg_id: this.#workspace.newId('M'),
      text: message.text,
      team: person.teamId,
      ...(person.isStranger ? { user_team: person.teamId, source_team: person.teamId } : {}),
      ...(message.threadTs === null ? {} : { thread_ts: message.threadTs, parent_user_id: wire.parent_user_id }),
      ...(wire.files === undefined ? {} : { files: wire.files }),
      channel: channel.id,
      event_ts: message.ts,
      ...(type === 'message' ? { channel_type: kind } : {}),
    };
  }

  #common(person: Person, type: string): Fields {
    const { teamId, domain, appId } = this.#workspace;
    return {
      type,
      user: { id: person.id, username: person.name, name: person.name, team_id: person.teamId },
      api_app_id: appId,
      token: verificationToken,
      team: { id: teamId, domain },
      enterprise: null,
      is_enterprise_install: false,
    };
  }

  messageAction(options: {
    readonly person: Person;
    readonly channel: Channel;
    readonly message: Message;
    readonly action: Fields;
    readonly state: Fields;
    readonly responseUrl: string;
    readonly triggerId: string;
  }): Fields {
    const { person, channel, message } = options;
    const isEphemeral = message.visibleTo !== null;
    return {
      ...this.#common(person, 'block_actions'),
      container: {
        type: 'message',
        message_ts: message.ts,
        channel_id: channel.id,
        is_ephemeral: isEphemeral,
        ...(message.threadTs === null ? {} : { thread_ts: message.threadTs }),
      },
      trigger_id: options.triggerId,
      channel: { id: channel.id, name: this.channelName(channel) },
      ...(isEphemeral ? {} : { message: this.#wire.message(message, { metadata: 'include' }) }),
      state: { values: options.state },
      response_url: options.responseUrl,
      actions: [options.action],
    };
  }

  viewAction(person: Person, view: View, action: Fields, triggerId: string): Fields {
    return {
      ...this.#common(person, 'block_actions'),
      container: { type: 'view', view_id: view.id },
      trigger_id: triggerId,
      view: this.#wire.view(view),
      actions: [action],
    };
  }

  viewSubmission(person: Person, view: View, triggerId: string): Fields {
    return {
      ...this.#common(person, 'view_submission'),
      trigger_id: triggerId,
      view: this.#wire.view(view),
      response_urls: [],
    };
  }

  viewClosed(person: Person, view: View, isCleared: boolean): Fields {
    return { ...this.#common(person, 'view_closed'), view: this.#wire.view(view), is_cleared: isCleared };
  }
}
