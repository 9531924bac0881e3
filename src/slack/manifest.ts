import { stringify } from 'yaml';
import type { Command } from '../command.ts';
import type { Config } from '../config.ts';
import { nounOf, verbOf } from '../grammar.ts';
import { shortened } from '../report/text.ts';

/** What the bot's token must be allowed, and for what. `quorum check` compares them. */
export const scopes: Readonly<Record<string, string>> = {
  commands: 'slash commands',
  'chat:write': 'answers',
  'app_mentions:read': 'mentions in threads',
  'channels:history': 'finding its own messages again after an unknown outcome',
  'groups:history': 'the same in private channels',
  'im:history': 'being asked in direct messages',
  'channels:read': 'seeing whether a channel is shared with another organisation',
  'groups:read': 'the same in private channels',
  'im:read': 'the same in direct messages',
  'im:write': 'answering by direct message where a channel cannot be written to',
  'users:read': 'telling members from guests',
  'usergroups:read': 'roles that are given to user groups',
  'files:write': 'answers that are too long for a message',
  'files:read': 'certificates that are given in a form',
};

/** Where Slack sends requests in http mode; the host is the workspace owner's to fill in. */
const requestUrl = 'https://YOUR-HOST/slack/events';

/**
 * The Slack app manifest, YAML, made from the commands: paste it at api.slack.com/apps, "Create New App", "From a manifest".
 * Source of its shape: https://api.slack.com/reference/manifests
 */
export function manifest(
  commands: readonly Command[],
  slack: Pick<NonNullable<Config['slack']>, 'mode' | 'commandPrefix'> | undefined,
): string {
  const mode = slack?.mode ?? 'socket';
  const prefix = slack?.commandPrefix ?? '';
  const nouns = [...new Set(commands.map(nounOf))];
  const urlInHttpMode = (key: string) => (mode === 'http' ? { [key]: requestUrl } : {});
  return stringify({
    display_information: {
      name: 'Quorum',
      description: 'etcd health, OOM-killed Java pods, and risky operations that wait for a second person',
      background_color: '#1f2937',
    },
    features: {
      app_home: { home_tab_enabled: false, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      bot_user: { display_name: 'Quorum', always_online: true },
      slash_commands: nouns.map((noun) => {
        const ofNoun = commands.filter((command) => nounOf(command) === noun);
        return {
          command: `/${prefix}${noun}`,
          ...urlInHttpMode('url'),
          description: shortened(ofNoun[0]?.summary ?? '', 100),
          usage_hint: shortened([...ofNoun.map(verbOf), 'help'].join(' | '), 100),
          should_escape: false,
        };
      }),
    },
    oauth_config: { scopes: { bot: Object.keys(scopes) } },
    settings: {
      event_subscriptions: { ...urlInHttpMode('request_url'), bot_events: ['app_mention', 'message.im'] },
      interactivity: { is_enabled: true, ...urlInHttpMode('request_url') },
      org_deploy_enabled: false,
      socket_mode_enabled: mode === 'socket',
      token_rotation_enabled: false,
    },
  });
}
