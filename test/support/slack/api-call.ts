import { fieldsList, isFields, parseJson } from './json.ts';
import { areBlocksTooLong, BlockProblems, isMarkdownTooLong } from './limits.ts';
import type { Channel, Fields } from './model.ts';
import type { Wire } from './wire.ts';
import type { Workspace } from './workspace.ts';

/** An answer of the Web API that is not ok: HTTP 200 with Slack's error code. */
export class ApiError extends Error {
  readonly code: string;
  readonly details: Fields;

  constructor(code: string, details: Fields = {}) {
    super(code);
    this.code = code;
    this.details = details;
  }
}

/** What a method gets: its arguments, and what it may ask of the workspace. */
export type ApiCall = {
  readonly workspace: Workspace;
  readonly wire: Wire;
  readonly args: Arguments;
  readonly baseUrl: string;
  /** Spends a trigger id; the person it belongs to. @throws ApiError expired, exchanged or invalid. */
  redeemTrigger(id: string): { readonly user: string; readonly viewId: string | null };
  requireScope(anyOf: readonly string[]): void;
};

export type ApiMethod = (call: ApiCall) => Fields;

/** The arguments of one call, whichever way they were encoded. */
export class Arguments {
  readonly all: Fields;

  constructor(all: Fields) {
    this.all = all;
  }

  has(name: string): boolean {
    const value = this.all[name];
    return value !== undefined && value !== null && value !== '';
  }

  text(name: string): string {
    const value = this.all[name];
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  }

  /** @throws ApiError invalid_arguments, saying which argument is missing. */
  required(name: string, code = 'invalid_arguments'): string {
    const value = this.text(name);
    if (value !== '') return value;
    throw new ApiError(code, { response_metadata: { messages: [`[ERROR] missing required field: ${name}`] } });
  }

  isSet(name: string): boolean {
    const value = this.all[name];
    return value === true || value === 'true' || value === '1' || value === 1;
  }

  count(name: string, fallback: number, most: number): number {
    if (!this.has(name)) return fallback;
    const value = Number(this.all[name]);
    if (!Number.isInteger(value) || value < 1 || value > most) throw new ApiError('invalid_limit');
    return value;
  }

  /** A JSON argument: a string in a form, a value in a JSON body. Undefined where it is not given. */
  json(name: string, code: string): unknown {
    const value = this.all[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string') return value;
    const parsed = parseJson(value);
    if (parsed === undefined) throw new ApiError(code);
    return parsed;
  }
}

/** A message's content, checked against Slack's limits. Undefined marks what the call did not mention. */
export type Content = {
  readonly text: string | undefined;
  readonly blocks: readonly Fields[] | undefined;
  readonly attachments: readonly Fields[] | undefined;
};

/**
 * Reads and checks text, blocks and attachments.
 * @throws ApiError no_text, msg_too_long, invalid_blocks, invalid_blocks_format, msg_blocks_too_long, invalid_attachments.
 */
export function readContent(args: Arguments, longestText: number): Content {
  const text = args.all.text === undefined ? undefined : args.text('text');
  const blocks = args.json('blocks', 'invalid_blocks_format');
  const attachments = args.json('attachments', 'invalid_attachments');
  if (blocks !== undefined && !Array.isArray(blocks)) throw new ApiError('invalid_blocks_format');
  if (attachments !== undefined && !Array.isArray(attachments)) throw new ApiError('invalid_attachments');
  if (text !== undefined && text.length > longestText) throw new ApiError('msg_too_long');
  if (blocks !== undefined) refuseBadBlocks(new BlockProblems('message').of(blocks), 'invalid_blocks');
  if (blocks !== undefined && isMarkdownTooLong(blocks)) throw new ApiError('msg_blocks_too_long');
  if (blocks !== undefined && areBlocksTooLong(blocks)) throw new ApiError('msg_blocks_too_long');
  if (attachments !== undefined && attachments.length > 100) throw new ApiError('too_many_attachments');
  for (const [index, attachment] of fieldsList(attachments).entries()) {
    if (attachment.blocks === undefined) continue;
    const at = `/attachments/${index}/blocks`;
    refuseBadBlocks(new BlockProblems('message').of(attachment.blocks, at), 'invalid_attachments');
  }
  const isEmpty = (text ?? '').trim() === '' && fieldsList(blocks).length === 0 && fieldsList(attachments).length === 0;
  if (isEmpty) throw new ApiError('no_text');
  return {
    text,
    blocks: blocks === undefined ? undefined : fieldsList(blocks),
    attachments: attachments === undefined ? undefined : fieldsList(attachments),
  };
}

export function refuseBadBlocks(problems: readonly string[], code: string): void {
  if (problems.length === 0) return;
  throw new ApiError(code, {
    errors: problems,
    response_metadata: { messages: problems.map((problem) => `[ERROR] ${problem}`) },
  });
}

/** Message metadata: an event type and a flat payload. `{}` takes away what was there. */
export function readMetadata(args: Arguments): Fields | null | undefined {
  const metadata = args.json('metadata', 'invalid_metadata_format');
  if (metadata === undefined) return undefined;
  if (!isFields(metadata)) throw new ApiError('invalid_metadata_format');
  if (Object.keys(metadata).length === 0) return null;
  if (typeof metadata.event_type !== 'string' || !isFields(metadata.event_payload)) {
    throw new ApiError('invalid_metadata_schema');
  }
  if (JSON.stringify(metadata).length > 16_000) throw new ApiError('metadata_too_large');
  return metadata;
}

/** A channel that the bot can know of. @throws ApiError channel_not_found, for private ones it is not in, too. */
export function findChannel(call: ApiCall, argument = 'channel'): Channel {
  const channel = call.workspace.channels.get(call.args.required(argument, 'channel_not_found'));
  const isMember = channel?.members.includes(call.workspace.botUserId) ?? false;
  if (!channel || (channel.isPrivate && !isMember)) throw new ApiError('channel_not_found');
  return channel;
}

/** The scope that reads this kind of channel: `channels:history`, `groups:read` … */
export function scopeFor(channel: Channel, what: 'history' | 'read'): string {
  const kind = channel.directWith !== null ? 'im' : channel.isPrivate ? 'groups' : 'channels';
  return `${kind}:${what}`;
}

/** One page of a list, with a cursor as opaque as Slack's. */
export function pageOf<Item>(
  items: readonly Item[],
  args: Arguments,
  limits: { readonly fallback: number; readonly most: number },
): { readonly items: readonly Item[]; readonly nextCursor: string } {
  const limit = args.count('limit', limits.fallback, limits.most);
  let from = 0;
  if (args.has('cursor')) {
    const found = /^offset:(\d+)$/.exec(Buffer.from(args.text('cursor'), 'base64').toString('utf8'));
    if (!found) throw new ApiError('invalid_cursor');
    from = Number(found[1]);
  }
  const next = from + limit;
  const nextCursor = next < items.length ? Buffer.from(`offset:${next}`).toString('base64') : '';
  return { items: items.slice(from, next), nextCursor };
}
