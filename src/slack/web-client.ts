import {
  LogLevel,
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebClient,
  type WebClientOptions,
} from '@slack/web-api';
import { z } from 'zod';
import type { Person } from '../access.ts';
import { Refusal } from '../refusal.ts';
import { messageOf } from '../thrown.ts';
import type { Message } from './message.ts';
import { type Channel, SlackFailure, type SlackWeb } from './web.ts';

/** Long enough for Slack on a bad day; a call that takes longer has an unknown outcome. */
const callTimeoutMs = 10_000;
/** A person is looked up while Slack waits for its ack of 3 s. */
const lookupTimeoutMs = 1000;
const personKeptMs = 60_000;
const channelKeptMs = 10 * 60_000;
/** Slack's clock and ours may differ by as much when a channel's history is searched. */
const clockSkewMs = 60_000;
const historyPages = 5;

/** The event type of the metadata that every post carries. */
const metadataType = 'quorum_post';

/** Errors of the platform that say nothing about whether the call was carried out. Source: https://api.slack.com/methods/chat.postMessage#errors */
const unclearErrors = ['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout', 'team_added_to_org'];

const posted = z.object({ ts: z.string() });
const messages = z.object({
  messages: z.array(
    z.object({
      ts: z.string(),
      metadata: z
        .object({ event_type: z.string().optional(), event_payload: z.record(z.string(), z.unknown()).optional() })
        .optional(),
    }),
  ),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});
const channelInfo = z.object({
  channel: z.object({
    is_ext_shared: z.boolean().optional(),
    is_org_shared: z.boolean().optional(),
    is_im: z.boolean().optional(),
    is_mpim: z.boolean().optional(),
    is_archived: z.boolean().optional(),
    is_member: z.boolean().optional(),
  }),
});
const userInfo = z.object({
  user: z.object({
    id: z.string(),
    team_id: z.string().optional(),
    deleted: z.boolean().optional(),
    is_bot: z.boolean().optional(),
    is_restricted: z.boolean().optional(),
    is_ultra_restricted: z.boolean().optional(),
    is_stranger: z.boolean().optional(),
    enterprise_user: z.object({ enterprise_id: z.string().optional() }).optional(),
  }),
});
const fileInfo = z.object({
  file: z.object({
    name: z.string(),
    size: z.number(),
    url_private: z.string(),
    url_private_download: z.string().optional(),
  }),
});
const uploadPlace = z.object({ upload_url: z.string(), file_id: z.string() });
const groupUsers = z.object({ users: z.array(z.string()) });
const linked = z.object({ permalink: z.string() });
const direct = z.object({ channel: z.object({ id: z.string() }) });
const identitySchema = z.object({
  user_id: z.string(),
  user: z.string().default(''),
  team_id: z.string(),
  enterprise_id: z.string().optional(),
  team: z.string().default(''),
  response_metadata: z.object({ scopes: z.array(z.string()).optional() }).optional(),
});

/**
 * Slack's Web API with one attempt and a deadline for every call. The client's own retries and its queue for rate limits are off:
 * a retried post could stand there twice, and a limit in one channel would pause all of them.
 */
export function connectSlackWeb(slack: { botToken: string; apiUrl: string }): SlackWeb {
  const options: WebClientOptions = {
    slackApiUrl: slack.apiUrl,
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
    timeout: callTimeoutMs,
    logLevel: LogLevel.ERROR,
    logger: silent,
  };
  const client = new WebClient(slack.botToken, options);
  const quick = new WebClient(slack.botToken, { ...options, timeout: lookupTimeoutMs });
  const people = new Kept<Person>(personKeptMs);
  const channels = new Kept<Channel>(channelKeptMs);
  let own: { readonly teamId: string; readonly enterpriseId: string | undefined } | undefined;

  async function call<T>(
    schema: z.ZodType<T>,
    method: string,
    args: Record<string, unknown>,
    by: WebClient = client,
  ): Promise<T> {
    try {
      return schema.parse(await by.apiCall(method, args));
    } catch (error) {
      throw failureOf(method, error);
    }
  }

  const identity = async (by: WebClient = client) => {
    const answer = await call(identitySchema, 'auth.test', {}, by);
    own = { teamId: answer.team_id, enterpriseId: answer.enterprise_id };
    const scopes = answer.response_metadata?.scopes ?? [];
    return { userId: answer.user_id, botName: answer.user, teamId: answer.team_id, team: answer.team, scopes };
  };

  return {
    async post(target, message, key) {
      const answer = await call(posted, 'chat.postMessage', {
        channel: target.channelId,
        ...(target.threadTs === undefined ? {} : { thread_ts: target.threadTs }),
        ...content(message),
        metadata: { event_type: metadataType, event_payload: { key } },
        unfurl_links: false,
        unfurl_media: false,
      });
      return answer.ts;
    },
    async update(at, message) {
      await call(z.unknown(), 'chat.update', { channel: at.channelId, ts: at.ts, ...content(message) });
    },
    async remove(at) {
      await call(z.unknown(), 'chat.delete', { channel: at.channelId, ts: at.ts });
    },
    async findPost(target, key, sinceMs) {
      const oldest = String((sinceMs - clockSkewMs) / 1000);
      const [method, where] =
        target.threadTs === undefined
          ? ['conversations.history', { channel: target.channelId }]
          : ['conversations.replies', { channel: target.channelId, ts: target.threadTs }];
      let cursor: string | undefined;
      for (let page = 0; page < historyPages; page++) {
        const answer = await call(messages, method, {
          ...where,
          oldest,
          inclusive: true,
          include_all_metadata: true,
          limit: 200,
          ...(cursor === undefined ? {} : { cursor }),
        });
        const found = answer.messages.find(
          ({ metadata }) => metadata?.event_type === metadataType && metadata.event_payload?.key === key,
        );
        if (found !== undefined) return found.ts;
        cursor = answer.response_metadata?.next_cursor;
        if (cursor === undefined || cursor === '') return undefined;
      }
      return undefined;
    },
    async whisper(target, userId, message) {
      await call(z.unknown(), 'chat.postEphemeral', {
        channel: target.channelId,
        user: userId,
        ...(target.threadTs === undefined ? {} : { thread_ts: target.threadTs }),
        ...content(message),
      });
    },
    async respond(responseUrl, message) {
      let response: Response;
      try {
        response = await fetch(responseUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ response_type: 'ephemeral', replace_original: false, ...content(message) }),
          signal: AbortSignal.timeout(callTimeoutMs),
        });
      } catch (error) {
        throw new SlackFailure('response_url', 'unknown', messageOf(error));
      }
      if (response.ok) return;
      const reason = (await response.text().catch(() => '')).slice(0, 200);
      throw new SlackFailure(
        'response_url',
        response.status >= 500 ? 'unknown' : 'refused',
        reason === '' ? `HTTP ${response.status}` : reason,
      );
    },
    async upload(target, file) {
      const content = typeof file.content === 'string' ? Buffer.from(file.content) : file.content;
      // Slack's name for it is alt_txt; filesUploadV2 of the client sends alt_text. Source: https://docs.slack.dev/reference/methods/files.getUploadURLExternal
      const { upload_url: address, file_id: id } = await call(uploadPlace, 'files.getUploadURLExternal', {
        filename: file.name,
        length: content.length,
        ...(file.alt === undefined ? {} : { alt_txt: file.alt }),
      });
      try {
        const response = await fetch(address, {
          method: 'POST',
          headers: { 'content-type': 'application/octet-stream' },
          body: new Uint8Array(content),
          signal: AbortSignal.timeout(callTimeoutMs),
        });
        if (!response.ok) throw new SlackFailure('upload', 'refused', `HTTP ${response.status}`);
      } catch (error) {
        throw error instanceof SlackFailure ? error : new SlackFailure('upload', 'unknown', messageOf(error));
      }
      await call(z.unknown(), 'files.completeUploadExternal', {
        files: [{ id, title: file.title }],
        channel_id: target.channelId,
        ...(target.threadTs === undefined ? {} : { thread_ts: target.threadTs }),
      });
    },
    async openDirect(userId) {
      return (await call(direct, 'conversations.open', { users: userId })).channel.id;
    },
    async permalink(at) {
      return (await call(linked, 'chat.getPermalink', { channel: at.channelId, message_ts: at.ts })).permalink;
    },
    async openModal(triggerId, view) {
      await call(z.unknown(), 'views.open', { trigger_id: triggerId, view }, quick);
    },
    async fileText(fileId, maxBytes) {
      const { file } = await call(fileInfo, 'files.info', { file: fileId }, quick);
      if (file.size > maxBytes)
        throw new Refusal(
          `The file ${file.name} has ${file.size} bytes; at most ${maxBytes} are read.`,
          'Give the certificate alone, as PEM.',
        );
      try {
        const response = await fetch(file.url_private_download ?? file.url_private, {
          headers: { authorization: `Bearer ${slack.botToken}` },
          signal: AbortSignal.timeout(lookupTimeoutMs),
        });
        if (!response.ok) throw new SlackFailure('file', 'refused', `HTTP ${response.status}`);
        return (await response.text()).slice(0, maxBytes);
      } catch (error) {
        throw error instanceof SlackFailure ? error : new SlackFailure('file', 'unknown', messageOf(error));
      }
    },
    channel: (channelId) =>
      channels.get(channelId, async () => {
        const { channel } = await call(channelInfo, 'conversations.info', { channel: channelId });
        return {
          isShared: channel.is_ext_shared === true,
          isDirect: channel.is_im === true || channel.is_mpim === true,
          isArchived: channel.is_archived === true,
          isMember: channel.is_member === true,
        };
      }),
    person: (userId, groups, age = 'kept') => {
      if (age === 'fresh') people.forget(userId);
      return people.get(userId, async () => {
        const [info, us, ...members] = await Promise.all([
          call(userInfo, 'users.info', { user: userId }, quick),
          own ?? identity(quick).then(() => own),
          ...groups.map((group) => call(groupUsers, 'usergroups.users.list', { usergroup: group }, quick)),
        ]);
        const { user } = info;
        // Of this workspace, or of another one of the same Enterprise Grid. Whoever shares a channel from outside is neither.
        const enterpriseId = user.enterprise_user?.enterprise_id;
        const isOfThisTeam =
          us !== undefined &&
          (user.team_id === us.teamId || (enterpriseId !== undefined && enterpriseId === us.enterpriseId));
        return {
          id: userId,
          isFullMember:
            isOfThisTeam &&
            user.deleted !== true &&
            user.is_bot !== true &&
            user.is_restricted !== true &&
            user.is_ultra_restricted !== true &&
            user.is_stranger !== true &&
            userId !== 'USLACKBOT',
          groups: groups.filter((_, index) => members[index]?.users.includes(userId) === true),
        };
      });
    },
    identity: () => identity(),
  };
}

/** Whether an app-level token opens a socket. @throws SlackFailure */
export async function tryAppToken(appToken: string, slackApiUrl: string): Promise<void> {
  const client = new WebClient(appToken, {
    slackApiUrl,
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
    timeout: callTimeoutMs,
    logger: silent,
  });
  try {
    await client.apps.connections.open({});
  } catch (error) {
    throw failureOf('apps.connections.open', error);
  }
}

/** mrkdwn is off where the text alone is shown: text from outside formats nothing. */
function content(message: Message): Record<string, unknown> {
  return message.blocks.length === 0
    ? { text: message.text, mrkdwn: false }
    : { text: message.text, blocks: message.blocks };
}

function failureOf(method: string, error: unknown): SlackFailure {
  if (error instanceof SlackFailure) return error;
  if (error instanceof WebAPIRateLimitedError)
    return new SlackFailure(method, 'rate-limited', 'ratelimited', error.retryAfter * 1000);
  if (error instanceof WebAPIPlatformError) {
    const code = error.data.error;
    const details = error.data.response_metadata?.messages ?? [];
    if (unclearErrors.includes(code)) return new SlackFailure(method, 'unknown', code);
    const failure = new SlackFailure(method, 'refused', code);
    if (details.length > 0) failure.message += ` (${details.join('; ').slice(0, 500)})`;
    return failure;
  }
  if (error instanceof WebAPIHTTPError)
    return new SlackFailure(method, error.statusCode >= 500 ? 'unknown' : 'refused', `HTTP ${error.statusCode}`);
  return new SlackFailure(method, 'unknown', messageOf(error));
}

/** Answers kept for a while; a failed one is not kept, and those who ask at the same time share one call. */
class Kept<T> {
  private readonly entries = new Map<string, { until: number; value: Promise<T> }>();
  private readonly keptMs: number;

  constructor(keptMs: number) {
    this.keptMs = keptMs;
  }

  forget(key: string): void {
    this.entries.delete(key);
  }

  get(key: string, load: () => Promise<T>): Promise<T> {
    const known = this.entries.get(key);
    if (known !== undefined && known.until > performance.now()) return known.value;
    if (this.entries.size > 10_000) this.entries.clear();
    const value = load();
    this.entries.set(key, { until: performance.now() + this.keptMs, value });
    value.catch(() => this.entries.delete(key));
    return value;
  }
}

const silent = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => LogLevel.ERROR,
  setName() {},
};
